from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import http
from ..engine.health import OUTAGE_CLASSES
from .notification import notification

MANAGER_GROUP = "integration_flow.group_integration_manager"


class IntegrationConnection(models.Model):
    """How a connection is doing: the circuit that leaves a dead system alone, pauses, and the test of a person.

    The worker writes these fields by SQL, with the outcome of the calls; see ``engine/health.py``.
    """

    _inherit = "integration.connection"

    test_path = fields.Char(
        help="What Test Connection reads, below the base URL: something small that needs the credentials, for example "
             "'system_status'. Empty: only the base URL, which many systems answer to anybody.")
    test_ok = fields.Boolean(readonly=True, copy=False)
    test_result = fields.Text(readonly=True, copy=False, help="What Test Connection tried, and what came back.")
    tested_at = fields.Datetime(string="Last Test", readonly=True, copy=False)

    paused = fields.Boolean(tracking=True, copy=False)
    pause_cause = fields.Selection([("person", "A Person"), ("credentials", "Refused Credentials")], copy=False)
    pause_reason = fields.Char(copy=False)
    last_success_at = fields.Datetime(string="Last Success", readonly=True, copy=False)
    last_error_at = fields.Datetime(string="Last Error On", readonly=True, copy=False)
    last_error = fields.Char(readonly=True, copy=False)
    retry_at = fields.Datetime(
        string="Next Attempt", readonly=True, copy=False,
        help="No call is made before this moment, because the other system asked for it.")
    circuit_state = fields.Selection(
        [("closed", "Closed"), ("open", "Open"), ("half_open", "Trying")], string="Circuit", default="closed", readonly=True,
        copy=False,
        help="Closed: calls are made. Open: the system did not answer several times in a row and is left alone; its "
             "records wait and lose no attempt. Trying: one call is made to see whether it is back.")
    failures_in_row = fields.Integer(string="Failures in a Row", readonly=True, copy=False, aggregator=None)
    circuit_rounds = fields.Integer(readonly=True, copy=False, aggregator=None)
    circuit_opened_at = fields.Datetime(string="Open Since", readonly=True, copy=False)
    circuit_probe_at = fields.Datetime(string="Next Try", readonly=True, copy=False)
    circuit_threshold = fields.Integer(
        string="Opens After Failures in a Row", required=True, default=5, aggregator=None,
        help="So many calls in a row that do not arrive or are not answered as they should. What the system refuses does "
             "not count: it answers. 0: never.")
    circuit_pause_seconds = fields.Integer(
        string="First Pause (s)", required=True, default=60, aggregator=None,
        help="Then one call is made to try. Each that fails doubles the pause.")
    circuit_longest_seconds = fields.Integer(string="Longest Pause (s)", required=True, default=900, aggregator=None)
    health = fields.Selection(
        [("new", "Not Used Yet"), ("ok", "Healthy"), ("trouble", "Trouble"), ("paused", "Paused")],
        compute="_compute_health")

    _circuit_sane = models.Constraint(
        "CHECK (circuit_threshold >= 0 AND circuit_pause_seconds > 0 AND circuit_longest_seconds >= circuit_pause_seconds)",
        "The circuit needs a first pause of more than zero seconds, and the longest pause cannot be shorter.")

    @api.depends("paused", "last_success_at", "last_error", "circuit_state", "test_ok", "tested_at")
    def _compute_health(self):
        for connection in self:
            # A test is an opinion on the connection until a call of the worker knows better.
            test_failed = connection.tested_at and not connection.test_ok and (
                not connection.last_success_at or connection.last_success_at < connection.tested_at)
            if connection.paused:
                connection.health = "paused"
            elif connection.last_error or test_failed or connection.circuit_state in ("open", "half_open"):
                connection.health = "trouble"
            else:
                connection.health = "ok" if connection.last_success_at or connection.test_ok else "new"

    # -- circuit -------------------------------------------------------------------------------------------

    def _circuit_opened(self):
        """Several calls in a row have failed: the administrator is told once, until it is over."""
        for connection in self:
            summary = self.env._("%(connection)s does not answer", connection=connection.name)
            connection._alert("circuit", summary, self.env._(
                "%(count)s calls in a row failed. The last one: %(error)s Nothing is sent or read meanwhile, no record "
                "loses an attempt, and everything goes on by itself as soon as the system answers. It is tried again from "
                "time to time; the button Try Now on the connection tries at once.",
                count=connection.failures_in_row, error=connection.last_error or ""))

    def _circuit_closed(self):
        """The system answers again: what failed by its absence is due at once, whatever its own next attempt was."""
        for connection in self:
            connection._alert_done("circuit", self.env._("%(connection)s answers again.", connection=connection.name))
            connection._release(OUTAGE_CLASSES)

    def _release(self, error_classes):
        """What waits since a failure of one of these classes is due now: records, and runs that read pages."""
        self.ensure_one()
        self.env["integration.sync"].flush_model()
        self.env["integration.run"].flush_model()
        now = fields.Datetime.now()
        self.env.cr.execute(
            "UPDATE integration_sync SET due_at = %s WHERE connection_id = %s AND state = 'waiting' AND due_at > %s "
            "AND error_class = ANY(%s)", [now, self.id, now, list(error_classes)])
        self.env.cr.execute(
            "UPDATE integration_run SET next_try_at = %s WHERE connection_id = %s AND state = 'open' "
            "AND next_try_at > %s AND error_class = ANY(%s)", [now, self.id, now, list(error_classes)])
        self.env["integration.sync"].invalidate_model(["due_at"])
        self.env["integration.run"].invalidate_model(["next_try_at"])

    def _close_circuit(self):
        """A person or new credentials say that it works: all that waits for it goes on."""
        troubled = self.filtered(lambda connection: connection.circuit_state != "closed")
        self.sudo().write({
            "circuit_state": "closed", "failures_in_row": 0, "circuit_rounds": 0, "circuit_opened_at": False,
            "circuit_probe_at": False, "last_error": False})
        self._end_pause()
        troubled.sudo()._circuit_closed()
        self._wake()

    # -- credentials ---------------------------------------------------------------------------------------

    def _pause_for_credentials(self, reason):
        """Refused credentials stop the connection, not its records: its administrator is told once."""
        for connection in self.filtered(lambda connection: not connection.paused):
            connection.write({
                "paused": True, "pause_cause": "credentials", "pause_reason": reason[:500],
                "last_error": reason[:500], "last_error_at": fields.Datetime.now()})
            connection._alert(
                "credentials", self.env._("Credentials of %(connection)s were refused", connection=connection.name), reason)

    def _credentials_changed(self):
        """New credentials release what the old ones stopped: the pause, records that wait or failed by them, runs. The token
        got with the old ones is nobody's any more."""
        for connection in self.sudo():
            connection.credentials_version += 1
            connection.oauth_token = False
            if connection.pause_cause == "credentials":
                connection.write({"paused": False, "pause_cause": False, "pause_reason": False})
            connection._alert_done("credentials", self.env._("The credentials were changed."))
            connection._close_circuit()
            connection._release(["authentication"])
            self.env["integration.sync"].search([
                ("connection_id", "=", connection.id), ("state", "=", "failed"),
                ("error_class", "=", "authentication"),
            ])._queue(self.env._("New credentials"), "credentials")

    # -- buttons -------------------------------------------------------------------------------------------

    def action_pause(self):
        self.write({
            "paused": True, "pause_cause": "person",
            "pause_reason": self.env._("Paused by %(user)s", user=self.env.user.name)})

    def action_resume(self):
        self.write({"paused": False, "pause_cause": False, "pause_reason": False})
        self.sudo()._alert_done("credentials", self.env._("Resumed by %(user)s.", user=self.env.user.name))
        self.action_try_now()

    def action_try_now(self):
        """Do not wait for the next try of an open circuit, nor for what the system asked us to wait."""
        self._require_manager()
        self.sudo().filtered(lambda connection: connection.circuit_state != "closed").write(
            {"circuit_probe_at": fields.Datetime.now() - timedelta(seconds=1)})
        self.sudo()._end_pause()
        self._wake()
        return notification("info", self.env._(
            "%(names)s: the next call is made at once. If it is answered, everything that waits goes on.",
            names=", ".join(self.mapped("name"))))

    def _note_steps(self, steps):
        """What the steps of a test have shown beside success and failure (see ``transport/probe.py``); nothing, for HTTP."""

    def _require_manager(self):
        self.check_access("read")
        if not (self.env.su or self.env.user.has_group(MANAGER_GROUP)):
            raise AccessError(self.env._("Only an integration manager may test a connection."))

    def action_test(self):
        """Test Connection: tell step by step what was tried and what came back.

        A test that works closes the circuit, and ends a pause for refused credentials if it has tried them.
        """
        self.ensure_one()
        self._require_manager()
        steps, ok = http.probe(self)
        tried_credentials = bool(self.test_path) or self.auth_type == "none" or self._over_sftp()
        if ok and not tried_credentials:
            steps.append(self.env._(
                "? Whether the credentials are right is not known: enter a test path that needs them."))
        self.sudo().write({
            "test_ok": ok, "test_result": "\n".join(steps), "tested_at": fields.Datetime.now()})
        if ok and self.pause_cause == "credentials" and tried_credentials:
            self.sudo()._credentials_changed()
        elif ok and (self.circuit_state != "closed" or self.last_error) and self.pause_cause != "credentials":
            self.sudo()._close_circuit()
        return notification(
            "success" if ok else "danger",
            self.env._("%(name)s answers.", name=self.name) if ok
            else self.env._("%(name)s does not work yet. See Last Test.", name=self.name))

    def _check_may_run(self):
        """Raise a UserError that says why this connection makes no call now, if it may not."""
        self.ensure_one()
        if self.paused:
            raise UserError(self.env._(
                "The connection %(name)s is paused (%(reason)s). Resume it first.",
                name=self.name, reason=self.pause_reason or self.env._("no reason given")))
