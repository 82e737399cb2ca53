import json

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..core.expecting import as_text
from ..core.suggesting import Target, suggest
from ..engine import sampling

FILLED = ("char", "text", "html", "integer", "float", "monetary", "boolean", "date", "datetime", "many2one")
WHY = [("meaning", "The Names Mean the Same"), ("name", "The Names Are Alike"), ("parts", "Put Together")]
# What is surer than this is ticked.
SURE = 0.7
# Odoo's own, and what nobody would want from outside.
LEFT_OUT = (
    "id", "create_date", "write_date", "create_uid", "write_uid", "display_name", "message_", "activity_", "website_message")


class IntegrationSuggest(models.TransientModel):
    """Field rules as they could be, from an example and the Odoo model. Somebody chooses; then they are saved."""

    _name = "integration.suggest"
    _description = "Suggest Field Rules"

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade", index=True)
    payload = fields.Text(string="Example Record", help="One record of the other system, as JSON.")
    keep_sample = fields.Boolean(string="Keep as the Resource's Example", default=True)
    line_ids = fields.One2many("integration.suggest.line", "suggest_id", string="Suggestions")
    looked = fields.Boolean()

    @api.model
    def _open_for(self, flow):
        flow.check_access("write")
        record = sampling.shown_example(flow)
        wizard = self.create({
            "flow_id": flow.id, "payload": json.dumps(record, indent=2, ensure_ascii=False) if record else False,
            "keep_sample": not flow.resource_id.sample_payload})
        return wizard.action_suggest() if record else wizard._reopen()

    def _reopen(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Suggest Field Rules"), "res_model": self._name,
            "res_id": self.id, "view_mode": "form", "target": "new", "context": {"dialog_size": "extra-large"},
        }

    def _record(self):
        try:
            record = json.loads(self.payload or "")
        except ValueError as error:
            raise UserError(self.env._("This is no valid JSON: %(reason)s", reason=error)) from error
        if not isinstance(record, dict):
            raise UserError(self.env._("Paste one record: a JSON object in braces."))
        return record

    def action_suggest(self):
        """Look at the example, and show what could belong together."""
        self.ensure_one()
        flow = self.flow_id
        model = self.env[flow.model_name]
        rules = flow.with_context(active_test=False).rule_ids
        found = suggest(self._record(), self._targets(model), rules.mapped("odoo_path"))
        self.line_ids.unlink()
        self.write({"looked": True, "line_ids": [
            (0, 0, values) for values in self._lines(found, model)]})
        return self._reopen()

    def _targets(self, model, depth=0):
        targets = []
        known = model.fields_get(attributes=["string", "type", "required", "readonly", "store", "relation"])
        for name, info in known.items():
            field = model._fields[name]
            if name.startswith(LEFT_OUT) or name in LEFT_OUT or not field.store and not field.inverse and not field.related \
                    or info["readonly"] and not field.inverse and field.compute:
                continue
            if info["type"] in FILLED:
                targets.append(Target(name, info["string"], info["type"], info["required"]))
            elif info["type"] == "one2many" and not depth and "line" in name \
                    and self.env[info["relation"]].has_access("read"):
                targets.append(Target(name, info["string"], info["type"], children=tuple(
                    self._targets(self.env[info["relation"]], depth + 1))))
        return targets

    def _lines(self, found, model, lines_path=False, prefix=""):
        for suggestion in found:
            label = model._fields[suggestion.odoo_path].get_description(self.env, ["string"])["string"]
            yield {
                "chosen": suggestion.score >= SURE, "odoo_path": suggestion.odoo_path, "label": prefix + label,
                "lines_path": lines_path, "external_path": suggestion.external_path or False,
                "kind": suggestion.kind, "transform": suggestion.transform, "template": suggestion.template,
                "value": as_text(suggestion.value)[:200], "score": suggestion.score, "why": suggestion.why,
                "match_key": suggestion.match_key}
            if suggestion.children:
                comodel = self.env[model._fields[suggestion.odoo_path].comodel_name]
                yield from self._lines(suggestion.children, comodel, suggestion.odoo_path, f"{label}: ")

    def action_add(self):
        """Add the chosen suggestions as rules of the flow."""
        self.ensure_one()
        flow = self.flow_id
        chosen = self.line_ids.filtered("chosen")
        if not chosen:
            raise UserError(self.env._("Choose at least one suggestion."))
        if self.keep_sample and not flow.resource_id.sample_payload:
            flow.resource_id.sample_payload = self.payload
        sequence = max(flow.with_context(active_test=False).rule_ids.mapped("sequence"), default=0)
        parents = {}
        for line in chosen.filtered(lambda line: not line.lines_path):
            sequence += 10
            rule = self.env["integration.field.rule"].create({
                **line._rule_values(), "flow_id": flow.id, "sequence": sequence})
            parents[line.odoo_path] = rule
        for number, line in enumerate(chosen.filtered("lines_path")):
            if line.lines_path in parents:
                self.env["integration.field.rule"].create({
                    **line._rule_values(), "flow_id": flow.id, "parent_id": parents[line.lines_path].id,
                    "sequence": 10 * (number + 1)})
        return {"type": "ir.actions.client", "tag": "soft_reload"}


class IntegrationSuggestLine(models.TransientModel):
    """One suggestion."""

    _name = "integration.suggest.line"
    _description = "Suggested Field Rule"
    _order = "id"

    suggest_id = fields.Many2one("integration.suggest", required=True, ondelete="cascade", index=True)
    chosen = fields.Boolean(string="Add")
    label = fields.Char(string="Odoo Field", readonly=True)
    odoo_path = fields.Char(readonly=True)
    lines_path = fields.Char(readonly=True)
    kind = fields.Char(readonly=True)
    external_path = fields.Char(readonly=True)
    value = fields.Char(string="Example", readonly=True)
    transform = fields.Selection(selection="_selection_transform", readonly=True)
    template = fields.Char(readonly=True)
    match_key = fields.Boolean()
    score = fields.Float(string="How Sure", readonly=True)
    why = fields.Selection(WHY, readonly=True)

    @api.model
    def _selection_transform(self):
        return self.env["integration.field.rule"]._fields["transform"]._description_selection(self.env)

    def _rule_values(self):
        return {
            "kind": self.kind, "odoo_path": self.odoo_path, "external_path": self.external_path,
            "transform": self.transform or "none", "template": self.template, "match_key": self.match_key}
