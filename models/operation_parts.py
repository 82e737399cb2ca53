from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IntegrationOperation(models.Model):
    """Lists whose records have their parts at addresses of their own: the variants of products."""

    _inherit = "integration.operation"

    parts_path = fields.Char(
        string="Parts Listed At",
        help="The records are parts of what is listed, and each listed record has an address that lists its own: "
             "products/{id}/variations. It is called once for each listed record, with the same paging, so keep the pages "
             "small. The listed record stands in its parts as 'parent'.")

    @api.constrains("parts_path", "split_path", "kind", "paging_style")
    def _check_parts(self):
        for operation in self:
            if operation.parts_path and (
                    operation.kind != "list" or operation.split_path or operation.paging_style == "files"
                    or operation.method != "GET" or "://" in operation.parts_path or operation.parts_path.startswith("//")):
                raise ValidationError(self.env._(
                    "Operation %(operation)s: parts can be listed at a path below the base URL, for lists that are read by "
                    "GET and not taken apart otherwise.", operation=operation.display_name))
