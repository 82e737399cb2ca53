from odoo import api, fields, models
from odoo.exceptions import ValidationError

# Changes of a flow after which records that failed by its rules may succeed.
RELEASING_FIELDS = {"domain", "external_filter", "create_in_odoo", "create_in_external"}


class IntegrationFlow(models.Model):
    """Who is told when records of a flow fail."""

    _inherit = "integration.flow"

    alert_policy = fields.Selection([
        ("flow", "Responsible of the Flow"),
        ("record", "Responsible of the Record"),
        ("rules", "By Rules"),
        ("none", "Nobody: Only the List"),
    ], string="On Failure, Tell", required=True, default=lambda self: self._default_alert_policy(),
        help="One activity per issue and person, when it does not go on by itself. It closes itself.")
    alert_user_path = fields.Char(
        string="Field with the Responsible", default="user_id",
        help="Field of the Odoo record, such as user_id or partner_id.user_id. Where it is empty, the flow's responsible is "
             "told.")
    alert_rule_ids = fields.One2many("integration.alert.rule", "flow_id", string="Alert Rules", copy=True)
    digest_user_ids = fields.Many2many(
        "res.users", "integration_flow_digest_user_rel", "flow_id", "user_id", string="Digest To",
        domain=[("share", "=", False)],
        help="They get the digest with this flow, besides those who are named in the settings.")
    open_issue_count = fields.Integer(string="Open Issues", compute="_compute_open_issue_count")

    @api.model
    def _default_alert_policy(self):
        value = self.env["ir.config_parameter"].sudo().get_param("integration_flow.alert_policy")
        return value if value in ("flow", "record", "none") else "flow"

    def _compute_open_issue_count(self):
        counts = dict(self.env["integration.issue"]._read_group(
            [("flow_id", "in", self.ids), ("state", "=", "open")], ["flow_id"], ["__count"]))
        for flow in self:
            flow.open_issue_count = counts.get(flow, 0)

    @api.constrains("alert_policy", "alert_user_path", "model_id")
    def _check_alert_user_path(self):
        for flow in self.filtered(lambda flow: flow.alert_policy == "record"):
            model = self.env.get(flow.model_name)
            for name in (flow.alert_user_path or "").split("."):
                field = model._fields.get(name) if model is not None else None
                model = self.env[field.comodel_name] if field is not None and field.type == "many2one" else None
            if model is None or model._name != "res.users":
                raise ValidationError(self.env._(
                    "Flow %(flow)s: '%(path)s' does not lead from %(model)s to a user. Choose a field such as user_id, or "
                    "tell the responsible of the flow.", flow=flow.name, path=flow.alert_user_path or "",
                    model=flow.model_id.name))

    def write(self, vals):
        result = super().write(vals)
        if RELEASING_FIELDS & vals.keys():
            self._rules_changed()
        return result

    def unlink(self):
        # The database would remove the issues without their activities.
        self.env["integration.issue"].sudo().search([("flow_id", "in", self.ids)]).unlink()
        return super().unlink()

    def _rules_changed(self):
        """What failed by the old rules is tried again."""
        self.env["integration.issue"]._release_flows(self)

    def action_open_issues(self):
        return self._open(self.env._("Issues"), "integration.issue", [("flow_id", "in", self.ids)], search_default_open=1)


class IntegrationFieldRule(models.Model):
    _inherit = "integration.field.rule"

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules.flow_id._rules_changed()
        return rules

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() - {"sequence"}:
            self.flow_id._rules_changed()
        return result

    def unlink(self):
        flows = self.flow_id
        result = super().unlink()
        flows._rules_changed()
        return result
