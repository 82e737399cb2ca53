from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IntegrationOperation(models.Model):
    """Calls that read the rest of a list that stands inside a record."""

    _inherit = "integration.operation"

    kind = fields.Selection(
        selection_add=[("rest", "Rest of a List"), ("create",)], ondelete={"rest": "cascade"})
    nested_path = fields.Char(
        string="List in the Record",
        help="Where a record has a list of which its page shows only the first part, for example lineItems: a connection "
             "with nodes or edges, and pageInfo { hasNextPage endCursor }. Where it goes on, this call is made with the ID "
             "of the record and the cursor until the list is complete; only then is the record stored. In parcels[].items "
             "each parcel has such a list, and its own ID is used.")

    @api.constrains("kind", "nested_path", "records_path", "paging_style", "format")
    def _check_nested(self):
        for operation in self.filtered(lambda operation: operation.kind == "rest"):
            if not operation.is_graphql or operation.paging_style != "connection" or not operation.records_path \
                    or not operation.nested_path:
                raise ValidationError(self.env._(
                    "%(operation)s: the rest of a list is read by GraphQL. Choose the paging Connection, and say where the "
                    "record and where the answer has the list.", operation=operation.display_name))
