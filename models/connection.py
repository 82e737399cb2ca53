import json
import os
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..engine import http
from ..engine.worker import Worker
from .selections import SECRETS_GROUP

# Fields that decide where calls go and as whom: whoever may change them can lead secrets elsewhere.
PROTECTED_FIELDS = {
    "base_url", "auth_type", "auth_user", "auth_name", "auth_secret_input", "token_url", "scope",
    "extra_headers", "verify_tls", "ca_bundle", "environment",
}


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
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company, index=True)
    administrator_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user,
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
    oauth_token = fields.Char(groups=fields.NO_ACCESS, copy=False)
    extra_headers = fields.Text(
        groups=SECRETS_GROUP, help="One 'Name: value' a line. The value may be 'env:NAME'.")
    timeout_connect = fields.Float(string="Time-out to Connect (s)", required=True, default=5.0)
    timeout_read = fields.Float(string="Time-out to Answer (s)", required=True, default=30.0)
    verify_tls = fields.Boolean(string="Check the Certificate", default=True)
    ca_bundle = fields.Char(string="Certificate Authority File")
    rate_calls = fields.Integer(string="Calls per Period", help="0: no limit of our own.")
    rate_period = fields.Float(string="Period (s)", default=1.0)
    parallel_calls = fields.Integer(default=4)
    max_response_mb = fields.Integer(string="Largest Answer (MiB)", default=10)
    test_path = fields.Char(
        help="What Test Connection reads, below the base URL: something small that needs the credentials, for example "
             "'system_status'. Empty: only the base URL, which many systems answer to anybody.")
    test_ok = fields.Boolean(readonly=True, copy=False)
    test_result = fields.Text(readonly=True, copy=False, help="What Test Connection tried, and what came back.")
    tested_at = fields.Datetime(string="Last Test", readonly=True, copy=False)

    provider_contact = fields.Char(help="Whom to ask when this system does not answer as documented.")
    documentation_url = fields.Char(string="API Documentation")
    note = fields.Html()

    paused = fields.Boolean(tracking=True, copy=False)
    pause_cause = fields.Selection([("person", "A Person"), ("credentials", "Refused Credentials")], copy=False)
    pause_reason = fields.Char(copy=False)
    last_success_at = fields.Datetime(string="Last Success", readonly=True, copy=False)
    last_error_at = fields.Datetime(string="Last Error On", readonly=True, copy=False)
    last_error = fields.Char(readonly=True, copy=False)
    retry_at = fields.Datetime(
        string="Next Attempt", readonly=True, copy=False,
        help="No call is made before this moment after a connection failure.")
    failures_in_row = fields.Integer(string="Failures in a Row", readonly=True, copy=False)
    health = fields.Selection(
        [("new", "Not Used Yet"), ("ok", "Healthy"), ("trouble", "Trouble"), ("paused", "Paused")],
        compute="_compute_health")
    cron_id = fields.Many2one("ir.cron", readonly=True, copy=False, ondelete="set null", index="btree_not_null")
    flow_ids = fields.One2many("integration.flow", "connection_id")
    flow_count = fields.Integer(compute="_compute_flow_count")
    resource_count = fields.Integer(compute="_compute_resource_count")

    _code_unique = models.UniqueIndex("(code) WHERE code IS NOT NULL", "Another connection has this code already.")
    _timeouts_positive = models.Constraint(
        "CHECK (timeout_connect > 0 AND timeout_read > 0)", "Both time-outs must be longer than zero seconds.")
    _limits_sane = models.Constraint(
        "CHECK (parallel_calls BETWEEN 1 AND 64 AND rate_calls >= 0 AND rate_period > 0 AND max_response_mb > 0)",
        "Parallel calls must be 1 to 64, the period and the largest answer more than zero.")

    # -- secrets -------------------------------------------------------------------------------------------

    def _compute_auth_secret_input(self):
        self.auth_secret_input = False

    def _inverse_auth_secret_input(self):
        for connection in self:
            if connection.auth_secret_input:
                connection.sudo().write({"auth_secret": connection.auth_secret_input, "oauth_token": False})
                connection._credentials_changed()

    def _forget_input(self, vals_list):
        """What was put in is not read back, not even by the request that did it."""
        if any("auth_secret_input" in vals for vals in vals_list):
            self.env.flush_all()
            self.invalidate_recordset(["auth_secret_input"])

    @api.depends("auth_secret", "auth_type")
    def _compute_auth_secret_status(self):
        for connection in self:
            secret = connection.sudo().auth_secret
            if connection.auth_type == "none":
                connection.auth_secret_status = self.env._("Not needed")
            elif not secret:
                connection.auth_secret_status = self.env._("Not set")
            elif secret.startswith("env:"):
                found = bool(os.environ.get(secret[4:]))
                connection.auth_secret_status = (
                    self.env._("Read from the environment variable %(name)s", name=secret[4:]) if found else
                    self.env._("The environment variable %(name)s is not set on this server", name=secret[4:]))
            else:
                connection.auth_secret_status = self.env._("Set")

    def _resolve_secret(self, value):
        """The secret behind ``value``: itself, or what the environment variable named by ``env:NAME`` holds."""
        if value and value.startswith("env:"):
            return os.environ.get(value[4:], "")
        return value or ""

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

    def _credentials_changed(self):
        """New credentials release what the old ones stopped: the pause, and every record that failed by them."""
        for connection in self:
            vals = {"retry_at": False, "failures_in_row": 0, "last_error": False}
            if connection.pause_cause == "credentials":
                vals.update(paused=False, pause_cause=False, pause_reason=False)
            connection.sudo().write(vals)
            connection.sudo().activity_unlink(["mail.mail_activity_data_warning"])
            self.env["integration.run"].sudo().search([
                ("connection_id", "=", connection.id), ("state", "=", "open"), ("next_try_at", "!=", False),
            ]).write({"next_try_at": False})
            connection._wake()
            self.env["integration.sync"].sudo().search([
                ("connection_id", "=", connection.id), ("state", "=", "failed"),
                ("error_class", "=", "authentication"),
            ])._queue(self.env._("New credentials"))

    def _pause_for_credentials(self, reason):
        """Refused credentials stop the connection, not its records: one activity tells its administrator."""
        for connection in self.filtered(lambda connection: not connection.paused):
            connection.write({
                "paused": True, "pause_cause": "credentials", "pause_reason": reason[:500],
                "last_error": reason[:500], "last_error_at": fields.Datetime.now()})
            if connection.administrator_id:
                connection.activity_schedule(
                    "mail.mail_activity_data_warning", user_id=connection.administrator_id.id,
                    summary=self.env._("Credentials of %(connection)s were refused", connection=connection.name),
                    note=reason)

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("paused", "last_success_at", "last_error_at", "last_error")
    def _compute_health(self):
        for connection in self:
            if connection.paused:
                connection.health = "paused"
            elif connection.last_error:
                connection.health = "trouble"
            else:
                connection.health = "ok" if connection.last_success_at else "new"

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
                if parts.scheme not in ("http", "https") or not parts.hostname:
                    raise ValidationError(self.env._(
                        "Connection %(name)s: the %(label)s '%(url)s' is not a web address. "
                        "It must begin with https:// (or http:// in a test network).",
                        name=connection.name, label=label, url=url))
                if parts.username or parts.password:
                    raise ValidationError(self.env._(
                        "Connection %(name)s: put user and password into the authentication fields, "
                        "not into the %(label)s, where everybody could read them.",
                        name=connection.name, label=label))

    @api.constrains("extra_headers")
    def _check_extra_headers(self):
        for connection in self:
            for line in (connection.sudo().extra_headers or "").splitlines():
                if line.strip() and (":" not in line or not line.partition(":")[0].strip()):
                    raise ValidationError(self.env._(
                        "Connection %(name)s: the extra header '%(line)s' must read 'Name: value'.",
                        name=connection.name, line=line[:40]))

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
        # A secret belongs to an address: sent to another host it would be lost to whoever runs that host.
        if "base_url" in changed or "token_url" in changed:
            for connection in self:
                before = urlsplit(connection.base_url or "").netloc
                after = urlsplit(vals.get("base_url", connection.base_url) or "").netloc
                if before and before != after:
                    connection.sudo().oauth_token = False
        result = super().write(vals)
        self._forget_input([vals])
        if "name" in vals:
            self._ensure_worker()
        if "active" in vals:
            self.sudo().cron_id.write({"active": vals["active"]})
        if {"auth_user", "auth_type", "auth_name", "token_url", "scope"} & changed:
            self.sudo().write({"oauth_token": False})
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

    def action_pause(self):
        self.write({
            "paused": True, "pause_cause": "person",
            "pause_reason": self.env._("Paused by %(user)s", user=self.env.user.name)})

    def action_resume(self):
        self.write({"paused": False, "pause_cause": False, "pause_reason": False})
        self.sudo().write({"retry_at": False, "failures_in_row": 0})
        self._wake()

    def action_test(self):
        """Test Connection: tell step by step what was tried and what came back."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group("integration_flow.group_integration_manager"):
            raise AccessError(self.env._("Only an integration manager may test a connection."))
        steps, ok = http.probe(self)
        if ok and not self.test_path and self.auth_type != "none":
            steps.append(self.env._(
                "? Whether the credentials are right is not known: enter a test path that needs them."))
        self.sudo().write({
            "test_ok": ok, "test_result": "\n".join(steps), "tested_at": fields.Datetime.now()})
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if ok else "danger",
                "message": self.env._("%(name)s answers.", name=self.name) if ok
                else self.env._("%(name)s does not work yet. See Last Test.", name=self.name),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

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

    def _oauth_token_dict(self):
        token = self.sudo().oauth_token
        return json.loads(token) if token else None

    def _check_may_run(self):
        """Raise a UserError that says why this connection makes no call now, if it may not."""
        self.ensure_one()
        if self.paused:
            raise UserError(self.env._(
                "The connection %(name)s is paused (%(reason)s). Resume it first.",
                name=self.name, reason=self.pause_reason or self.env._("no reason given")))
