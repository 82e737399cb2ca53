from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..core import redact
from ..engine.worker import Worker
from . import written_secret
from .selections import SECRETS_GROUP

# Fields that decide where calls go and as whom: whoever may change them can lead secrets elsewhere.
PROTECTED_FIELDS = {
    "base_url", "auth_type", "auth_user", "auth_name", "auth_secret_input", "token_url", "scope",
    "extra_headers", "verify_tls", "ca_bundle", "environment", "host_key", "private_key_input",
}
# What a system accepts or refuses us by. A token belongs to all of them: sent to another host it would be lost to whoever
# runs that host.
CREDENTIAL_FIELDS = {"auth_user", "auth_type", "auth_name", "token_url", "scope", "extra_headers", "base_url", "host_key"}


class IntegrationConnection(models.Model):
    """One external system in one environment: address, credentials, limits, provider contact and health.

    Secrets are write-only: ``auth_secret_input`` is the door in, ``_auth_secret`` the only way out, for the
    engine. A value ``env:NAME`` is a reference to an environment variable of the Odoo server.
    """

    _name = "integration.connection"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Integration Connection"
    _order = "sequence, name, id"
    _allow_sudo_commands = False

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(copy=False, help="Stable name that blueprints use for this connection.")
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    api_name = fields.Char(
        string="API", required=True, default="custom",
        help="A name that you choose for the kind of API, for example 'WooCommerce v3'. Flows may only use resources "
             "of the same API; a sandbox and a production connection share them.",
    )
    environment = fields.Selection(
        [("sandbox", "Sandbox"), ("production", "Production")], required=True, default="sandbox", tracking=True)
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, index=True, ondelete="restrict")
    administrator_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, ondelete="set null", index="btree_not_null",
        help="Is told when credentials are refused or the system cannot be reached.")

    base_url = fields.Char(
        string="Base URL", required=True, tracking=True,
        help="Where the API begins, with its version: the paths of operations are appended to it. "
             "For example https://shop.example.com/wp-json/wc/v3.")
    web_url = fields.Char(string="Web Address", help="Where people open this system in a browser.")
    auth_type = fields.Selection([
        ("none", "None"),
        ("basic", "User and Password (Basic)"),
        ("bearer", "Bearer Token"),
        ("api_key_header", "API Key in a Header"),
        ("api_key_query", "API Key in the Address"),
        ("oauth2_client", "OAuth 2 Client Credentials"),
        ("private_key", "User and Private Key (SFTP)"),
    ], string="Authentication", required=True, default="none", tracking=True)
    auth_user = fields.Char(string="User or Client ID")
    auth_name = fields.Char(
        string="Name of the Key", help="Name of the header or parameter that carries the key, for example X-API-Key.")
    token_url = fields.Char(string="Token Address")
    scope = fields.Char(string="OAuth Scope", help="Only if the system asks for one.")
    auth_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    auth_secret_input = fields.Char(
        string="Secret", compute="_compute_auth_secret_input", inverse="_inverse_auth_secret_input",
        groups=SECRETS_GROUP, copy=False,
        help="Password, token or key. It can be set but never read. 'env:NAME' reads it from the "
             "environment variable NAME of the Odoo server.")
    auth_secret_status = fields.Char(string="Secret Status", compute="_compute_auth_secret_status")
    address_locked = fields.Boolean(
        compute="_compute_address_locked", help="Address and authentication may only be changed by who may set secrets.")
    extra_headers = fields.Text(
        groups=SECRETS_GROUP, help="One 'Name: value' a line. The value may be 'env:NAME'.")
    verify_tls = fields.Boolean(string="Check the Certificate", default=True)
    ca_bundle = fields.Char(string="Certificate Authority File")
    provider_contact = fields.Char(help="Whom to ask when this system does not answer as documented.")
    documentation_url = fields.Char(string="API Documentation")
    note = fields.Html()

    cron_id = fields.Many2one("ir.cron", readonly=True, copy=False, ondelete="set null", index="btree_not_null")
    flow_ids = fields.One2many("integration.flow", "connection_id")
    flow_count = fields.Integer(compute="_compute_flow_count")
    resource_count = fields.Integer(compute="_compute_resource_count")

    _code_unique = models.UniqueIndex("(code) WHERE code IS NOT NULL", "Another connection has this code already.")

    # -- secrets -------------------------------------------------------------------------------------------

    def _compute_auth_secret_input(self):
        self.auth_secret_input = False

    def _inverse_auth_secret_input(self):
        for connection in self:
            if connection.auth_secret_input:
                connection.sudo().auth_secret = connection.auth_secret_input
                connection._credentials_changed()

    def _forget_input(self, vals_list):
        """What was put in is not read back, not even by the request that did it."""
        written_secret.forget_input(self, vals_list, "auth_secret_input")

    @api.depends("auth_secret", "auth_type")
    def _compute_auth_secret_status(self):
        for connection in self:
            connection.auth_secret_status = self.env._("Not needed") if connection.auth_type == "none" \
                else written_secret.told(self.env, connection.sudo().auth_secret)

    def _resolve_secret(self, value):
        """The secret behind ``value``: itself, or what the environment variable named by ``env:NAME`` holds."""
        return written_secret.in_clear(value)

    def _auth_secret(self):
        """The secret in clear, for the engine only."""
        self.ensure_one()
        return self._resolve_secret(self.sudo().auth_secret)

    def _header_pairs(self):
        """Extra headers as a tuple of (name, value) pairs, references resolved."""
        pairs = []
        for line in (self.sudo().extra_headers or "").splitlines():
            name, separator, value = line.partition(":")
            if separator and name.strip():
                pairs.append((name.strip(), self._resolve_secret(value.strip())))
        return tuple(pairs)

    def _header_secrets(self):
        """Values of extra headers that are references: whoever keeps a value out of the database wants it in no log."""
        lines = [line.partition(":")[2].strip() for line in (self.sudo().extra_headers or "").splitlines()]
        return tuple(filter(None, (self._resolve_secret(value) for value in lines if value.startswith("env:"))))

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("flow_ids")
    def _compute_flow_count(self):
        counts = dict(self.env["integration.flow"]._read_group(
            [("connection_id", "in", self.ids)], ["connection_id"], ["__count"]))
        for connection in self:
            connection.flow_count = counts.get(connection, 0)

    @api.depends("api_name")
    def _compute_resource_count(self):
        counts = dict(self.env["integration.resource"]._read_group(
            [("api_name", "in", self.mapped("api_name"))], ["api_name"], ["__count"]))
        for connection in self:
            connection.resource_count = counts.get(connection.api_name, 0)

    # -- checks --------------------------------------------------------------------------------------------

    @api.constrains("base_url", "token_url")
    def _check_urls(self):
        for connection in self:
            for label, url in (("Base URL", connection.base_url), ("Token Address", connection.token_url)):
                if not url:
                    continue
                parts = urlsplit(url)
                known = ("http", "https", "sftp") if url == connection.base_url else ("http", "https")
                if parts.scheme not in known or not parts.hostname:
                    raise ValidationError(self.env._(
                        "Connection %(name)s: the %(label)s '%(url)s' is not a web address. "
                        "It must begin with https:// (or http:// in a test network), or with sftp:// for files.",
                        name=connection.name, label=label, url=redact.redact_url(url)))
                if parts.query or parts.fragment:
                    raise ValidationError(self.env._(
                        "Connection %(name)s: the %(label)s must end before '?' and '#'. A key in the address belongs into "
                        "the authentication fields (API Key in the Address), where nobody can read it.",
                        name=connection.name, label=label))
                if parts.username or parts.password:
                    raise ValidationError(self.env._(
                        "Connection %(name)s: put user and password into the authentication fields, "
                        "not into the %(label)s, where everybody could read them.",
                        name=connection.name, label=label))

    @api.constrains("extra_headers")
    def _check_extra_headers(self):
        for connection in self:
            for number, line in enumerate((connection.sudo().extra_headers or "").splitlines(), 1):
                if line.strip() and (":" not in line or not line.partition(":")[0].strip()):
                    raise ValidationError(self.env._(  # not the line itself: it may be a secret
                        "Connection %(name)s: line %(number)s of the extra headers must read 'Name: value'.",
                        name=connection.name, number=number))

    def _holds_secrets(self):
        return any(connection.auth_secret or connection.extra_headers for connection in self.sudo())

    @api.depends("auth_secret", "extra_headers")
    @api.depends_context("uid")
    def _compute_address_locked(self):
        free = self.env.user.has_group(SECRETS_GROUP)
        for connection in self:
            connection.address_locked = not free and connection._holds_secrets()

    def _check_protected(self, vals):
        """A connection that holds a secret is only redirected by somebody who may set secrets."""
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        if not self._holds_secrets():
            return
        protected = PROTECTED_FIELDS & vals.keys()
        if protected:
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may change %(fields)s of a connection, "
                "because they decide where the credentials are sent.",
                fields=", ".join(sorted(self._fields[name].string for name in protected))))

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        connections = super().create(vals_list)
        self.env["integration.connection.state"].sudo().create(
            [{"connection_id": connection.id} for connection in connections])
        connections._forget_input(vals_list)
        connections._ensure_worker()
        return connections

    def write(self, vals):
        changed = {
            name for name in vals
            if name != "auth_secret_input" and any(connection[name] != vals[name] for connection in self)
        } if PROTECTED_FIELDS & vals.keys() else set()
        if "auth_secret_input" in vals:
            changed.add("auth_secret_input")
        self._check_protected({name: vals[name] for name in changed})
        result = super().write(vals)
        self._forget_input([vals])
        if "name" in vals:
            self._ensure_worker()
        if "active" in vals:
            self.sudo().cron_id.write({"active": vals["active"]})
        if CREDENTIAL_FIELDS & changed:
            self._credentials_changed()
        return result

    def unlink(self):
        crons = self.sudo().cron_id
        result = super().unlink()
        crons.unlink()
        return result

    def _ensure_worker(self):
        """One scheduled action per connection does all its work, so that a slow system delays only itself.

        A running one cannot be changed, not even by itself: whether the connection is paused is therefore looked up
        by the worker, and a new name waits for the next time.
        """
        for connection in self:
            cron = connection.sudo().cron_id
            name = self.env._("Integrations: %(connection)s", connection=connection.name)
            if not cron:
                connection.sudo().cron_id = self.env["ir.cron"].sudo().create({
                    "name": name,
                    "model_id": self.env["ir.model"]._get_id(self._name),
                    "state": "code",
                    "code": f"model.browse({connection.id})._cron_work()",
                    # Only a safety net: the worker is woken by changes, and by itself for what it has to do later.
                    "interval_number": 5,
                    "interval_type": "minutes",
                    "user_id": self.env.ref("base.user_root").id,
                    "active": connection.active,
                })
            elif cron.name != name and cron.try_lock_for_update(allow_referencing=True):
                cron.write({"name": name})

    def _cron_work(self):
        """Entry point of the worker: see ``engine/worker.py``."""
        for connection in self.exists():
            Worker(self.env, connection).run()

    def _wake(self):
        """Wake the workers of these connections as soon as this transaction commits."""
        for connection in self:
            if connection.sudo().cron_id:
                connection.sudo().cron_id._trigger()

    # -- buttons -------------------------------------------------------------------------------------------

    def action_open_flows(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Flows"),
            "res_model": "integration.flow",
            "view_mode": "list,form",
            "domain": [("connection_id", "=", self.id)],
            "context": {"default_connection_id": self.id},
        }

    def action_open_resources(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Resources"),
            "res_model": "integration.resource",
            "view_mode": "list,form",
            "domain": [("api_name", "=", self.api_name)],
            "context": {"default_api_name": self.api_name},
        }
