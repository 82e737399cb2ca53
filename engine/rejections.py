"""Deliveries that were not accepted, for the administrator: counted in this process, written now and then.

Whoever sends rubbish must not be able to fill the database or to keep it busy: there is one row for each connection and
reason, and a process writes it at most every few seconds. What was counted since goes with the next request that it
handles; a process that ends meanwhile takes a few counts with it.
"""

import logging
import threading
import time
from dataclasses import dataclass, field

import psycopg2

from ..core.values import clean_text

_logger = logging.getLogger(__name__)

WRITE_EVERY_SECONDS = 5.0
# So many lines about the last ones are kept for each connection and reason.
KEPT_LINES = 20


@dataclass(slots=True)
class _Kept:
    count: int = 0
    lines: list[str] = field(default_factory=list)
    written_at: float = float("-inf")


_kept: dict[tuple, _Kept] = {}
_lock = threading.Lock()


def note(cr, connection_id: int | None, reason: str, address: str, agent: str, now) -> None:
    """Count one rejected delivery."""
    line = clean_text(f"{now:%Y-%m-%d %H:%M:%S} UTC · {address[:45]} · {agent[:80]}").replace("\n", " ")
    with _lock:
        kept = _kept.setdefault((cr.dbname, connection_id or 0, reason), _Kept())
        kept.count += 1
        kept.lines = [line, *kept.lines][:KEPT_LINES]
    write_due(cr, now)


def write_due(cr, now) -> None:
    """Write what was counted, where the last writing is some seconds ago. Never fails: it only informs."""
    if not _kept:
        return
    for (dbname, connection_id, reason), count, lines in _take_due(cr.dbname):
        try:
            with cr.savepoint(flush=False):
                _write(cr, connection_id or None, reason, count, "\n".join(lines), now)
        except psycopg2.Error as error:
            _logger.info("Rejected deliveries are noted later: %s", error)
            with _lock:
                kept = _kept.setdefault((dbname, connection_id, reason), _Kept())
                kept.count += count
                kept.lines = [*kept.lines, *lines][:KEPT_LINES]


def _take_due(dbname: str) -> list[tuple]:
    moment = time.monotonic()
    taken = []
    with _lock:
        for key, kept in list(_kept.items()):
            if key[0] != dbname:
                continue
            old = moment - kept.written_at >= WRITE_EVERY_SECONDS
            if kept.count and old:
                taken.append((key, kept.count, kept.lines))
                kept.count, kept.lines, kept.written_at = 0, [], moment
            elif old:
                del _kept[key]
    return taken


def _write(cr, connection_id, reason, count, lines, now) -> None:
    cr.execute(
        """INSERT INTO integration_webhook_rejection AS r (
               connection_id, company_id, reason, count, first_at, last_at, recent)
           SELECT %(connection)s, (SELECT company_id FROM integration_connection WHERE id = %(connection)s), %(reason)s,
                  %(count)s, %(now)s, %(now)s, %(lines)s
           WHERE %(connection)s IS NULL OR EXISTS (SELECT 1 FROM integration_connection WHERE id = %(connection)s)
           ON CONFLICT (COALESCE(connection_id, 0), reason) DO UPDATE SET
               count = r.count + EXCLUDED.count, last_at = EXCLUDED.last_at,
               recent = array_to_string((string_to_array(EXCLUDED.recent || E'\\n' || r.recent, E'\\n'))[1:%(kept)s], E'\\n')
        """, {"connection": connection_id, "reason": reason, "count": count, "now": now, "lines": lines, "kept": KEPT_LINES})
    _logger.info("%s webhook deliveries of connection %s rejected: %s", count, connection_id or "?", reason)
