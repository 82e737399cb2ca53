from odoo import api, fields, models
from odoo.tools import ormcache

from ..engine import record_ownership


class IntegrationFieldRule(models.Model):
    """What people meet on the form of a business record when a field of it is owned by another system."""

    _inherit = "integration.field.rule"

    form_policy = fields.Selection([
        ("auto", "As the Owner Says"),
        ("lock", "Locked"),
        ("warn", "Warning"),
        ("free", "Badge Only"),
    ], required=True, default="auto", string="In Odoo's Forms",
        help="For records that are linked, as long as the other system has a say in the value. As the Owner Says: locked "
             "when the other system owns it, else a badge only. Locked: it cannot be edited. Warning: it can, and the form "
             "says what will become of it. Badge Only: it can, and a badge names the owner. Imports, other modules and "
             "people who may change owned fields can always write.")


class Base(models.AbstractModel):
    """Fields of business records that another system owns: told to the client with the record itself.

    The field is not stored and never computed unless somebody asks for it, and only views of models with such fields
    ask; see ``models/base_panel.py``. So it is as right as the record that is shown, in every view, without a further call.
    """

    _inherit = "base"

    integration_owned = fields.Json(
        string="Owned by Other Systems", compute="_compute_integration_owned", exportable=False,
        help="Which fields of this record other systems own, for the badges and locks of the forms.")

    @api.model
    @ormcache(cache="stable")
    def _integration_owned_rules(self):
        """``{model name: (record_ownership.OwnedRule, ...)}`` of all flows that are neither draft nor archived."""
        return record_ownership.build_rules(self.env)

    def _compute_integration_owned(self):
        owned = {}
        if self.env.user._is_internal():
            owned = record_ownership.owned_fields(self.env, self._name, self._origin.ids)
        for record in self:
            record.integration_owned = owned.get(record._origin.id) or False
