from odoo import api, fields, models


class IntegrationStatusStage(models.Model):
    """One stage that the records of a flow can be in: a value of a selection field, or a stage record. Kept by the flow,
    so that rules choose stages from a list, whichever kind they are."""

    _name = "integration.status.stage"
    _description = "Integration Stage"
    _order = "flow_id, sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="flow_id.company_id")
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True)
    value = fields.Char(required=True, help="The technical value, or the number of the stage record.")
    is_gone = fields.Boolean(help="Odoo does not know this stage any more.")

    _value_unique = models.Constraint("UNIQUE (flow_id, value)", "The flow has this stage already.")

    @api.depends("name", "is_gone")
    def _compute_display_name(self):
        for stage in self:
            stage.display_name = self.env._("%(stage)s (gone)", stage=stage.name) if stage.is_gone else stage.name

    def _value(self):
        """The stage as the field holds it."""
        self.ensure_one()
        field = self.env[self.flow_id.model_name]._fields[self.flow_id.status_field]
        return int(self.value) if field.type == "many2one" else self.value
