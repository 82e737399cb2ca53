import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import graphql_document
from ..core.errors import SyncError
from ..engine import messages

READING = ("list", "read", "find")
WRITING = ("create", "update", "delete")


class IntegrationOperation(models.Model):
    """Calls of GraphQL: a document, and variables. What other calls have in their body are the variables here."""

    _inherit = "integration.operation"

    paging_style = fields.Selection(
        selection_add=[("connection", "Connection (GraphQL)")], ondelete={"connection": "set default"})
    document = fields.Text(
        string="GraphQL Document",
        help="A query or mutation with variables. Records, filters and paging parameters become its variables; Body says "
             "which others it has. For example query($first: Int!, $after: String) { orders(first: $first, after: $after) "
             "{ nodes { id } pageInfo { hasNextPage endCursor } } }.")
    is_graphql = fields.Boolean(compute="_compute_is_graphql")

    @api.depends("format", "resource_id.format")
    def _compute_is_graphql(self):
        for operation in self:
            operation.is_graphql = (operation.format or operation.resource_id.format) == "graphql"

    def _reads(self):
        """Does this call only read, as its document says?"""
        self.ensure_one()
        try:
            return graphql_document.read_document(self.document or "").kind == "query"
        except SyncError:
            return False  # the call itself says what is wrong

    def _writes(self):
        """Is this call a mutation?"""
        self.ensure_one()
        return self.is_graphql and not self._reads()

    def _given_variables(self):
        """Names of the variables that this call brings for certain; None where the record itself is the variables."""
        self.ensure_one()
        body = json.loads(self.body or "{}")
        names = set(body) if isinstance(body, dict) else set()
        if self.kind in WRITING or self.kind == "action":
            carried = self.bulk_path if self.bulk else self.body_path
            if not carried and self.kind != "delete":
                return None
            names |= {carried.partition(".")[0]} if carried else set()
        if self.kind in ("list", "rest"):
            paged = self.paging_style != "none"
            names |= {name.partition(".")[0] for name in (
                self.size_param if paged else "", self.cursor_param if paged else "", self.incremental_param) if name}
        return names

    @api.constrains(
        "document", "kind", "format", "body", "body_path", "bulk", "bulk_path", "paging_style", "size_param", "cursor_param",
        "incremental_param")
    def _check_document(self):
        self._check_json()  # whichever of the two is asked first: what is read below has to be JSON
        for operation in self.filtered("is_graphql"):
            reason = ""
            if not operation.document:
                reason = self.env._("write the query or mutation of this call")
            elif operation.method == "GET":
                reason = self.env._("GraphQL is called by POST")
            else:
                try:
                    if operation.kind == "action":
                        graphql_document.read_document(operation.document)
                    else:
                        graphql_document.check_call(
                            operation.document, operation._given_variables(), writes=operation.kind in WRITING,
                            paged=operation.paging_style == "connection")
                except SyncError as error:
                    reason = error.params.get("reason") or messages.explain(self.env, error)[0]
            if reason:
                raise ValidationError(self.env._(
                    "Operation %(operation)s, GraphQL Document: %(reason)s.", operation=operation.display_name,
                    reason=reason))


class IntegrationConnection(models.Model):
    _inherit = "integration.connection"

    test_document = fields.Text(
        string="GraphQL of the Test",
        help="Where a system has nothing that can be read by its address: the query that Test Connection sends to the test "
             "path, for example { shop { name } }. Empty: the test path is read.")

    @api.constrains("test_document")
    def _check_test_document(self):
        for connection in self.filtered("test_document"):
            try:
                graphql_document.check_call(connection.test_document, ())
            except SyncError as error:
                raise ValidationError(self.env._(
                    "%(connection)s, GraphQL of the Test: %(reason)s.", connection=connection.name,
                    reason=error.params["reason"])) from error


class IntegrationResource(models.Model):
    _inherit = "integration.resource"

    @api.constrains("format")
    def _check_documents(self):
        self.operation_ids._check_document()
