import json

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..core import redact
from ..engine import http
from .notification import notification

MANAGER_GROUP = "integration_flow.group_integration_manager"
# Characters of a body that the form shows; longer ones are cut.
SHOWN = 100_000
# Days for which events that were dealt with are kept, unless the parameter says otherwise.
KEEP_DAYS = 30
KEEP_PARAMETER = "integration_flow.webhook_event_days"
GC_LIMIT = 10_000


class IntegrationWebhookEvent(models.Model):
    """One delivery that arrived at a connection's webhook: stored as it came, before anything is done with it.

    Written by ``engine/reception.py`` in the request, worked on by ``engine/receiving.py`` in the connection's worker.
    ``due_at`` is set while there is something to do; without it a pending event waits for its flow to be resumed.
    """

    _name = "integration.webhook.event"
    _description = "Integration Webhook Event"
    _order = "id desc"
    _log_access = False
    _rec_name = "topic"

    connection_id = fields.Many2one(
        "integration.connection", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    event_id = fields.Char(string="Event ID", readonly=True, help="As the sender names it. A known one is not stored again.")
    topic = fields.Char(readonly=True, index="btree_not_null")
    received_at = fields.Datetime(string="Received", readonly=True)
    state = fields.Selection([
        ("pending", "Pending"), ("done", "Done"), ("ignored", "Ignored"), ("failed", "Failed"),
    ], required=True, default="pending", readonly=True)
    message = fields.Text(string="What Happened", readonly=True)
    hint = fields.Text(string="What to Do", readonly=True)
    attempts = fields.Integer(readonly=True, aggregator=None)
    due_at = fields.Datetime(string="Next Attempt", readonly=True)
    flow_id = fields.Many2one(
        "integration.flow", string="Waits for Flow", readonly=True, ondelete="set null",
        help="The event goes on by itself when this flow is resumed.")
    handled = fields.Json(readonly=True, help="What was handed on: {topic line: [flow, [external IDs]]}.")
    remote_addr = fields.Char(string="Sent From", readonly=True)
    content_type = fields.Char(readonly=True)
    size = fields.Integer(string="Bytes", readonly=True)
    headers = fields.Text(readonly=True, groups=MANAGER_GROUP, help="Secrets are masked.")
    # The bytes as they came, written and read by SQL: the ORM would take them for base64.
    body = fields.Binary(attachment=False, readonly=True, groups=fields.NO_ACCESS)
    body_text = fields.Text(string="Body", compute="_compute_body_text", groups=MANAGER_GROUP)
    sync_count = fields.Integer(compute="_compute_sync_count")

    _known_unique = models.UniqueIndex(
        "(connection_id, event_id) WHERE event_id IS NOT NULL", "This event has arrived before.")
    _due_index = models.Index("(connection_id, due_at, id) WHERE state = 'pending' AND due_at IS NOT NULL")
    _waiting_index = models.Index("(connection_id, flow_id) WHERE state = 'pending' AND due_at IS NULL")
    _flow_index = models.Index("(flow_id) WHERE flow_id IS NOT NULL")
    _state_index = models.Index("(connection_id, state)")
    _old_index = models.Index("(received_at) WHERE state IN ('done', 'ignored')")

    @api.depends("topic", "event_id")
    def _compute_display_name(self):
        for event in self:
            event.display_name = " ".join(filter(None, [event.topic, event.event_id])) or f"#{event.id}"

    def _compute_body_text(self):
        self.env.cr.execute(SQL(
            "SELECT id, substring(body FOR %s) FROM integration_webhook_event WHERE id = ANY(%s)", SHOWN, self.ids))
        bodies = {event_id: bytes(body or b"") for event_id, body in self.env.cr.fetchall()}
        for event in self:
            rules = event.connection_id.sudo().flow_ids.all_rule_ids.filtered("sensitive")
            text = redact.redact_body(
                bodies.get(event.id, b""), names=http.sensitive_names(rules), content_type=event.content_type or "")
            try:
                event.body_text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            except ValueError:
                event.body_text = text

    def _sync_domain(self):
        """The sync records that this event was handed on to."""
        self.ensure_one()
        pairs = [(flow_id, ids) for flow_id, ids in (self.handled or {}).values()]
        domain = fields.Domain.FALSE
        for flow_id, ids in pairs:
            domain |= fields.Domain([("flow_id", "=", flow_id), ("external_id", "in", ids)])
        return domain

    def _compute_sync_count(self):
        for event in self:
            event.sync_count = self.env["integration.sync"].search_count(event._sync_domain()) if event.handled else 0

    # -- buttons -------------------------------------------------------------------------------------------

    def action_retry(self):
        """Work on these events again, with today's settings."""
        self.check_access("read")
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only an integration manager may work on webhook events again."))
        self.env.cr.execute(SQL(
            """UPDATE integration_webhook_event SET state = 'pending', due_at = clock_timestamp() AT TIME ZONE 'UTC',
                   attempts = 0, handled = NULL, flow_id = NULL, message = NULL, hint = NULL
               WHERE id = ANY(%s)""", self.ids))
        self.invalidate_recordset()
        self.connection_id._wake()
        return notification("info", self.env._(
            "%(count)s events were queued. They are worked on in the background.", count=len(self)))

    def action_open_sync(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Sync Records"), "res_model": "integration.sync",
            "view_mode": "list,form", "domain": list(self._sync_domain()),
        }

    # -- clearing ------------------------------------------------------------------------------------------

    @api.autovacuum
    def _gc_handled(self):
        """Events that were dealt with go after some weeks; failed ones stay until somebody has looked at them."""
        days = int(self.env["ir.config_parameter"].sudo().get_param(KEEP_PARAMETER) or KEEP_DAYS)
        self.env.cr.execute(SQL(
            """DELETE FROM integration_webhook_event WHERE id IN (
                   SELECT id FROM integration_webhook_event WHERE state IN ('done', 'ignored')
                   AND received_at < (now() AT TIME ZONE 'UTC') - make_interval(days => %s) LIMIT %s)""", days, GC_LIMIT))
        return self.env.cr.rowcount, self.env.cr.rowcount == GC_LIMIT
