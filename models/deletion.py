from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import deletions

# What a decision is called as a bulk action.
BULK = {deletions.APPROVED: "approve", deletions.REJECTED: "reject"}


class IntegrationDeletion(models.Model):
    """A record that is gone on one side, and a person who has to say whether it goes on the other side, too.

    It goes by itself when the record reappears. A rejected one is remembered until then, so that nobody is asked twice.
    Written by the engine in bulk; see ``engine/deletions.py``.
    """

    _name = "integration.deletion"
    _inherit = ["integration.decision.mixin"]
    _description = "Integration Pending Deletion"
    _order = "id desc"
    _log_access = False

    sync_id = fields.Many2one("integration.sync", string="Sync Record", required=True, readonly=True, ondelete="cascade")
    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade")
    connection_id = fields.Many2one(related="flow_id.connection_id")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    side = fields.Selection([
        ("odoo", "Odoo"), ("external", "The Other System"),
    ], string="Would Be Deleted In", required=True, readonly=True)
    what = fields.Selection([("archive", "Archive"), ("delete", "Delete")], required=True, readonly=True)
    what_text = fields.Char(string="What Will Happen", compute="_compute_what_text")
    name = fields.Char(string="Record", readonly=True)
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    external_id = fields.Char(string="External ID", readonly=True)
    state = fields.Selection([
        ("open", "To Decide"), ("approved", "Approved"), ("rejected", "Kept"),
    ], required=True, default="open", readonly=True)
    create_date = fields.Datetime(string="Since", readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    decided_at = fields.Datetime(readonly=True)
    external_url = fields.Char(related="sync_id.external_url")

    _record_unique = models.UniqueIndex("(sync_id, side)", "This deletion waits for a decision already.")
    _flow_index = models.Index("(flow_id, state)")

    @api.depends("name", "external_id")
    def _compute_display_name(self):
        for deletion in self:
            deletion.display_name = deletion.name or deletion.external_id or f"{deletion.model},{deletion.res_id}"

    @api.depends("side", "what", "connection_id")
    @api.depends_context("lang")
    def _compute_what_text(self):
        for deletion in self:
            if deletion.side == "external":
                deletion.what_text = self.env._("is deleted in %(system)s", system=deletion.connection_id.name)
            elif deletion.what == "archive":
                deletion.what_text = self.env._("is archived in Odoo")
            else:
                deletion.what_text = self.env._("is deleted in Odoo")

    # -- who may -------------------------------------------------------------------------------------------

    def _check_may_decide(self):
        """Who approves deletes: it asks for the right to delete (or archive) such a record by hand."""
        self._check_group(self.env._("You need the right 'Integrations: User' to decide about deletions."))
        refused = self - self._decidable()
        if refused:
            raise AccessError(self.env._(
                "You may not delete or archive %(model)s records like %(name)s yourself, so you cannot decide about it. "
                "Ask somebody who may.", model=self.env[refused[0].model]._description, name=refused[0].display_name))

    def _decidable(self):
        """Those whose record the user may delete (or archive) by hand."""
        if self.env.su:
            return self
        decidable = self.browse()
        for (model_name, side, what), rows in self.grouped(lambda row: (row.model, row.side, row.what)).items():
            if model_name not in self.env:
                continue
            model = self.env[model_name]
            if side == "external":
                # One that was deleted in Odoo cannot be asked any more: the right on its model counts.
                decidable += rows if model.has_access("unlink") else self.browse()
                continue
            operation = "write" if what == "archive" else "unlink"
            if not model.has_access(operation):
                continue
            records = model.browse({row.res_id for row in rows if row.res_id}).exists()
            refused = set((records - records._filtered_access(operation)).ids)
            decidable += rows.filtered(lambda row, refused=refused: row.res_id not in refused)
        return decidable

    # -- buttons -------------------------------------------------------------------------------------------

    def action_approve(self):
        """What is gone on one side goes on the other side, too."""
        return self._decide(deletions.APPROVED)

    def action_reject(self):
        """The record is kept, and nobody is asked again until it reappears."""
        return self._decide(deletions.REJECTED)

    def _decision_text(self, state):
        """Of the line in the history of the records."""
        if state == deletions.APPROVED:
            return self.env._("Deletion approved by %(user)s.", user=self.env.user.name)
        return self.env._("Deletion rejected by %(user)s.", user=self.env.user.name)

    def _decide(self, state):
        found = self.exists().filtered(lambda row: row.state == "open")
        if not found:
            raise UserError(self.env._(
                "There is nothing to decide any more: the record is back, or somebody has decided already."))
        if progress := found._bulk_if_many(BULK[state]):
            return progress
        found._check_may_decide()
        found._check_running()
        flows, ids, uid, now = found.flow_id.sudo(), found.ids, self.env.uid, fields.Datetime.now()
        message = self._decision_text(state)
        if not found._is_few():
            self.env.flush_all()
            deletions.decide(self.env.cr, ids, state, uid, now, message)
            self.env.invalidate_all(flush=False)
            flows.connection_id._wake()
            for flow in flows:
                flow._tell_about_deletions()
            return self._notify("info", self.env._(
                "%(count)s deletions are decided. They are carried out in the background.", count=len(found)))
        names = {row.sync_id.id: row.display_name for row in found}
        answers = found._process_now(lambda syncs: deletions.decide(syncs.env.cr, ids, state, uid, now, message))
        return self._told(answers, names)

    def _told(self, answers, names):
        lines, kind = [], "success"
        for answer in answers:
            name = names.get(answer["id"], answer["name"])
            if failure := self._failure_text(dict(answer, name=name)):
                kind = "danger"
                lines.append(failure)
            elif answer["state"] == "excluded":
                lines.append(self.env._("%(name)s: %(message)s", name=name, message=answer["message"] or ""))
            else:
                kind = "warning" if kind == "success" else kind
                lines.append(self.env._(
                    "%(name)s is back on the other side or is being worked on: nothing was deleted just now.", name=name))
        return self._notify(kind, "\n".join(lines), sticky=kind != "success")

    def _withdraw(self):
        """Nobody is asked any more: what waited stays as it is, on both sides."""
        if not self:
            return
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_sync SET state = 'excluded', due_at = NULL, import_pending = false, delete_pending = false, "
            "error_message = %s, error_hint = NULL WHERE id = ANY(%s) AND state = 'waiting'",
            [self.env._("Deleted on one side; the flow does not ask about it any more."), self.sync_id.ids])
        flows = self.flow_id
        self.unlink()
        self.env.invalidate_all(flush=False)
        for flow in flows:
            flow._tell_about_deletions()
