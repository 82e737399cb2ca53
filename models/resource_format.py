import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core.errors import SyncError
from ..core.record_schema import compile_record_schema
from ..core.xml_documents import compile_schema
from ..engine import messages
from ..transport import formats

FORMATS = [
    ("json", "JSON"),
    ("graphql", "GraphQL"),
    ("xml", "XML"),
    ("csv", "CSV"),
    ("form", "Form"),
    ("multipart", "Form with Files"),
    ("binary", "File"),
]


class IntegrationResource(models.Model):
    """How the bodies of a resource are written, and what they have to fit."""

    _inherit = "integration.resource"

    format = fields.Selection(
        FORMATS, required=True, default="json",
        help="How bodies are written. XML and SOAP: elements are names, attributes begin with @. CSV: a row is a record. "
             "Form, with or without files: how records are sent; answers are JSON. File: the body is one file.")
    format_options = fields.Text(
        help='JSON object. XML: root, namespaces, lists (elements that are always a list), content_type. CSV: delimiter, '
             'quote, encoding, columns, heading. For example {"delimiter": ";"}.')
    schema_text = fields.Text(
        string="Schema",
        help="JSON Schema of one record, or for XML the XSD of the whole document. What does not fit fails before it is "
             "sent, or when it arrives.")
    schema_checks = fields.Selection(
        [("sent", "What Is Sent"), ("received", "What Is Received"), ("both", "Both")], default="sent", required=True,
        string="Checked Is")

    def _format_options(self):
        """The format options as an object, with the XSD of an XML resource."""
        self.ensure_one()
        options = json.loads(self.format_options or "{}")
        if self.format == "xml" and self.schema_text:
            options.update(dict.fromkeys(self._schema_options(), self.schema_text))
        return options

    def _schema_options(self):
        return [f"schema_{way}" for way in ("sent", "received") if self.schema_checks in (way, "both")]

    def _record_schema(self, way):
        """The JSON Schema of one record for ``way`` ('sent' or 'received'); '' where none is checked."""
        return (self.schema_text or "") if self.format != "xml" and self.schema_checks in (way, "both") else ""

    @api.constrains("format", "format_options", "schema_text")
    def _check_format(self):
        for resource in self:
            try:
                formats.check_options(resource.format, json.loads(resource.format_options or "{}"))
                if resource.schema_text:
                    (compile_schema if resource.format == "xml" else compile_record_schema)(resource.schema_text)
            except (SyncError, ValueError) as error:
                reason = messages.explain(self.env, error)[0] if isinstance(error, SyncError) else error
                raise ValidationError(self.env._(
                    "Resource %(name)s: the format options or the schema cannot be used: %(reason)s",
                    name=resource.name, reason=reason)) from error


class IntegrationOperation(models.Model):
    """What one call does differently from its resource."""

    _inherit = "integration.operation"

    format = fields.Selection(
        FORMATS, help="Of this call's bodies, where they differ from the resource's: a label as a File. Empty: as the "
                      "resource.")
    headers = fields.Text(help='JSON object of further headers, for example {"SOAPAction": "urn:GetOrder"}.')
    compress = fields.Boolean(string="Send Compressed", help="The body leaves packed (gzip). Not every system reads it.")

    @api.constrains("headers")
    def _check_headers(self):
        for operation in self.filtered("headers"):
            try:
                headers = json.loads(operation.headers)
                if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
                    raise ValueError(self.env._("an object of names and texts is expected"))
            except ValueError as error:
                raise ValidationError(self.env._(
                    "Operation %(operation)s, Headers: %(reason)s", operation=operation.display_name,
                    reason=error)) from error
