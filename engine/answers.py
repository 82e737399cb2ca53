"""What our own calls were answered with, beside what arrived from the other system while they were under way.

An answer carries the state over there after our write, often with its version or time of change. A state that was read or
delivered meanwhile may be older than that (then it is void) or newer (then it still has to be imported).
"""

from datetime import datetime

from ..core.recency import Age, is_older
from . import inbox_rows


def compare(cr, plan, rows: list, now: datetime) -> dict[int, str | None]:
    """Decide for rows with an answer which state is the newer one, before their outcome is written.

    What is newer than the answer stays, and is imported.

    :return: ``{id: content hash}`` of what arrived meanwhile and is older than the answer: it counts as if it had been
        known when the row was claimed, so that the answer replaces it. The history of the record says so.
    """
    if not rows:
        return {}
    cr.execute(
        "SELECT id, content_hash, external_version, external_updated_at FROM integration_sync WHERE id = ANY(%s)",
        [[row.id for row in rows]])
    stored = {sync_id: (content_hash, Age(version, at)) for sync_id, content_hash, version, at in cr.fetchall()}
    void, newer = [], []
    for row in rows:
        if row.id not in stored:
            continue
        content_hash, age = stored[row.id]
        if age == row.age and content_hash == row.claimed_hash:
            continue  # nothing arrived
        if is_older(row.answered, age):
            row.answered = None
            if content_hash == row.claimed_hash:
                # It went back to what was known before: our answer is no longer what they hold.
                row.payload, row.content_hash = row.claimed[2], row.claimed_hash
                newer.append(row)
        elif content_hash != row.claimed_hash and is_older(age, row.answered):
            void.append((row.id, age, row.answered))
    inbox_rows.log_older(cr, plan, void, now, None)
    for row in newer:
        row.import_pending = bool(row.payload)
        if row.import_pending and row.state == "synced":
            row.state, row.due_at = "pending", now
    return {sync_id: stored[sync_id][0] for sync_id, _age, _answered in void}
