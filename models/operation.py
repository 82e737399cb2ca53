import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import paths
from ..core.errors import SyncError

PATH_FIELDS = (
    "records_path", "record_path", "cursor_path", "next_path", "has_more_path", "keyset_path", "success_path",
    "bulk_result_path", "bulk_error_path", "split_path", "result_id_path", "nested_path",
)


class IntegrationOperation(models.Model):
    """One call of a resource: list, read, find, create, update, delete, or a named action."""

    _name = "integration.operation"
    _description = "Integration Operation"
    _order = "resource_id, sequence, id"

    resource_id = fields.Many2one("integration.resource", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    kind = fields.Selection([
        ("list", "List"),
        ("read", "Read One"),
        ("find", "Find"),
        ("create", "Create"),
        ("update", "Update"),
        ("delete", "Delete"),
        ("action", "Named Action"),
    ], required=True, default="list", help="What the call does. A resource may have several.")
    name = fields.Char(help="Name of a named action, for example 'track'.")
    method = fields.Selection(
        [(verb, verb) for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")], required=True, default="GET")
    path = fields.Char(required=True, help="Below the base URL. {id} stands for the external ID.")
    query = fields.Text(help='JSON object of query parameters. {id}, {key} and {value} are filled in.')
    body = fields.Text(
        help="JSON that is sent, around the record if the call carries one. A text that is just {id} becomes the "
             "external ID, as a number if it is one; {id_text} is always text, {value} is what is looked for, {key} "
             "our own key. Filters and paging parameters of lists are merged into it: objects by name, lists put "
             "together. For example {\"ids\": [\"{id}\"]}.")
    body_path = fields.Char(
        help="Where the record stands in the request, for example 'product'. Empty: it is the whole body.")
    record_path = fields.Char(help="Where the record stands in the answer of read, create and update.")
    result_id_path = fields.Char(
        string="Path of the New ID",
        help="Where the external ID of a created record stands in the answer, when the answer is not the record "
             "itself: for example [0] for a list of IDs, @ for a bare number, or result.id.")
    records_path = fields.Char(help="Where the list stands in the answer. Empty: the answer is the list.")
    split_path = fields.Char(
        string="Take Each Record Apart At",
        help="The records are parts of what is listed: the variants of products, the labels of shipments. What "
             "stands at this path of each listed record becomes the records, and the one it came from stands in "
             "them as 'parent'. For example variants or variants[].prices[].")
    params_in = fields.Selection(
        [("query", "Address"), ("body", "Body")], string="Parameters Go Into the", required=True, default="query",
        help="Some APIs list by POST and take filters and paging in the body.")

    paging_style = fields.Selection([
        ("none", "One Page"),
        ("page", "Page Number"),
        ("offset", "Offset"),
        ("cursor", "Cursor"),
        ("next_link", "Next Link in the Body"),
        ("link_header", "Link Header"),
        ("keyset", "After the Last Key"),
        ("files", "Files of a Folder (SFTP)"),
    ], required=True, default="none", help="How this API hands out long lists, see its documentation.")
    page_size = fields.Integer(default=100, help="Asked for with each page, if the parameter of the size is given.")
    size_param = fields.Char(string="Parameter of the Size", help="For example per_page or limit.")
    page_param = fields.Char(string="Parameter of the Page", default="page")
    first_page = fields.Integer(default=1)
    offset_param = fields.Char(string="Parameter of the Offset", default="offset")
    cursor_param = fields.Char(string="Parameter of the Cursor", default="cursor")
    cursor_path = fields.Char(string="Path of the Next Cursor", help="In the answer, for example paging.next_cursor.")
    next_path = fields.Char(string="Path of the Next Link", help="In the answer, for example links.next.")
    has_more_path = fields.Char(
        string="Path of 'There Is More'", help="In the answer: a value that is false on the last page. Empty: the last "
                                               "page is the one that holds fewer records than asked for.")
    total_pages_header = fields.Char(
        string="Header of the Number of Pages", help="Of the answer. Empty: the list ends with a page that is not full.")
    keyset_param = fields.Char(string="Parameter of the Last Key", help="For example after_id.")
    keyset_path = fields.Char(string="Path of the Key", help="Within a record; empty: the path of the ID.")

    incremental_param = fields.Char(
        string="Parameter 'Changed Since'", help="For example modified_after. Empty: every run reads everything.")
    incremental_format = fields.Selection([
        ("iso_z", "2026-01-31T12:00:00Z"),
        ("iso", "2026-01-31T12:00:00"),
        ("sql", "2026-01-31 12:00:00"),
        ("date", "2026-01-31"),
        ("epoch", "Seconds since 1970"),
        ("epoch_ms", "Milliseconds since 1970"),
    ], default="iso_z")
    incremental_template = fields.Char(
        help="JSON value that holds the time as {since}, for filters that are more than a parameter, "
             "for example [[\"write_date\", \">=\", \"{since}\"]]. In a search text {filter} is what the flow's own list "
             "query asks by the same parameter.")

    send = fields.Selection(
        [("changed", "Only What Changed"), ("all", "The Whole Record")], required=True, default="changed")
    idempotency_header = fields.Char(help="For example Idempotency-Key. The same key makes a repeat harmless.")
    idempotent = fields.Boolean(
        help="A repeat of this call does no harm, so that it may be tried again after a time-out.")
    success_path = fields.Char(
        help="JMESPath on {status, headers, body} that is true when the call succeeded, for APIs that "
             "answer 200 with an error inside.")
    error_paths = fields.Char(help="Where the error message stands, several paths separated by a semicolon.")

    bulk = fields.Boolean(help="Writes several records in one call.")
    bulk_limit = fields.Integer(default=100)
    bulk_path = fields.Char(help="Where the list of records stands in the request.")
    bulk_result_path = fields.Char(help="Where the list of results stands in the answer, in the order sent.")
    bulk_error_path = fields.Char(help="Within one result: its error message.")
    bulk_id_path = fields.Char(help="Within one sent record: where its external ID is put, for updates.")

    _page_size_positive = models.Constraint("CHECK (page_size > 0)", "The page size must be more than zero.")
    _bulk_limit_positive = models.Constraint("CHECK (bulk_limit > 0)", "The bulk limit must be more than zero.")

    @api.depends("kind", "name", "path", "method")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for operation in self:
            label = operation.name or labels.get(operation.kind, "")
            operation.display_name = f"{label} ({operation.method} {operation.path})"

    @api.constrains("query", "body", "incremental_template")
    def _check_json(self):
        for operation in self:
            for name, kind in (("query", dict), ("body", (dict, list)), ("incremental_template", object)):
                text = operation[name]
                if not text:
                    continue
                try:
                    value = json.loads(text)
                except ValueError as error:
                    raise ValidationError(self.env._(
                        "Operation %(operation)s, %(field)s: this is not valid JSON: %(reason)s",
                        operation=operation.display_name, field=self._fields[name].string, reason=error)) from error
                if not isinstance(value, kind):
                    raise ValidationError(self.env._(
                        "Operation %(operation)s, %(field)s: a JSON object is expected, with names and values.",
                        operation=operation.display_name, field=self._fields[name].string))

    @api.constrains(*PATH_FIELDS)
    def _check_paths(self):
        for operation in self:
            for name in PATH_FIELDS:
                if operation[name]:
                    try:
                        paths.compile_path(operation[name])
                    except SyncError as error:
                        raise ValidationError(self.env._(
                            "Operation %(operation)s, %(field)s: '%(path)s' is not a valid path (%(reason)s).",
                            operation=operation.display_name, field=self._fields[name].string,
                            path=operation[name], reason=error.params.get("reason", ""))) from error

    @api.constrains("path")
    def _check_path(self):
        for operation in self:
            if "://" in operation.path or operation.path.startswith("//"):
                raise ValidationError(self.env._(
                    "Operation %(operation)s: give the path below the base URL, not a whole address. Calls only "
                    "go to the connection's own address.", operation=operation.display_name))
