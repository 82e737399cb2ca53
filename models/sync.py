import json
from urllib.parse import urljoin

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..core import redact, templates
from ..core.errors import SyncError
from ..engine import http
from .selections import DIRECTIONS, ERROR_CLASSES, NEEDS_ATTENTION, SYNC_STATES

# So many log lines with changes are shown on the form.
RECENT_CHANGES = 20


class IntegrationSync(models.Model):
    """One record in one flow: its state, last agreed values, attempts, next retry and error.

    It is the queue and the status at once. ``due_at`` is set while there is something to do; a worker claims
    rows by a database lock that dies with it, so no row can stay *processing*.
    """

    _name = "integration.sync"
    _description = "Integration Sync Record"
    _order = "id desc"
    _rec_name = "display_name"
    _rec_names_search = ["name"]  # the one with an index for parts of it
    # Who made or changed a row is told by the log; two foreign keys without an index would weigh on millions of rows.
    _log_access = False

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade")
    connection_id = fields.Many2one(
        "integration.connection", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    external_id = fields.Char(string="External ID", readonly=True)
    name = fields.Char(readonly=True, index="trigram", help="Order number, SKU or name: what people call the record.")
    state = fields.Selection(SYNC_STATES, required=True, default="pending", readonly=True)
    direction = fields.Selection(DIRECTIONS, required=True, default="import", readonly=True)
    import_pending = fields.Boolean(readonly=True)
    export_pending = fields.Boolean(readonly=True)
    delete_pending = fields.Boolean(readonly=True)
    priority = fields.Integer(required=True, default=10, readonly=True)
    due_at = fields.Datetime(string="Next Attempt", readonly=True)
    attempts = fields.Integer(readonly=True, aggregator=None)
    max_attempts = fields.Integer(related="flow_id.retry_attempts", string="Most Attempts")

    payload = fields.Text(
        readonly=True, groups=fields.NO_ACCESS, help="As received. People see it with sensitive values masked.")
    content_hash = fields.Char(readonly=True)
    external_version = fields.Char(readonly=True)
    external_updated_at = fields.Datetime(readonly=True)
    agreed = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    conflicts = fields.Json(readonly=True, groups=fields.NO_ACCESS, help="People see them as conflict_lines.")
    idempotency_key = fields.Char(readonly=True)
    create_sent = fields.Boolean(
        readonly=True, help="A create was sent and its outcome is not recorded yet.")

    sent = fields.Text(
        readonly=True, groups=fields.NO_ACCESS,
        help="What the create in doubt has sent, until its outcome is known; as text, because a repeat must be the same "
             "to the byte.")

    error_class = fields.Selection(ERROR_CLASSES, string="Kind of Error", readonly=True)
    error_code = fields.Char(readonly=True)
    error_key = fields.Char(readonly=True, help="What has to be fixed; records with the same key are released together.")
    error_message = fields.Text(string="What Happened", readonly=True)
    error_hint = fields.Text(string="What to Do", readonly=True)
    error_detail = fields.Text(readonly=True, groups="integration_flow.group_integration_manager")
    waiting_for = fields.Char(readonly=True)
    waiting_since = fields.Datetime(readonly=True)
    postponed = fields.Char(
        readonly=True, help="The record that this one waits for in a circle: it is imported without that relation first.")
    failed_at = fields.Datetime(string="Failed On", readonly=True)
    run_id = fields.Many2one("integration.run", readonly=True, ondelete="set null", index="btree_not_null")
    last_synced_at = fields.Datetime(string="Last Synced", readonly=True)
    last_import_at = fields.Datetime(string="Last Import", readonly=True)
    last_export_at = fields.Datetime(string="Last Export", readonly=True)
    captured_at = fields.Datetime(readonly=True)
    create_date = fields.Datetime(string="Known Since", readonly=True)
    write_date = fields.Datetime(string="Last Change", readonly=True)
    revision = fields.Integer(required=True, default=0, readonly=True, help="Grows with every captured change.")
    log_ids = fields.One2many("integration.log", "sync_id", string="History", readonly=True)
    needs_attention = fields.Boolean(compute="_compute_needs_attention", search="_search_needs_attention")
    external_url = fields.Char(compute="_compute_external_url")
    payload_pretty = fields.Text(
        string="Payload (Readable)", compute="_compute_payload_pretty", groups="integration_flow.group_integration_manager")
    last_exchange_id = fields.Many2one(
        "integration.exchange", compute="_compute_last_exchange", groups="integration_flow.group_integration_manager")
    last_request = fields.Text(
        string="Request", compute="_compute_last_exchange", groups="integration_flow.group_integration_manager")
    last_response = fields.Text(
        string="Response", compute="_compute_last_exchange", groups="integration_flow.group_integration_manager")
    conflict_lines = fields.Text(compute="_compute_conflict_lines")
    conflict_ids = fields.One2many("integration.conflict", "sync_id", string="Fields to Decide", readonly=True)
    recent_changes = fields.Json(compute="_compute_recent_changes")

    _external_unique = models.UniqueIndex(
        "(flow_id, external_id) WHERE external_id IS NOT NULL", "This flow knows this external record already.")
    _record_unique = models.UniqueIndex(
        "(flow_id, res_id) WHERE res_id IS NOT NULL AND res_id <> 0", "This flow knows this Odoo record already.")
    _due_index = models.Index("(connection_id, priority, due_at) WHERE due_at IS NOT NULL")
    _flow_due_index = models.Index("(flow_id, priority, due_at) WHERE due_at IS NOT NULL")
    # What a run still has to do: of 100,000 records the few that are left.
    _run_pending_index = models.Index("(run_id) WHERE import_pending")
    _state_index = models.Index("(flow_id, state)")
    _attention_index = models.Index("(state, id) WHERE state IN ('failed', 'conflict', 'unknown', 'held')")
    _record_index = models.Index("(model, res_id)")
    _waiting_index = models.Index("(waiting_for) WHERE waiting_for IS NOT NULL")
    _error_key_index = models.Index("(error_key) WHERE error_key IS NOT NULL")

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("name", "external_id", "model", "res_id")
    def _compute_display_name(self):
        for sync in self:
            sync.display_name = sync.name or sync.external_id or f"{sync.model},{sync.res_id}"
        # What has only been captured yet is called as its record is, where the user may see that.
        unnamed = self.filtered(lambda sync: not sync.name and not sync.external_id and sync.res_id)
        for model_name, syncs in unnamed.grouped("model").items():
            if model_name not in self.env:
                continue
            records = self.env[model_name].browse(syncs.mapped("res_id")).exists()._filtered_access("read")
            names = {record.id: record.display_name for record in records}
            for sync in syncs:
                sync.display_name = names.get(sync.res_id) or sync.display_name

    @api.depends("state")
    def _compute_needs_attention(self):
        for sync in self:
            sync.needs_attention = sync.state in NEEDS_ATTENTION

    def _search_needs_attention(self, operator, value):
        if operator not in ("in", "="):
            return NotImplemented
        return [("state", "in" if value else "not in", NEEDS_ATTENTION)]

    def _compute_external_url(self):
        for sync in self:
            template = sync.flow_id.resource_id.record_url_template
            base = sync.connection_id.web_url or sync.connection_id.base_url
            sync.external_url = False
            if template and sync.external_id and base:
                try:
                    sync.external_url = urljoin(
                        base.rstrip("/") + "/", templates.fill_path(template, {"id": sync.external_id}))
                except (SyncError, ValueError):
                    continue  # no address can be made of this ID

    @api.depends("payload")
    def _compute_payload_pretty(self):
        for sync in self:
            payload = sync.sudo().payload
            names = http.sensitive_names(sync.flow_id.sudo().all_rule_ids.filtered("sensitive"))
            try:
                shown = payload and json.loads(redact.redact_body(payload, names=names))
                if names and payload and not isinstance(shown, dict):
                    shown = "•••"  # nothing tells which part of it is sensitive
                sync.payload_pretty = payload and json.dumps(shown, indent=2, ensure_ascii=False)
            except ValueError:
                sync.payload_pretty = False

    def _compute_last_exchange(self):
        last = dict(self.env["integration.log"]._read_group(
            [("sync_id", "in", self.ids), ("exchange_id", "!=", False)], ["sync_id"], ["exchange_id:max"]))
        exchanges = self.env["integration.exchange"]
        for sync in self:
            exchange = exchanges.browse(last.get(sync)).exists()
            sync.last_exchange_id = exchange
            sync.last_request = exchange.request_body
            sync.last_response = exchange.response_body

    @api.depends("conflicts")
    def _compute_conflict_lines(self):
        for sync in self:
            hidden = set(sync.flow_id.sudo().rule_ids.filtered("sensitive").mapped("code"))
            sync.conflict_lines = "\n".join(
                self.env._("%(field)s: agreed '%(agreed)s', Odoo now '%(odoo)s', other system now '%(external)s'",
                           field=code, **{
                               name: "•••" if code in hidden and values.get(name) else values.get(name)
                               for name in ("agreed", "odoo", "external")})
                for code, values in (sync.sudo().conflicts or {}).items()) or False

    def _compute_recent_changes(self):
        """The latest log lines with changes, for the tab Changes, with the fields' names as people know them."""
        outcomes = dict(self.env["integration.log"]._fields["outcome"]._description_selection(self.env))
        directions = dict(self._fields["direction"]._description_selection(self.env))
        for sync in self:
            labels = sync.flow_id._status_labels()
            for rule in sync.flow_id.rule_ids:
                field = rule._odoo_field()
                labels[rule.code] = (
                    field.get_description(self.env, ["string"])["string"] if field is not None else rule.code)
            sync.recent_changes = [{
                "id": line.id,
                "when": fields.Datetime.to_string(line.create_date),
                "outcome": outcomes.get(line.outcome, ""),
                "direction": directions.get(line.direction, ""),
                "changes": line.changes,
                "labels": labels,
            } for line in self.env["integration.log"].search(
                [("sync_id", "=", sync.id), ("changes", "!=", False)], limit=RECENT_CHANGES)]

    # -- buttons -------------------------------------------------------------------------------------------

    def action_open_record(self):
        self.ensure_one()
        if not self.res_id or self.model not in self.env or not self.env[self.model].browse(self.res_id).exists():
            raise UserError(self.env._("There is no Odoo record yet for %(name)s.", name=self.display_name))
        return {
            "type": "ir.actions.act_window", "res_model": self.model, "res_id": self.res_id, "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_open_external(self):
        self.ensure_one()
        if not self.external_url:
            raise UserError(self.env._(
                "%(resource)s has no web address of a record. A manager can set it on the resource.",
                resource=self.flow_id.resource_id.display_name))
        return {"type": "ir.actions.act_url", "url": self.external_url, "target": "new"}

    def action_open_value_map(self):
        """Where the value that stopped this record can be mapped; see ``error_key``."""
        self.ensure_one()
        map_id = (self.error_key or "").partition(":")[0]
        if self.error_class != "unmapped" or not map_id.isdecimal():
            raise UserError(self.env._("%(name)s does not wait for a value map.", name=self.display_name))
        return {
            "type": "ir.actions.act_window", "res_model": "integration.value.map", "res_id": int(map_id),
            "view_mode": "form", "views": [(False, "form")],
        }

    def action_open_exchanges(self):
        self.ensure_one()
        exchanges = self.env["integration.log"].search(
            [("sync_id", "=", self.id), ("exchange_id", "!=", False)], limit=200).exchange_id
        return {
            "type": "ir.actions.act_window", "name": self.env._("Requests and Responses"),
            "res_model": "integration.exchange", "view_mode": "list,form", "domain": [("id", "in", exchanges.ids)],
        }

    # -- on the business record ----------------------------------------------------------------------------

    @api.model
    def get_record_status(self, res_model, res_id):
        """What the panel on a business record shows: one entry for each flow of the record, worst state first.

        :return: list of dicts with id, flow, system, state, state_label, external_id, external_url, message, hint,
            last_synced_at, last_import_at, last_export_at, can_retry; empty when the user may not see integrations
        """
        if not self.has_access("read") or not self.env.user.has_group("integration_flow.group_integration_user"):
            return []
        self.env[res_model].browse(res_id).check_access("read")
        order = {state: index for index, state in enumerate(
            ("failed", "conflict", "unknown", "held", "processing", "pending", "waiting", "synced", "excluded", "skipped"))}
        labels = dict(self._fields["state"]._description_selection(self.env))
        return sorted(({
            "id": sync.id,
            "flow": sync.flow_id.name,
            "system": sync.connection_id.name,
            "state": sync.state,
            "state_label": labels[sync.state],
            "external_id": sync.external_id or "",
            "external_url": sync.external_url or "",
            "message": sync.error_message or "",
            "hint": sync.error_hint or "",
            **{name: fields.Datetime.to_string(sync[name]) or ""
               for name in ("last_synced_at", "last_import_at", "last_export_at")},
            "can_retry": sync.state in ("failed", "unknown", "waiting", "pending"),
        } for sync in self.search([("model", "=", res_model), ("res_id", "=", res_id)])),
            key=lambda entry: (order[entry["state"]], entry["id"]))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_processing(self):
        if any(sync.state == "processing" for sync in self):
            raise UserError(self.env._("A record that is being processed cannot be deleted."))
