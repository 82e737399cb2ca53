import json

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..core import masked, redact
from ..engine import edits, http

EDITORS = "integration_flow.group_edit_payload"


class IntegrationPayloadEdit(models.Model):
    """A stored payload that a person has changed: what was received, by whom it was changed, and why."""

    _name = "integration.payload.edit"
    _description = "Integration Edited Payload"
    _order = "id desc"
    _log_access = False

    sync_id = fields.Many2one(
        "integration.sync", string="Record", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    user_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    create_date = fields.Datetime(string="When", default=fields.Datetime.now, readonly=True)
    reason = fields.Char(readonly=True)
    edited_hash = fields.Char(readonly=True, groups=fields.NO_ACCESS, help="Of the payload that the edit left.")
    original = fields.Text(readonly=True, groups=fields.NO_ACCESS, help="As it was received.")
    original_pretty = fields.Text(string="Before", compute="_compute_original_pretty")

    def _compute_original_pretty(self):
        for edit in self:
            edit.original_pretty = edit.sync_id._payload_shown(edit.sudo().original)


class IntegrationSync(models.Model):
    """Edit Payload: what was received is corrected by hand and imported again; the original is kept."""

    _inherit = "integration.sync"

    payload_edit_ids = fields.One2many(
        "integration.payload.edit", "sync_id", string="Edited", readonly=True,
        groups="integration_flow.group_integration_manager,integration_flow.group_edit_payload")

    payload_is_edited = fields.Boolean(
        string="Edited by Hand", compute="_compute_payload_is_edited",
        help="The payload is what a person wrote, until the other system sends something new or it is fetched again.")

    def _compute_payload_is_edited(self):
        self.env["integration.payload.edit"].flush_model(["sync_id", "edited_hash"])
        self.flush_model(["payload"])
        edited = edits.edited(self.env.cr, self.ids)
        for sync in self:
            sync.payload_is_edited = sync.id in edited

    def _hidden_names(self):
        return http.sensitive_names(self.flow_id.sudo().all_rule_ids.filtered("sensitive"))

    def _payload_shown(self, payload):
        """A payload as people see it: readable, with sensitive values masked. False: it cannot be shown."""
        try:
            names = self._hidden_names()
            shown = payload and json.loads(redact.redact_body(payload, names=names))
            if not payload or names and not isinstance(shown, dict):
                return False
            return json.dumps(shown, indent=2, ensure_ascii=False)
        except ValueError:
            return False

    def _check_may_edit_payload(self):
        self._check_may_repair()
        if not self.env.user.has_group(EDITORS):
            raise AccessError(self.env._(
                "You may not edit payloads. A technical administrator of integrations can, and the settings say who else."))

    def action_fetch_again(self):
        """Give up what was edited: read the record from the other system again, where the API can, and import that; else
        what had been received."""
        self._check_may_repair()
        records = self.sudo().filtered(
            lambda sync: sync.payload_is_edited and sync.state not in ("processing", "conflict", "held"))
        if not records:
            raise UserError(self.env._("Nothing here was edited: Retry reads the record from the other system anyway."))
        return records._run_now(lambda syncs: syncs._give_up_edit())

    def _give_up_edit(self):
        for sync in self:
            received = edits.received(self.env.cr, sync.id)
            if received is not None:
                sync.write({"payload": received, "import_pending": True, "direction": "import"})
                sync._log("queued", self.env._("%(user)s fetches it again: the edited payload is given up.",
                                               user=self.env.user.name))

    def action_replay(self):
        """Import the stored payload again as it is, with today's rules; Retry reads it anew where the API can."""
        self._check_may_repair()
        records = self.sudo().filtered(lambda sync: sync.payload and sync.state not in ("processing", "conflict", "held"))
        if not records:
            raise UserError(self.env._("Nothing is stored that could be imported again. Retry reads it anew."))
        records.write({"import_pending": True, "direction": "import"})
        records._queue(self.env._("Replay by %(user)s", user=self.env.user.name))
        return self._notify("info", self.env._("The stored payload is imported again in a moment."))

    def action_edit_payload(self):
        self.ensure_one()
        self._check_may_edit_payload()
        if self.flow_id.sudo().direction == "export" or not self._payload_shown(self.sudo().payload):
            raise UserError(self.env._(
                "Of %(name)s nothing is stored that could be edited: it was not received, or retention has removed it.",
                name=self.display_name))
        return {
            "type": "ir.actions.act_window", "name": self.env._("Edit Payload"), "res_model": "integration.payload.editor",
            "views": [(False, "form")], "target": "new", "context": {"default_sync_id": self.id},
        }

    def _edit_payload(self, text, reason):
        """Keep the original and take this instead, then import it with today's rules.

        :param text: JSON; values that were masked and still are stay what they are
        :return: the notification of the outcome
        """
        self.ensure_one()
        self._check_may_edit_payload()
        sync = self.sudo()
        if sync.state in ("processing", "held"):
            raise UserError(self.env._(
                "%(name)s is being worked on or is held. Edit it afterwards.", name=sync.display_name))
        original = sync.payload
        try:
            edited = masked.unmask(json.loads(original), json.loads(self._payload_shown(original)), json.loads(text))
        except json.JSONDecodeError as error:
            raise UserError(self.env._(
                "This is no valid JSON (line %(line)s): %(reason)s", line=error.lineno, reason=error.msg)) from error
        except ValueError as error:
            raise UserError(self.env._(
                "A hidden value (%(mask)s) stands where none was. Leave hidden values where they are, or enter new ones.",
                mask=redact.MASK)) from error
        if not isinstance(edited, dict):
            raise UserError(self.env._("A record is a JSON object: it begins with { and ends with }."))
        payload = json.dumps(edited, ensure_ascii=False)
        self.env["integration.payload.edit"].sudo().create({
            "sync_id": sync.id, "company_id": sync.company_id.id, "user_id": self.env.uid, "reason": reason,
            "original": original, "edited_hash": edits.hash_of(payload)})
        # The hash stays that of what was received: the edit holds until the other system sends something new.
        sync.write({"payload": payload, "import_pending": True, "direction": "import"})
        sync._queue(self.env._("Payload edited by %(user)s: %(reason)s", user=self.env.user.name, reason=reason))
        return self._notify("success", self.env._(
            "%(name)s: the edited payload is imported in a moment. The original is kept.", name=sync.display_name))
