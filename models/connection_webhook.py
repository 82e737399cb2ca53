import secrets
from base64 import b64encode
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..core import paths, signatures, webhooks
from ..core.errors import SyncError
from ..engine import reception
from . import written_secret
from .notification import notification
from .selections import SECRETS_GROUP
from .webhook_event import MANAGER_GROUP

# What decides who is let in: with a secret set, only who may set secrets changes it.
PROTECTED = {
    "webhook_style", "webhook_header", "webhook_prefix", "webhook_user", "webhook_window", "webhook_addresses",
    "webhook_overlap_hours",
}
PATHS = ("webhook_id_path", "webhook_topic_path")


class IntegrationConnection(models.Model):
    """The webhook of a connection: its address, who may send, and which events concern which flow.

    Requests are handled by ``engine/reception.py`` and never by these records.
    """

    _inherit = "integration.connection"

    webhook_enabled = fields.Boolean(string="Receive Webhooks", copy=False, tracking=True)
    webhook_token = fields.Char(copy=False, groups=MANAGER_GROUP)
    webhook_url = fields.Char(
        string="Webhook Address", compute="_compute_webhook_url", groups=MANAGER_GROUP,
        help="Enter it in the other system. It is part of the secret: whoever knows it can at least try.")
    webhook_style = fields.Selection([
        ("standard_webhooks", "Standard Webhooks (also Svix)"),
        ("hmac_base64", "HMAC SHA-256, Base64 (Shopify, WooCommerce)"),
        ("hmac_hex", "HMAC SHA-256, Hexadecimal (GitHub)"),
        ("timestamped", "HMAC with Time (Stripe)"),
        ("slack", "HMAC with Time (Slack)"),
        ("hubspot", "HMAC of Address, Body and Time (HubSpot v3)"),
        ("bearer", "Bearer Token"),
        ("basic", "User and Password (Basic)"),
        ("static_header", "Secret in a Header"),
        ("static_query", "Secret in the Address"),
        ("address", "Nothing but the Address"),
    ], string="Signature", required=True, default="standard_webhooks", tracking=True)
    webhook_header = fields.Char(
        string="Signature Header", help="Name of the header (or parameter) that holds the signature or secret. Empty: the "
                                        "usual one of the chosen kind.")
    webhook_prefix = fields.Char(string="Signature Prefix", help="What stands before the signature, such as sha256=")
    webhook_user = fields.Char()
    webhook_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    webhook_secret_previous = fields.Char(groups=fields.NO_ACCESS, copy=False)
    webhook_secret_input = fields.Char(
        string="Webhook Secret", compute="_compute_webhook_secret_input", inverse="_inverse_webhook_secret_input",
        groups=SECRETS_GROUP, copy=False,
        help="It can be set but never read. 'env:NAME' reads it from the environment variable NAME of the Odoo server. "
             "The one before stays valid for the overlap.")
    webhook_secret_status = fields.Char(compute="_compute_webhook_secret_status")
    webhook_previous_until = fields.Datetime(string="Previous Secret Valid Until", readonly=True, copy=False)
    webhook_overlap_hours = fields.Integer(
        string="Overlap (h)", default=24, help="So long the secret before the present one is accepted as well.")
    webhook_window = fields.Integer(
        string="Replay Window (s)", default=signatures.WINDOW_SECONDS,
        help="A delivery that was signed earlier or later than this is refused.")
    webhook_addresses = fields.Text(
        string="Allowed Senders",
        help="IP addresses or networks (10.0.0.0/8), one a line. Empty: any. Behind a proxy Odoo must run in proxy mode, "
             "otherwise every sender has the proxy's address.")
    webhook_max_kb = fields.Integer(string="Largest Body (KiB)", default=1024)
    webhook_id_header = fields.Char(
        string="Event ID Header", help="For example X-WC-Webhook-Delivery-ID. The same ID is accepted once.")
    webhook_id_path = fields.Char(string="Event ID in the Body", help="JMESPath, if it is not in a header: for example id")
    webhook_topic_header = fields.Char(string="Topic Header", help="For example X-WC-Webhook-Topic")
    webhook_topic_path = fields.Char(string="Topic in the Body", help="JMESPath, if it is not in a header: for example type")
    webhook_topic_ids = fields.One2many("integration.webhook.topic", "connection_id", string="Topics")
    webhook_rejection_ids = fields.One2many(
        "integration.webhook.rejection", "connection_id", string="Rejected Deliveries", readonly=True, groups=MANAGER_GROUP)
    webhook_last_at = fields.Datetime(string="Last Event", compute="_compute_webhook_counts")
    webhook_pending = fields.Integer(string="Pending Events", compute="_compute_webhook_counts")
    webhook_failed = fields.Integer(string="Failed Events", compute="_compute_webhook_counts")
    webhook_locked = fields.Boolean(compute="_compute_webhook_locked")

    _webhook_token_unique = models.UniqueIndex(
        "(webhook_token) WHERE webhook_token IS NOT NULL", "Another connection has this webhook address.")
    _webhook_limits = models.Constraint(
        "CHECK (webhook_max_kb BETWEEN 1 AND 10240 AND webhook_window BETWEEN 1 AND 86400 "
        "AND webhook_overlap_hours BETWEEN 0 AND 720)",
        "Webhooks: the largest body must be 1 to 10,240 KiB, the replay window 1 second to a day, the overlap 0 to 720 h.")

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("webhook_token")
    def _compute_webhook_url(self):
        base = self[:1].get_base_url() if self else ""
        for connection in self:
            token = connection.webhook_token
            connection.webhook_url = f"{base}{reception.PATH}/{token}" if token else False

    def _compute_webhook_secret_input(self):
        self.webhook_secret_input = False

    def _inverse_webhook_secret_input(self):
        for connection in self:
            if connection.webhook_secret_input:
                connection.sudo()._replace_webhook_secret(connection.webhook_secret_input)

    @api.depends("webhook_secret", "webhook_style")
    def _compute_webhook_secret_status(self):
        for connection in self:
            secret = connection.sudo().webhook_secret
            if connection.webhook_style == "address":
                connection.webhook_secret_status = self.env._("Not needed")
            elif not secret:
                connection.webhook_secret_status = self.env._("Not set: every delivery is refused")
            else:
                connection.webhook_secret_status = written_secret.told(self.env, secret)

    @api.depends_context("uid")
    def _compute_webhook_counts(self):
        self.env.cr.execute(
            """SELECT c.id, (SELECT max(received_at) FROM integration_webhook_event WHERE id = (
                       SELECT max(id) FROM integration_webhook_event WHERE connection_id = c.id)),
                   count(e.id) FILTER (WHERE e.state = 'pending'), count(e.id) FILTER (WHERE e.state = 'failed')
               FROM integration_connection c
               LEFT JOIN integration_webhook_event e ON e.connection_id = c.id AND e.state IN ('pending', 'failed')
               WHERE c.id = ANY(%s) GROUP BY c.id""", [self.ids])
        found = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        for connection in self:
            last, pending, failed = found.get(connection.id, (None, 0, 0))
            connection.webhook_last_at = last.replace(microsecond=0) if last else False
            connection.webhook_pending, connection.webhook_failed = pending, failed

    @api.depends("webhook_secret")
    @api.depends_context("uid")
    def _compute_webhook_locked(self):
        free = self.env.user.has_group(SECRETS_GROUP)
        for connection in self:
            connection.webhook_locked = not free and bool(connection.sudo().webhook_secret)

    # -- checks --------------------------------------------------------------------------------------------

    @api.constrains("webhook_addresses")
    def _check_webhook_addresses(self):
        for connection in self:
            try:
                webhooks.networks(connection.webhook_addresses or "")
            except ValueError as error:
                raise ValidationError(self.env._(
                    "Connection %(name)s: the list of allowed senders takes IP addresses and networks only (%(reason)s).",
                    name=connection.name, reason=error)) from error

    @api.constrains(*PATHS)
    def _check_webhook_paths(self):
        for connection in self:
            for name in PATHS:
                try:
                    paths.compile_path(connection[name] or "")
                except SyncError as error:
                    raise ValidationError(self.env._(
                        "Connection %(name)s, %(field)s: '%(path)s' is not a valid path (%(reason)s).",
                        name=connection.name, field=self._fields[name].string, path=connection[name],
                        reason=error.params.get("reason", ""))) from error

    @api.constrains("webhook_header", "webhook_prefix", "webhook_id_header", "webhook_topic_header")
    def _check_webhook_headers(self):
        for connection in self:
            for name in ("webhook_header", "webhook_id_header", "webhook_topic_header"):
                value = connection[name] or ""
                if value and (not value.isascii() or not value.replace("-", "").replace("_", "").isalnum()):
                    raise ValidationError(self.env._(
                        "Connection %(name)s, %(field)s: '%(value)s' is not the name of a header.",
                        name=connection.name, field=self._fields[name].string, value=value))

    def _check_webhook_protected(self, vals):
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        holders = self.filtered(lambda connection: connection.sudo().webhook_secret)
        changed = [name for name in PROTECTED & vals.keys() if any(
            (connection[name] or False) != (vals[name] or False) for connection in holders)]
        if changed:
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may change %(fields)s of a connection, because they decide "
                "whose webhooks are accepted.", fields=", ".join(sorted(self._fields[name].string for name in changed))))

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        connections = super().create([
            {**vals, "webhook_token": vals.get("webhook_token") or _new_token()} for vals in vals_list])
        connections._forget_webhook_input(vals_list)
        return connections

    def write(self, vals):
        self._check_webhook_protected(vals)
        result = super().write(vals)
        self._forget_webhook_input([vals])
        if vals.get("webhook_enabled"):
            for connection in self.sudo().filtered(lambda connection: not connection.webhook_token):
                connection.webhook_token = _new_token()
        return result

    def _forget_webhook_input(self, vals_list):
        written_secret.forget_input(self, vals_list, "webhook_secret_input")

    def _replace_webhook_secret(self, secret):
        """The new secret counts at once, the one before for a while longer."""
        for connection in self:
            before = connection.webhook_secret
            if before == secret:
                continue
            hours = connection.webhook_overlap_hours
            overlaps = bool(before) and hours > 0
            connection.write({
                "webhook_secret": secret,
                "webhook_secret_previous": before if overlaps else False,
                "webhook_previous_until": fields.Datetime.now() + timedelta(hours=hours) if overlaps else False,
            })

    # -- buttons -------------------------------------------------------------------------------------------

    def _check_may_set_secrets(self):
        self.ensure_one()
        self.check_access("write")
        if not self.env.user.has_group(SECRETS_GROUP):
            raise AccessError(self.env._("Only a technical administrator of integrations may change webhook secrets."))

    def action_rotate_webhook_secret(self):
        """Make a new secret and show it this once; the present one stays valid for the overlap."""
        self._check_may_set_secrets()
        if self.webhook_style == "standard_webhooks":
            secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        else:
            secret = secrets.token_urlsafe(32)
        self.sudo()._replace_webhook_secret(secret)
        return notification("warning", self.env._(
            "New webhook secret of %(name)s: %(secret)s\nEnter it in the other system now. It is not shown again. The "
            "secret before stays valid for %(hours)s hours.",
            name=self.name, secret=secret, hours=self.webhook_overlap_hours), sticky=True)

    def action_end_webhook_overlap(self):
        """The secret before the present one is refused from now on."""
        self._check_may_set_secrets()
        self.sudo().write({"webhook_secret_previous": False, "webhook_previous_until": False})
        return notification("success", self.env._("Only the present webhook secret is accepted now."))

    def action_new_webhook_address(self):
        """A new address; deliveries to the one before are refused at once."""
        self._check_may_set_secrets()
        self.sudo().webhook_token = _new_token()
        return notification("warning", self.env._(
            "The webhook of %(name)s has a new address. Enter it in the other system; the one before is refused.",
            name=self.name))

    def action_open_webhook_events(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Webhook Events"),
            "res_model": "integration.webhook.event", "view_mode": "list,form",
            "domain": [("connection_id", "=", self.id)],
        }

    # -- watching ------------------------------------------------------------------------------------------

    def _cron_work(self):
        result = super()._cron_work()
        self.exists()._watch_webhooks()
        return result

    def _watch_webhooks(self):
        """Tell the administrator when deliveries are refused since the last one that was accepted, or failed."""
        for connection in self.filtered("webhook_enabled"):
            refused = connection.sudo().webhook_rejection_ids.filtered(
                lambda row, last=connection.webhook_last_at: row.reason != "switched_off" and (
                    not last or row.last_at > last))
            if not refused and not connection.webhook_failed:
                connection._alert_done("webhook", self.env._("Webhooks arrive again."))
                continue
            labels = dict(refused._fields["reason"]._description_selection(self.env))
            lines = [
                self.env._("%(reason)s: %(count)s times", reason=labels[row.reason], count=row.count) for row in refused]
            if connection.webhook_failed:
                lines.append(self.env._(
                    "%(count)s events could not be used; see Webhook Events.", count=connection.webhook_failed))
            connection._alert(
                "webhook", self.env._("Webhooks of %(connection)s are refused or fail", connection=connection.name),
                "\n".join(lines))


def _new_token():
    """A part of an address that nobody can guess: 256 bits."""
    return secrets.token_urlsafe(32)
