from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import ormcache

from ..engine import gating
from ..engine.pressed import RUN_NOW_LIMIT

GATE_FIELDS = {"gate_buttons", "gate_seconds"}


class IntegrationFlow(models.Model):
    """A flow may stop the user's action: a button of the Odoo record works only after the other system has accepted the
    record. Everything else about the flow stays as it is; what the button changes is exported afterwards, as ever.
    """

    _inherit = "integration.flow"

    gate_buttons = fields.Char(
        string="Stops These Buttons",
        help="Names of buttons of the Odoo records, separated by commas, such as action_confirm. Whoever presses one first "
             "sends the record; if the other system does not accept it, the button does nothing and the error is shown. "
             "Empty: failures never stop anybody.")
    gate_seconds = fields.Integer(
        string="Longest Wait (s)", default=10, help="For one answer, while the user waits for the button.")
    gate_choices = fields.Text(string="Buttons There Are", compute="_compute_gate_choices")

    _gate_seconds_positive = models.Constraint(
        "CHECK (gate_buttons IS NULL OR gate_seconds BETWEEN 1 AND 60)",
        "A user may wait for one to sixty seconds.")

    @api.depends("model_id")
    @api.depends_context("lang")
    def _compute_gate_choices(self):
        for flow in self:
            flow.gate_choices = ", ".join(
                f"{name} ({label})" if label else name for name, label in flow._form_buttons().items()) or False

    def _form_buttons(self):
        """``{name: label}`` of the buttons on the form of the flow's records."""
        self.ensure_one()
        if self.model_name not in self.env:
            return {}
        arch, _view = self.env[self.model_name].sudo()._get_view(view_type="form")
        return {node.get("name"): node.get("string") or "" for node in arch.iter("button")
                if node.get("type") == "object" and node.get("name")}

    def _gate_names(self):
        return [name.strip() for name in (self.gate_buttons or "").split(",") if name.strip()]

    @api.constrains("gate_buttons", "direction", "model_id")
    def _check_gate_buttons(self):
        for flow in self.filtered("gate_buttons"):
            if flow.direction not in ("export", "both"):
                raise ValidationError(self.env._(
                    "Flow %(flow)s sends nothing, so no button can wait for it. Only flows that export can stop a button.",
                    flow=flow.name))
            model = self.env.get(flow.model_name)
            for name in flow._gate_names():
                if model is None or name.startswith("_") or not callable(getattr(type(model), name, None)):
                    raise ValidationError(self.env._(
                        "Flow %(flow)s: %(model)s has no button %(name)s. Its form has these: %(buttons)s",
                        flow=flow.name, model=flow.model_id.name, name=name, buttons=flow.gate_choices or "–"))

    def _failure_words(self):
        steps = super()._failure_words()
        if self.gate_buttons:
            buttons = self._form_buttons()
            steps.append(self.env._(
                "Whoever presses %(buttons)s waits until %(system)s has accepted the record, %(seconds)s seconds at most "
                "for an answer. If it does not, nothing is changed in Odoo, and the person reads why.",
                buttons=", ".join(buttons.get(name) or name for name in self._gate_names()),
                system=self.connection_id.name, seconds=self.gate_seconds))
        return steps

    def write(self, vals):
        result = super().write(vals)
        if GATE_FIELDS & vals.keys():
            self._configuration_changed()
        return result

    @api.model
    @ormcache(cache="stable")
    def _gates(self):
        """``{(model, button): ids of the running flows that stop it}``; see ``controllers/gate.py``."""
        found = {}
        for flow in self.sudo().search([("gate_buttons", "!=", False), ("state", "in", ("test", "live"))]):
            for name in flow._gate_names():
                found.setdefault((flow.model_name, name), []).append(flow.id)
        return {key: tuple(ids) for key, ids in found.items()}

    @api.model
    def _pass_gates(self, model_name, button, res_ids):
        """Send these records by all flows that stop this button, before it does anything.

        :raise UserError: the other system did not accept one of them; nothing has been changed in Odoo
        """
        for flow in self.sudo().browse(self._gates().get((model_name, button), ())):
            records = self.env[model_name].browse(res_ids).exists()
            records.check_access("read")
            wanted = records.sudo().with_context(active_test=False).search(
                Domain(flow._parsed_domain()) & Domain("id", "in", records.ids))
            if flow.company_id and "company_id" in wanted._fields:
                wanted = wanted.filtered(
                    lambda record, flow=flow: not record.company_id or record.company_id == flow.company_id)
            if not wanted:
                continue
            if len(wanted) > RUN_NOW_LIMIT:
                raise UserError(self.env._(
                    "%(system)s has to accept each of these records first, so at most %(count)s can be done at a time.",
                    system=flow.connection_id.name, count=RUN_NOW_LIMIT))
            flow.connection_id._check_may_run()
            refused = gating.send_first(self.env, flow, wanted.ids, button=button, seconds=flow.gate_seconds)
            if refused:
                raise UserError("\n".join([
                    self.env._("Nothing was changed, because %(system)s has to accept it first:",
                               system=flow.connection_id.name),
                    *(self.env._("%(name)s: %(message)s %(hint)s", name=answer["name"], message=answer["message"] or
                                 self.env._("there is no answer yet. Try again in a moment."), hint=answer["hint"] or "")
                      for answer in refused)]))
