"""Health of a connection, as its calls tell it: success, failures in a row and the circuit, what it asks us to wait,
refused credentials. And, before each slice, whether anything may be called now and by which settings."""

import logging
from dataclasses import replace

from ..core import circuit as breaker
from ..core.circuit import Circuit, Policy
from ..core.errors import SyncError
from . import failures, http, messages

_logger = logging.getLogger(__name__)

# First key of the advisory lock of who probes ('prob' in ASCII); the second one is the connection's id.
PROBE_LOCK_SPACE = 0x70726F62
# What a system asks us to wait is remembered for the next worker when it is longer than this.
SHORT_WAIT_SECONDS = 5
# Errors of calls that did not reach the system, or were not answered as they should: these the circuit counts.
OUTAGE_CLASSES = ("connection", "server", "locked", "timeout")
_CIRCUIT = "circuit_state, failures_in_row, circuit_rounds, circuit_opened_at, circuit_probe_at"
_POLICY = "circuit_threshold, circuit_pause_seconds, circuit_longest_seconds"


class Health:
    """The part of the worker that knows how its connection is doing."""

    _probing = False  # this slice is the one call of an open circuit
    _settings_of = None  # when the settings by which the client works were saved

    # -- before a slice ------------------------------------------------------------------------------------

    def _may_work(self, held) -> bool:
        """May anything be called now? Hears of a pause, of new settings and of the circuit, once for each slice."""
        self._probing = False
        self.cr.execute(
            f"SELECT paused, active, retry_at, {_CIRCUIT}, GREATEST(write_date, (SELECT max(rule.write_date) "  # pylint: disable=sql-injection
            "FROM integration_field_rule rule JOIN integration_flow flow ON flow.id = rule.flow_id "
            "WHERE flow.connection_id = connection.id AND rule.sensitive)) "
            "FROM integration_connection connection WHERE id = %s", [self.connection.id])
        row = self.cr.fetchone()
        if not row:
            return False
        paused, active, retry_at, *state, settings_of = row
        if paused or not active or retry_at and retry_at > self._clock():
            return False
        self._hear_settings(settings_of)
        permission = breaker.permission(_circuit(state), self._clock())
        return permission == "all" or permission == "probe" and self._begin_probe(held)

    def _note_calls(self, client, exchanges: list) -> None:
        """Remember how the connection is doing by calls that were made without the worker's loop. The caller commits."""
        self._client = client
        try:
            self._note_health(exchanges)
        finally:
            self._client = None

    def _hear_settings(self, settings_of) -> None:
        """Time-outs, limits, parallel calls and credentials that were changed count from the next call on."""
        if self._client is not None and settings_of != self._settings_of and http.is_outdated(self._client, self.connection):
            self._close_client()
        self._settings_of = settings_of

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _begin_probe(self, held, *, at_once: bool = False) -> bool:
        """The one call of an open circuit: only one worker makes it at a time. Its lock dies with it.

        :param at_once: a person does not wait for its time to come
        """
        if not held.take([self.connection.id], PROBE_LOCK_SPACE):
            return False
        self._commit()  # what another one found out until just now is seen from here
        self.cr.execute(
            f"SELECT {_CIRCUIT} FROM integration_connection WHERE id = %s",  # pylint: disable=sql-injection
            [self.connection.id])
        permission = breaker.permission(_circuit(self.cr.fetchone()), self._clock())
        if permission == "all" or permission == "none" and not at_once:
            return permission == "all"
        self._lasting(lambda: self.cr.execute(
            "UPDATE integration_connection SET circuit_state = 'half_open' WHERE id = %s AND circuit_state = 'open' "
            "RETURNING id", [self.connection.id]))
        self._probing = True
        return True

    def _press(self, held) -> None:
        """A button was pressed: it does not wait for an open circuit, but makes the call that it waits for."""
        self.cr.execute("SELECT circuit_state FROM integration_connection WHERE id = %s", [self.connection.id])
        if self.cr.fetchone()[0] not in (None, "closed"):
            self._begin_probe(held, at_once=True)

    def _policy_now(self, policy):
        """The retry policy of a flow as it is now: the probe of an open circuit says nothing about the record."""
        return replace(policy, counted=False) if self._probing else policy

    # -- after calls ---------------------------------------------------------------------------------------

    def _note_health(self, exchanges: list, rows: list = ()) -> None:
        """Remember success and failure of the connection; refused credentials pause it and tell its administrator.

        :param rows: records that were called for; what failed by an outage of the whole system costs them no attempt
        """
        http.store_new_token(self.connection, self._client)
        made = [exchange for exchange in exchanges if exchange.error is None or exchange.error.code != "not_sent"]
        errors = [exchange.error for exchange in made
                  if exchange.error is not None and exchange.error.info.scope == "connection"]
        refused = next((error for error in errors if error.error_class == "authentication"), None)
        if refused is not None:
            self._refused(refused)
            return
        waits = [error.retry_after or 0 for error in errors if error.error_class == "rate_limit"]
        if waits and max(waits) > SHORT_WAIT_SECONDS:
            self._leave_alone(max(waits))
        told = [exchange for exchange in made if exchange.error is None or exchange.error.error_class != "rate_limit"]
        if told and self._note_circuit(told).state != "closed":
            self.connection._release(OUTAGE_CLASSES)  # held by the circuit now, not by their own next attempts
            for row in rows:
                self._take_back(row)

    def _note_circuit(self, exchanges: list) -> Circuit:
        """Count answers and failures in the order in which the calls ended, and keep what they lead to."""
        now = self._now()
        self.cr.execute(
            f"SELECT {_CIRCUIT}, {_POLICY}, last_error IS NOT NULL, "  # pylint: disable=sql-injection
            "COALESCE(last_success_at < GREATEST(%s - interval '1 minute', tested_at), true) "
            "FROM integration_connection WHERE id = %s",
            [now, self.connection.id])
        *state, threshold, pause, longest, in_trouble, long_ago = self.cr.fetchone()
        before = after = _circuit(state)
        policy = Policy(threshold or 0, pause or 60, max(longest or 0, pause or 60))
        last_error, answered = None, False
        for exchange in exchanges:
            error = exchange.error
            if error is None or error.info.scope == "record":
                after, answered = breaker.succeeded(after, now), True
            else:
                last_error = error
                after = breaker.failed(after, policy, now, retry_after=error.retry_after)
        self.connection.invalidate_recordset()
        if after != before:
            self.cr.execute(
                "UPDATE integration_connection SET circuit_state = %s, failures_in_row = %s, circuit_rounds = %s, "
                "circuit_opened_at = %s, circuit_probe_at = %s WHERE id = %s",
                [after.state, after.failures, after.rounds, after.opened_at, after.probe_at, self.connection.id])
        if answered and (long_ago or in_trouble):
            self.cr.execute(
                "UPDATE integration_connection SET last_success_at = %s WHERE id = %s", [now, self.connection.id])
        if answered and after.state == "closed":
            if in_trouble:
                self.cr.execute("UPDATE integration_connection SET last_error = NULL WHERE id = %s", [self.connection.id])
        elif last_error is not None:
            self.cr.execute(
                "UPDATE integration_connection SET last_error_at = %s, last_error = %s WHERE id = %s",
                [now, messages.explain(self.env, last_error)[0].replace("\x00", "")[:500], self.connection.id])
        if before.state == "closed" and after.state != "closed":
            _logger.warning(
                "%s is left alone until %s: %s failures in a row", self.connection.name, after.probe_at, after.failures)
            self.connection._circuit_opened()
        elif before.state != "closed" and after.state == "closed":
            _logger.info("%s answers again", self.connection.name)
            self.connection._circuit_closed()
        return after

    def _take_back(self, row) -> None:
        """The whole system is away: this record's try is not counted, and it goes on by itself when the system is back.

        What the flow does not retry has failed all the same. May be called again after a rollback.
        """
        error = row.error
        if error is None or error.error_class not in OUTAGE_CLASSES or row.state not in ("waiting", "failed"):
            return
        if row.state == "waiting" or row.exhausted:
            row.attempts = row.claimed_attempts
            message, row.hint = messages.explain(self.env, error)
            row.settle("waiting", "retry", due_at=self._now(), message=message)

    def _leave_alone(self, seconds: float) -> None:
        """No call to this system for so long: it asked for it."""
        self.cr.execute(
            "UPDATE integration_connection SET retry_at = GREATEST(retry_at, %s) WHERE id = %s",
            [failures.later(self._now(), seconds), self.connection.id])

    def _refused(self, error: SyncError) -> None:
        """The credentials were refused. If they were changed meanwhile, the next slice tries the new ones."""
        self.connection.invalidate_recordset()
        if http.is_outdated(self._client, self.connection):
            self._close_client()
            return
        message, hint = messages.explain(self.env, error)
        self.connection._pause_for_credentials(f"{message} {hint}")


def _circuit(values) -> Circuit:
    state, failures_in_row, rounds, opened_at, probe_at = values
    return Circuit(state or "closed", failures_in_row or 0, rounds or 0, opened_at, probe_at)
