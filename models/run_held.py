import logging

from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..engine import holding
from .notification import notification

_logger = logging.getLogger(__name__)


class IntegrationRun(models.Model):
    """A run that a guardrail has stopped: what would change, and who decided what."""

    _inherit = "integration.run"

    state = fields.Selection(selection_add=[("held", "Held"), ("done",)], ondelete={"held": "cascade"})
    trigger = fields.Selection(selection_add=[("held", "Held Changes")], ondelete={"held": "cascade"})
    held_at = fields.Datetime(string="Held On", readonly=True)
    held_side = fields.Selection([("import", "Import"), ("export", "Export")], string="Held Direction", readonly=True)
    held_count = fields.Integer(string="Held", readonly=True)
    held_preview = fields.Json(readonly=True)
    held_table = fields.Html(compute="_compute_held_table", string="What Would Change", sanitize=False)
    decided_by_id = fields.Many2one("res.users", readonly=True, index="btree_not_null", ondelete="set null")
    decided_at = fields.Datetime(readonly=True)
    decision = fields.Selection([("approved", "Approved"), ("rejected", "Rejected")], readonly=True)
    decision_reason = fields.Text(readonly=True)
    activity_id = fields.Many2one("mail.activity", readonly=True, index="btree_not_null", ondelete="set null")

    def _compute_held_table(self):
        whats = {"update": self.env._("Changed"), "create": self.env._("Created"), "delete": self.env._("Deleted")}
        for run in self:
            preview = run.held_preview or {}
            if not preview:
                run.held_table = False
                continue
            rows = Markup()
            for record in preview.get("records", []):
                changes = Markup("<br/>").join(
                    Markup("%s: <s>%s</s> → <b>%s</b>") % (label, _text(before), _text(after))
                    for label, (before, after) in (record.get("changes") or {}).items())
                rows += Markup("<tr><td>%s</td><td>%s</td><td>%s</td></tr>") % (
                    record.get("name") or "", whats.get(record.get("what"), ""), changes)
            counts = ", ".join(
                f"{whats.get(what, what)}: {count}" for what, count in sorted((preview.get("counts") or {}).items()))
            run.held_table = Markup(
                "<p>%s</p><table class='table table-sm'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>"
                "<tbody>%s</tbody></table>") % (
                    counts, self.env._("Record"), self.env._("What"), self.env._("Before → After"), rows)

    # -- for the engine ------------------------------------------------------------------------------------

    def _held(self, count, message, preview, joined):
        """Note that so many records are held, and ask the flow's responsible to decide.

        :param joined: more records of a run that is held already; its preview stays, with the new counts
        """
        self.ensure_one()
        if joined:
            known = dict(self.held_preview or {})
            totals = dict(known.get("counts") or {})
            for what, number in preview["counts"].items():
                totals[what] = totals.get(what, 0) + number
            known["counts"] = totals
            known["records"] = ((known.get("records") or []) + preview["records"])[:holding.PREVIEWED]
            preview = known
        self.write({
            "state": "held", "held_at": self.held_at if joined else fields.Datetime.now(), "ended_at": False,
            "held_count": (self.held_count or 0) + count if joined else count, "held_preview": preview,
            "message": message, "decision": False, "decided_by_id": False, "decided_at": False, "decision_reason": False})
        if not self.held_side:
            self.held_side = "import"
        if not self.activity_id:
            try:
                with self.env.cr.savepoint():
                    self._ask_to_decide(message)
            except (AccessError, UserError, ValidationError) as error:  # held is held, also where nobody can be asked
                _logger.warning("Nobody could be asked to decide about %s: %s", self.display_name, error)

    def _ask_to_decide(self, message):
        flow = self.flow_id
        person = flow.responsible_id or flow.connection_id.administrator_id or flow.user_id
        url = f"/odoo/action-integration_flow.integration_run_action/{self.id}"
        self.activity_id = flow.with_context(mail_activity_quick_update=True).activity_schedule(
            "mail.mail_activity_data_warning", user_id=person.id,
            summary=self.env._("%(flow)s is held: approve or reject", flow=flow.name),
            note=Markup("<p>%s</p><p><a href='%s'>%s</a></p>") % (message, url, self.env._("Look at what would change")))

    # -- buttons -------------------------------------------------------------------------------------------

    def _check_may_decide(self):
        """Who answers for the flow decides, or who configures it."""
        self.check_access("read")
        for run in self:
            if not self.env.user.has_group("integration_flow.group_integration_manager") and not (
                    run.sudo().flow_id.responsible_id == self.env.user
                    and self.env.user.has_group("integration_flow.group_integration_user")):
                raise AccessError(self.env._(
                    "Only the responsible of the flow %(flow)s or a manager of integrations may approve or reject.",
                    flow=run.flow_id.name))
            if run.state != "held":
                raise UserError(self.env._("%(run)s is not held (any more).", run=run.display_name))

    def action_approve(self):
        """What is held goes on."""
        self._check_may_decide()
        self.env.flush_all()
        for run in self.sudo():
            count = holding.release(self.env.cr, run, self.env.user, fields.Datetime.now())
            run._decided("approved", {"state": "open"}, self.env._("Approved."))
            run.flow_id.connection_id._wake()
        self.env.invalidate_all()
        return notification("success", self.env._("%(count)s records go on.", count=count if len(self) == 1 else ""))

    def action_reject(self):
        """Ask for the reason."""
        self._check_may_decide()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Reject"), "res_model": "integration.run.reject",
            "view_mode": "form", "target": "new", "context": {"default_run_ids": self.ids},
        }

    def _reject(self, reason):
        self._check_may_decide()
        self.env.flush_all()
        now = fields.Datetime.now()
        for run in self.sudo():
            count = holding.leave(self.env.cr, run, self.env.user, reason, now)
            run._decided("rejected", {"state": "done", "ended_at": now, "decision_reason": reason, "message": self.env._(
                "Rejected by %(user)s: %(reason)s", user=self.env.user.name, reason=reason)}, reason)
        self.env.invalidate_all()
        return notification("success", self.env._("%(count)s records were skipped.", count=count if len(self) == 1 else ""))

    def _decided(self, decision, vals, feedback):
        self.write({
            "decision": decision, "decided_by_id": self.env.user.id, "decided_at": fields.Datetime.now(), **vals})
        activity = self.activity_id
        self.activity_id = False
        if activity.exists():
            activity.action_feedback(feedback=feedback)



def _text(value):
    return "–" if value in (None, False, "") else str(value)
