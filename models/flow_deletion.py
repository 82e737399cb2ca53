import logging
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

_logger = logging.getLogger(__name__)

POLICIES = {"delete_in_odoo": "odoo", "delete_in_external": "external"}


class IntegrationFlow(models.Model):
    """What becomes of deleted records: by itself, or after somebody has approved; and how deletions are noticed."""

    _inherit = "integration.flow"

    delete_in_odoo = fields.Selection(selection_add=[("ask", "Ask First")], ondelete={"ask": "set default"})
    delete_in_external = fields.Selection(selection_add=[("ask", "Ask First")], ondelete={"ask": "set default"})
    delete_approved = fields.Selection([
        ("archive", "Archive"), ("delete", "Delete"),
    ], required=True, default="archive", string="After Approval",
        help="What is done in Odoo with an approved deletion. Records that cannot be archived are deleted.")
    archived_is_deleted = fields.Boolean(
        string="Archived Counts as Deleted",
        help="A record that is archived in Odoo is treated as if it were deleted. When it is restored, it is sent anew.")
    delete_detection = fields.Selection([
        ("none", "When They Are Reported"), ("full_scan", "Also by Full Scan"),
    ], required=True, default="none", string="Deletions There Are Noticed",
        help="Reported: by a webhook, or by a mark on the record in a list. Full scan: a run that reads everything takes "
             "linked records that are not in the list any more for deleted.")
    full_scan_days = fields.Integer(
        string="Read Everything Every (days)", default=1,
        help="Scheduled runs read only what has changed, where the other system can tell. So often one reads everything.")
    missing_limit_percent = fields.Float(
        string="Missing Records Believed (%)", default=20.0,
        help="When more of the linked records (and more than ten) are missing from a whole list, nothing is taken for "
             "deleted. With a guardrail for deletions, the guardrail decides instead. An empty list is never believed.")
    last_scan_at = fields.Datetime(string="Last Full Scan", readonly=True, copy=False)
    deletion_ids = fields.One2many("integration.deletion", "flow_id")
    deletion_count = fields.Integer(compute="_compute_deletion_count", string="Deletions to Approve")
    conflict_count = fields.Integer(compute="_compute_conflict_count", string="Fields in Conflict")
    deletion_activity_id = fields.Many2one(
        "mail.activity", readonly=True, copy=False, index="btree_not_null", ondelete="set null")

    _scan_sane = models.Constraint(
        "CHECK (full_scan_days > 0 AND missing_limit_percent BETWEEN 0 AND 100)",
        "A full scan is made every day or less often; the missing records believed are 0 to 100 percent.")

    def _compute_deletion_count(self):
        counts = dict(self.env["integration.deletion"]._read_group(
            [("flow_id", "in", self.ids), ("state", "=", "open")], ["flow_id"], ["__count"]))
        for flow in self:
            flow.deletion_count = counts.get(flow, 0)

    def _compute_conflict_count(self):
        counts = dict(self.env["integration.conflict"]._read_group(
            [("flow_id", "in", self.ids), ("decision", "=", False)], ["flow_id"], ["__count"]))
        for flow in self:
            flow.conflict_count = counts.get(flow, 0)

    @api.constrains("delete_detection", "list_query")
    def _check_full_scan(self):
        for flow in self:
            if flow.delete_detection == "full_scan" and flow.list_query:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: its list query reads only a part of the records over there, so a record that is missing "
                    "from the list is not deleted. Remove the list query, or notice deletions when they are reported.",
                    flow=flow.name))

    def write(self, vals):
        """Who is not asked any more has nothing to decide."""
        no_longer = {
            side: self.filtered(lambda flow, name=name: flow[name] == "ask" and vals[name] != "ask")
            for name, side in POLICIES.items() if name in vals}
        result = super().write(vals)
        for side, flows in no_longer.items():
            if flows:
                self.env["integration.deletion"].sudo().search(
                    [("flow_id", "in", flows.ids), ("side", "=", side)])._withdraw()
        return result

    # -- for the engine ------------------------------------------------------------------------------------

    def _is_scan_due(self, now):
        """Does the next scheduled run read everything, to see what is missing?"""
        self.ensure_one()
        return self.delete_detection == "full_scan" and self.direction != "export" and (
            not self.last_scan_at or self.last_scan_at <= now - timedelta(days=self.full_scan_days))

    def _tell_about_deletions(self):
        """One activity for the responsible of the flow while deletions wait; it closes with the last of them."""
        self.ensure_one()
        self.env["integration.deletion"].invalidate_model(flush=False)
        waiting = self.env["integration.deletion"].search_count(
            [("flow_id", "=", self.id), ("state", "=", "open")], limit=1)
        activity = self.deletion_activity_id
        if not waiting:
            self.deletion_activity_id = False
            if activity.exists():
                activity.action_feedback(feedback=self.env._("All deletions are decided."))
        elif not activity:
            self.deletion_activity_id = self._remind(
                self.env._("%(flow)s: deletions wait for approval", flow=self.name),
                self.env._("Records were deleted on one side. Look at them, then approve or reject each."),
                "integration_flow.integration_deletion_action", self.env._("Open the list"))

    def _tell_about_scan(self, run_id):
        """A whole list was not believed: somebody should look why."""
        run = self.env["integration.run"].browse(run_id)
        run.invalidate_recordset(flush=False)
        summary = self.env._("%(flow)s: the list is not complete", flow=self.name)
        if not self.activity_ids.filtered(lambda activity: activity.summary == summary):
            self._remind(
                summary, run.message, f"integration_flow.integration_run_action/{run_id}", self.env._("Open the run"))

    def _remind(self, summary, note, place, link):
        """An activity on the flow. What it is about counts, also where nobody can be asked."""
        person = self.responsible_id or self.connection_id.administrator_id or self.user_id
        try:
            with self.env.cr.savepoint():
                return self.with_context(mail_activity_quick_update=True).activity_schedule(
                    "mail.mail_activity_data_warning", user_id=person.id, summary=summary,
                    note=Markup("<p>%s</p><p><a href='/odoo/action-%s'>%s</a></p>") % (note, place, link))
        except (AccessError, UserError, ValidationError) as error:
            _logger.warning("%s, and nobody could be told: %s", summary, error)
            return self.env["mail.activity"]

    # -- buttons -------------------------------------------------------------------------------------------

    def action_open_deletions(self):
        return self._open(self.env._("Deletions to Approve"), "integration.deletion", [
            ("flow_id", "in", self.ids), ("state", "=", "open")])

    def action_open_conflicts(self):
        return self._open(self.env._("Conflicts"), "integration.conflict", [("flow_id", "in", self.ids)])
