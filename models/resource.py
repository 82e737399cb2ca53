import json
import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import paths
from ..core.errors import SyncError


class IntegrationResource(models.Model):
    """One object type of an API (order, product, shipment): where its id and version stand, and its operations.

    A resource belongs to an API, not to a connection, so that the sandbox and the production connection of one
    system share it and a flow moves between them without a changed rule.
    """

    _name = "integration.resource"
    _description = "Integration Resource"
    _order = "api_name, name, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(
        required=True, compute="_compute_code", store=True, readonly=False, precompute=True,
        help="Stable name within the API, for example 'order'. Blueprints use it.")
    api_name = fields.Char(
        string="API", required=True, default="custom", help="As on the connections that use this resource.")
    active = fields.Boolean(default=True)
    id_path = fields.Char(
        string="Path of the ID", required=True, default="id",
        help="JMESPath of the external ID within a record. An expression may join several values, "
             "for example join('|', [email, first_name]).")
    version_path = fields.Char(help="Path of a number that grows with each change of the record.")
    updated_at_path = fields.Char(help="Path of the time of the last change.")
    deleted_path = fields.Char(help="Path of a value that is true when the record was deleted over there.")
    merged_path = fields.Char(
        string="Path of Former IDs",
        help="Where a record that survived a merge names the IDs that it has swallowed: a list, or a text with "
             "semicolons between. Links of those IDs move to it; where both were linked, the former one counts as deleted.")
    blank_values = fields.Char(
        help="JSON list of further values that mean 'no value' in this API, beside null and empty text: for example "
             "[false] for Odoo itself, or [\"N/A\", \"0000-00-00\"]. Yes-or-no fields keep their false.")
    name_path = fields.Char(
        string="Path of the Name", help="What people call the record: order number, SKU, name. Shown in lists.")
    record_url_template = fields.Char(
        string="Web Address of a Record", help="For example 'wp-admin/post.php?post={id}', below the web address.")
    sample_payload = fields.Text(help="One example record, as the API answers it.")
    operation_ids = fields.One2many("integration.operation", "resource_id", copy=True)
    flow_ids = fields.One2many("integration.flow", "resource_id")
    note = fields.Text()

    _code_unique = models.Constraint("UNIQUE (api_name, code)", "This API has a resource with this code already.")

    @api.constrains("id_path", "version_path", "updated_at_path", "deleted_path", "merged_path", "name_path")
    def _check_paths(self):
        for resource in self:
            for name in ("id_path", "version_path", "updated_at_path", "deleted_path", "merged_path", "name_path",
                         "fetching_path", "trouble_path"):
                if resource[name]:
                    try:
                        paths.compile_path(resource[name])
                    except SyncError as error:
                        raise ValidationError(self.env._(
                            "Resource %(name)s: '%(path)s' is not a valid path (%(reason)s).",
                            name=resource.name, path=resource[name],
                            reason=error.params.get("reason", ""))) from error

    @api.constrains("blank_values")
    def _check_blank_values(self):
        for resource in self:
            try:
                resource._blank_values()
            except ValueError as error:
                raise ValidationError(self.env._(
                    "Resource %(name)s: the blank values must be a JSON list, such as [false, \"N/A\"]: %(reason)s",
                    name=resource.name, reason=error)) from error

    def _blank_values(self):
        """The further values that mean "no value", as a tuple."""
        values = json.loads(self.blank_values or "[]")
        if not isinstance(values, list):
            raise ValueError(type(values).__name__)
        return tuple(values)

    @api.constrains("sample_payload")
    def _check_sample_payload(self):
        for resource in self:
            if resource.sample_payload:
                try:
                    json.loads(resource.sample_payload)
                except ValueError as error:
                    raise ValidationError(self.env._(
                        "Resource %(name)s: the sample payload is not valid JSON: %(reason)s",
                        name=resource.name, reason=error)) from error

    @api.depends("name")
    def _compute_code(self):
        for resource in self:
            if not resource.code:  # stable: blueprints refer to it
                resource.code = re.sub(r"\W+", "_", (resource.name or "").lower()).strip("_")

    @api.depends("name", "api_name")
    def _compute_display_name(self):
        for resource in self:
            resource.display_name = f"{resource.api_name}: {resource.name}" if resource.name else False

    def _operation(self, kind):
        """The operation of this kind (first by sequence), or an empty recordset."""
        self.ensure_one()
        return self.operation_ids.filtered(lambda operation: operation.kind == kind and not operation.bulk)[:1]
