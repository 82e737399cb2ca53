from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core.guarding import Guard

NUMERIC = ("float", "integer", "monetary")
FIELD_KINDS = ("zero", "jump")


class IntegrationGuard(models.Model):
    """A guardrail of a flow: when a run is about to do more than this, it is held until a person has looked."""

    _name = "integration.guard"
    _description = "Integration Guardrail"
    _order = "flow_id, sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="flow_id.company_id")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    kind = fields.Selection([
        ("change", "Records Changed"),
        ("create", "Records Created"),
        ("delete", "Records Deleted"),
        ("zero", "Field Becomes Zero"),
        ("jump", "Field Changes by More Than"),
    ], required=True, default="change", string="What Is Counted")
    rule_id = fields.Many2one(
        "integration.field.rule", string="Field", ondelete="cascade", index="btree_not_null",
        domain="[('flow_id', '=', flow_id), ('parent_id', '=', False), ('kind', '=', 'field')]",
        help="The number that is watched: stock, price.")
    jump_percent = fields.Float(string="By More Than (%)", default=30.0)
    limit = fields.Float(
        string="Allowed", default=0.0, help="So many are fine. When there are more, the run is held.")
    unit = fields.Selection([
        ("records", "Records"), ("percent", "% of the Flow's Records"),
    ], required=True, default="records")
    least = fields.Integer(
        string="But Always", default=10, help="With a percentage: so many records are fine in any case.")
    side = fields.Selection([
        ("both", "Both Directions"), ("import", "Import"), ("export", "Export"),
    ], required=True, default="both", string="Watches")

    _limits = models.Constraint(
        'CHECK ("limit" >= 0 AND least >= 0 AND jump_percent >= 0)', "Limits of guardrails cannot be negative.")

    @api.depends("kind", "rule_id", "limit", "unit", "jump_percent")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        units = dict(self._fields["unit"]._description_selection(self.env))
        for guard in self:
            label = kinds.get(guard.kind, "")
            if guard.kind in FIELD_KINDS:
                label = f"{guard._field_label()}: {label}"
                if guard.kind == "jump":
                    label += f" {guard.jump_percent:g} %"
            guard.display_name = self.env._(
                "%(what)s (allowed: %(limit)s %(unit)s)", what=label, limit=f"{guard.limit:g}",
                unit=units.get(guard.unit, ""))

    def _exceeded_words(self, count, base):
        """Why it holds: what would happen to how many records, and how many are allowed.

        :param count: so many records, of ``base`` where the guard counts in percent
        """
        self.ensure_one()
        told = {"records": self._records_words(count, base), "field": self._field_label() if self.rule_id else ""}
        sentence = {
            "change": lambda: self.env._("This run would change %(records)s.", **told),
            "create": lambda: self.env._("This run would create %(records)s.", **told),
            "delete": lambda: self.env._("This run would delete %(records)s.", **told),
            "zero": lambda: self.env._("This run would make %(field)s zero or blank on %(records)s.", **told),
            "jump": lambda: self.env._("This run would change %(field)s by more than %(jump)s %% on %(records)s.",
                                       jump=f"{self.jump_percent:g}", **told),
        }[self.kind]()
        if self.unit == "percent":
            allowed = self.env._("%(limit)s %% of the flow's records", limit=f"{self.limit:g}")
        else:
            allowed = self._records_words(self.limit) if self.limit else self.env._("none")
        return self.env._("%(sentence)s Allowed without approval: %(allowed)s.", sentence=sentence, allowed=allowed)

    def _records_words(self, count, base=None):
        if base is not None and self.unit == "percent":
            return self.env._("%(count)s of %(base)s records", count=count, base=base)
        return self.env._("1 record") if count == 1 else self.env._("%(count)s records", count=f"{count:g}")

    def _field_label(self):
        field = self.rule_id._odoo_field() if self.rule_id else None
        return field.get_description(self.env, ["string"])["string"] if field is not None else self.rule_id.code or ""

    @api.constrains("kind", "rule_id", "flow_id")
    def _check_field(self):
        for guard in self.filtered(lambda guard: guard.kind in FIELD_KINDS):
            field = guard.rule_id._odoo_field() if guard.rule_id else None
            if guard.rule_id.flow_id != guard.flow_id or guard.rule_id.parent_id:
                raise ValidationError(self.env._(
                    "Guardrail of %(flow)s: choose the field that is watched, among the field rules of this flow.",
                    flow=guard.flow_id.name))
            if field is None or field.type not in NUMERIC:
                raise ValidationError(self.env._(
                    "Guardrail of %(flow)s: the field %(field)s is no number, so it cannot become zero or change by a "
                    "percentage.", flow=guard.flow_id.name, field=guard._field_label()))

    def _plans(self):
        """These guards as the engine counts by them: ``{'import': [...], 'export': [...]}``."""
        plans = {"import": [], "export": []}
        for guard in self:
            plan = Guard(
                guard.id, guard.kind, guard.limit, guard.unit == "percent", guard.least,
                guard.rule_id.code if guard.kind in FIELD_KINDS else "", guard.jump_percent)
            for side, guards in plans.items():
                if guard.side in ("both", side):
                    guards.append(plan)
        return plans
