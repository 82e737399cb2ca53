from odoo import fields, models


class IntegrationFlow(models.Model):
    """What keeps a flow from doing harm by itself, and from waiting for ever."""

    _inherit = "integration.flow"

    guard_ids = fields.One2many("integration.guard", "flow_id", string="Guardrails")
    guard_window_minutes = fields.Integer(
        string="Live Changes Count For (min)", default=60,
        help="Changes that belong to no run of their own are counted together over so many minutes, so that a mass "
             "update by hand is noticed too.")
    parent_wait_hours = fields.Integer(
        string="Waits for Other Records (h)", default=72,
        help="A record that needs another one waits so long for it; then it fails and says which one it is.")

    _parent_wait = models.Constraint(
        "CHECK (parent_wait_hours BETWEEN 1 AND 8760)", "Records wait for others for 1 hour to 1 year.")
    _guard_window = models.Constraint(
        "CHECK (guard_window_minutes BETWEEN 1 AND 10080)", "Live changes are counted over 1 minute to 1 week.")

    def copy(self, default=None):
        """Guardrails are copied after the field rules, because they watch those of their own flow."""
        copies = super().copy(default)
        for flow, duplicate in zip(self, copies, strict=True):
            rules = {rule.code: rule.id for rule in duplicate.rule_ids}
            for guard in flow.guard_ids:
                guard.copy({"flow_id": duplicate.id, "rule_id": rules.get(guard.rule_id.code)})
        return copies
