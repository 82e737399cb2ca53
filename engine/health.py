"""Health of a connection, as its calls tell it: success, failures in a row, what it asks us to wait, refused credentials."""

from ..core.errors import SyncError
from . import failures, http, messages

# After this many connection failures in a row the connection is left alone for a while: a minute, then longer.
FAILURES_BEFORE_PAUSE = 5
LONGEST_PAUSE_SECONDS = 900
# What a system asks us to wait is remembered for the next worker when it is longer than this.
SHORT_WAIT_SECONDS = 5


class Health:
    """The part of the worker that remembers how its connection is doing."""

    def _note_health(self, exchanges: list) -> None:
        """Remember success and failure of the connection; refused credentials pause it and tell its administrator."""
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
        errors = [error for error in errors if error.error_class != "rate_limit"]
        now = self._now()
        if any(exchange.error is None or exchange.error.info.scope == "record" for exchange in made):
            self.cr.execute(
                "UPDATE integration_connection SET last_success_at = %s, last_error = NULL, failures_in_row = 0 "
                "WHERE id = %s AND (last_error IS NOT NULL OR failures_in_row > 0 OR last_success_at "
                "IS NULL OR last_success_at < %s - interval '1 minute')", [now, self.connection.id, now])
        elif errors:
            message = messages.explain(self.env, errors[0])[0]
            self.cr.execute(
                "UPDATE integration_connection SET last_error_at = %s, last_error = %s, "
                "failures_in_row = COALESCE(failures_in_row, 0) + %s WHERE id = %s RETURNING failures_in_row",
                [now, message.replace("\x00", "")[:500], len(errors), self.connection.id])
            failed = self.cr.fetchone()[0]
            if failed >= FAILURES_BEFORE_PAUSE:
                rounds = min(failed // FAILURES_BEFORE_PAUSE - 1, 10)
                self._leave_alone(min(60 * 2 ** rounds, LONGEST_PAUSE_SECONDS))

    def _leave_alone(self, seconds: float) -> None:
        """No call to this system for so long."""
        self.cr.execute(
            "UPDATE integration_connection SET retry_at = GREATEST(retry_at, %s) WHERE id = %s",
            [failures.later(self._now(), seconds), self.connection.id])

    def _refused(self, error: SyncError) -> None:
        """The credentials were refused. If they were changed meanwhile, the next slice tries the new ones."""
        self.connection.invalidate_recordset()
        if http.is_outdated(self._client, self.connection):
            self._client.close()
            self._client = None
            return
        message, hint = messages.explain(self.env, error)
        self.connection._pause_for_credentials(f"{message} {hint}")
