import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..core.errors import SyncError
from ..core.expecting import as_text
from ..engine import dry_run, messages, proving
from ..models.field_rule import OWNERS
from ..models.selections import DIRECTIONS

KINDS = {
    "created": "success", "updated": "success", "linked": "success", "sent": "success", "archived": "success",
    "deleted": "success", "unchanged": "info", "excluded": "info", "waiting": "warning", "conflict": "warning",
    "failed": "danger",
}


class IntegrationDryRun(models.TransientModel):
    """What would happen to one record on both sides, without anything happening."""

    _name = "integration.dry.run"
    _description = "Dry Run"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True, readonly=True)
    flow_direction = fields.Selection(related="flow_id.direction", string="Direction of the Flow")
    connection_name = fields.Char(related="flow_id.connection_id.name")
    model_name = fields.Char(related="flow_id.model_name")
    direction = fields.Selection(DIRECTIONS, required=True, default="import", string="Which Way")
    source = fields.Selection(
        [("sync", "A Record That Is Known Here"), ("payload", "A Pasted Record")], required=True, default="payload",
        string="Example")
    sync_id = fields.Many2one(
        "integration.sync", string="Record", ondelete="cascade", index=True, domain="[('flow_id', '=', flow_id)]")
    payload = fields.Text(help="One record as the other system sends it, as JSON.")
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model_name")
    as_new = fields.Boolean(string="As If It Came for the First Time")

    outcome = fields.Char(readonly=True)
    outcome_kind = fields.Char(readonly=True)
    message = fields.Text(readonly=True)
    hint = fields.Text(readonly=True)
    notes = fields.Text(readonly=True)
    checks = fields.Text(readonly=True)
    calls = fields.Text(readonly=True, string="What Would Be Sent")
    line_ids = fields.One2many("integration.dry.run.line", "dry_run_id", readonly=True, string="Fields")

    # -- opening -------------------------------------------------------------------------------------------

    @api.model
    def _open_for(self, flow, **values):
        """The action that shows the dry run of a flow; it is carried out at once when the record is given."""
        wizard = self.create({"flow_id": flow.id, **values})
        if wizard.sync_id or wizard.res_id:
            return wizard.action_preview()
        return wizard._reopen()

    @api.model
    def action_open_for(self, res_model, res_id):
        """The dry run of one business record, by the first flow that may touch it.

        :raises UserError: when no flow of this user is about such records
        """
        self.env[res_model].browse(res_id).check_access("read")
        sync = self.env["integration.sync"].search([("model", "=", res_model), ("res_id", "=", res_id)], limit=1)
        if sync:
            return sync.action_dry_run()
        flow = self.env["integration.flow"].search(
            [("model_name", "=", res_model), ("direction", "in", ("export", "both"))], limit=1)
        if not flow:
            raise UserError(self.env._("No flow sends records of this kind, and none has received this one."))
        return self._open_for(flow, direction="export", res_id=res_id)

    def _reopen(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Dry Run: %(flow)s", flow=self.flow_id.name),
            "res_model": self._name, "res_id": self.id, "view_mode": "form", "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    # -- looking -------------------------------------------------------------------------------------------

    def action_preview(self):
        """Try it, and show what would happen."""
        self.ensure_one()
        if not self.env.user.has_group("integration_flow.group_integration_manager"):
            raise AccessError(self.env._("You need the right 'Integrations: Manager' to try a flow."))
        self.flow_id.check_access("read")
        self._show(self._try())
        return self._reopen()

    def _try(self):
        if self.direction == "export":
            if not self.res_id:
                raise UserError(self.env._("Choose the Odoo record that would be sent."))
            return dry_run.try_export(self.flow_id, self.res_id, viewer=self.env)
        return dry_run.try_import(self.flow_id, self._record(), as_new=self.as_new, viewer=self.env)

    def _record(self):
        """The external record that is tried."""
        if self.source == "sync":
            if not self.sync_id:
                raise UserError(self.env._("Choose the record."))
            self.sync_id.check_access("read")
            text = self.sync_id.sudo().payload
            if not text:
                raise UserError(self.env._(
                    "Nothing is stored any more of what was received for %(name)s. Paste a record instead.",
                    name=self.sync_id.display_name))
        else:
            text = self.payload
        try:
            record = json.loads(text or "")
        except ValueError as error:
            raise UserError(self.env._("This is no valid JSON: %(reason)s", reason=error)) from error
        if not isinstance(record, dict):
            raise UserError(self.env._("Paste one record: a JSON object in braces."))
        return record

    def _show(self, trial):
        owners = dict(self.env["integration.field.rule"]._fields["owner"]._description_selection(self.env) or OWNERS)
        self.line_ids.unlink()
        self.write({
            "outcome": proving.outcome_labels(self.env).get(trial.outcome, trial.outcome),
            "outcome_kind": KINDS.get(trial.outcome, "info"),
            "message": trial.message, "hint": trial.hint, "notes": "\n".join(trial.notes),
            "checks": "\n".join(
                f"{'✓' if check.passed else '✗'} " + self.env._(
                    "%(label)s: Odoo computes %(odoo)s, the other system says %(external)s", label=check.label,
                    odoo=as_text(check.odoo), external=as_text(check.external)) for check in trial.checks),
            "calls": "\n\n".join(self._call_text(call) for call in trial.calls),
            "line_ids": [(0, 0, {
                "sequence": number, "label": found.label, "path": found.path,
                "incoming": _short(found.incoming), "mapped": _short(found.mapped), "before": _short(found.before),
                "after": _short(found.after), "owner": owners.get(found.owner, found.owner), "written": found.written,
                "sends": found.sends, "sent": _short(found.sent), "note": found.note,
                "changed": found.before != found.after and trial.direction == "import",
            }) for number, found in enumerate(trial.fields)],
        })

    def _call_text(self, call):
        purposes = {
            "find": self.env._("It would be looked up first"), "read": self.env._("It would be read first"),
            "create": self.env._("It would be created there"), "update": self.env._("It would be changed there"),
            "ask": self.env._("It would be asked")}
        body = f"\n{json.dumps(json.loads(call.shown), indent=2, ensure_ascii=False)}" if _is_json(call.shown) else (
            f"\n{call.shown}" if call.shown else "")
        return f"{purposes[call.purpose]}: {call.method} {call.path}{body}"

    def action_save_test_case(self):
        """Keep this example, with nobody named in it."""
        self.ensure_one()
        cases = self.env["integration.test.case"]
        try:
            if self.direction == "import":
                name = self.env._("Example of %(date)s", date=fields.Date.today())
                case = cases._from_record(self.flow_id, self._record(), name)
            else:
                case = cases.create({
                    "flow_id": self.flow_id.id, "direction": "export", "res_id": self.res_id,
                    "name": self.env[self.model_name].browse(self.res_id).display_name})
        except SyncError as error:
            raise UserError(messages.explain(self.env, error)[0]) from error
        return {
            "type": "ir.actions.act_window", "res_model": case._name, "res_id": case.id, "view_mode": "form",
            "views": [(False, "form")],
        }


class IntegrationDryRunLine(models.TransientModel):
    """One field of a dry run, or of one line of a document."""

    _name = "integration.dry.run.line"
    _description = "Field of a Dry Run"
    _order = "sequence, id"

    dry_run_id = fields.Many2one("integration.dry.run", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer()
    label = fields.Char(string="Field")
    path = fields.Char()
    incoming = fields.Char(string="Other System")
    mapped = fields.Char(string="As Odoo Value")
    before = fields.Char(string="Odoo Now")
    after = fields.Char(string="Odoo Afterwards")
    owner = fields.Char()
    written = fields.Boolean(string="Written to Odoo")
    changed = fields.Boolean(string="Changes in Odoo")
    sends = fields.Boolean(string="Sent")
    sent = fields.Char(string="Sent to the Other System")
    note = fields.Char()


def _short(value):
    return as_text(value)[:300]


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
