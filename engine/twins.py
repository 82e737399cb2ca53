"""Two sync records of a flow that turn out to stand for the same thing become one."""

from datetime import datetime
from typing import NamedTuple

from ..core.errors import SyncError
from ..core.recency import Age
from .claim import LOCK_SPACE

_LET_GO = {
    "res_id": "UPDATE integration_sync SET res_id = NULL WHERE id = %s",
    "external_id": "UPDATE integration_sync SET external_id = NULL WHERE id = %s",
}
_SIDES = {"res_id": ("int", "0"), "external_id": ("varchar", "''")}
# The conditions of the unique indexes: without them PostgreSQL would read all sync records of the flow.
_INDEXED = {"res_id": "twin.res_id <> 0", "external_id": "twin.external_id IS NOT NULL"}


def absorb(cr, rows: list, now: datetime) -> None:
    """An Odoo record and an external record turned out to be the same thing: the flow keeps one sync record.

    :raises SyncError: concurrency, when another worker is busy with the other one
    """
    by_id = {row.id: row for row in rows}
    # What a row held already when it was claimed, no other one can hold.
    twins = _twins(cr, [
        (row.flow_id, row.res_id, row.id, row.external_id or "") for row in rows
        if row.res_id and row.res_id != row.claimed_res_id], "res_id", "external_id")
    twins += _twins(cr, [
        (row.flow_id, row.external_id, row.id, row.res_id or 0) for row in rows
        if row.external_id and row.external_id != row.claimed[0]], "external_id", "res_id")
    for twin in twins:
        if twin.is_other:
            # It stood for something else before somebody linked anew: it only lets go.
            cr.execute(_LET_GO[twin.column], [twin.id])
            continue
        cr.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK_SPACE, twin.id])
        if twin.id not in by_id and not cr.fetchone()[0]:
            raise SyncError("concurrency", "not_sent", params={"reason": "stopped"})
        row = by_id[twin.kept_id]
        cr.execute("UPDATE integration_log SET sync_id = %s WHERE sync_id = %s", [row.id, twin.id])
        if twin.export_pending and row.direction == "import":
            row.export_pending = True
        if twin.import_pending and twin.payload and row.direction == "export":
            row.import_pending, row.payload, row.content_hash = True, twin.payload, twin.content_hash
            row.answered = Age(twin.external_version, twin.external_updated_at)
        if row.state == "synced" and (row.export_pending or row.import_pending):
            row.state, row.due_at = "pending", row.due_at or now
        cr.execute("DELETE FROM integration_sync WHERE id = %s", [twin.id])


class _Twin(NamedTuple):
    id: int
    kept_id: int
    export_pending: bool
    import_pending: bool
    payload: str | None
    content_hash: str | None
    external_version: str | None
    external_updated_at: datetime | None
    is_other: bool  # the same on one side, and linked to something else on the other side
    column: str


def _twins(cr, keys: list[tuple], column: str, other: str) -> list[_Twin]:
    """Other sync records of the same flow that stand for the same thing, by Odoo record or by external ID."""
    if not keys:
        return []
    kind, (other_kind, blank) = _SIDES[column][0], _SIDES[other]
    cr.execute(
        "SELECT twin.id, v.id, twin.export_pending, twin.import_pending, twin.payload, twin.content_hash, "
        "twin.external_version, twin.external_updated_at, "
        f"COALESCE(twin.{other}, {blank}) <> {blank} AND twin.{other} <> v.other "
        f"FROM unnest(%s::int[], %s::{kind}[], %s::int[], %s::{other_kind}[]) AS v(flow_id, key, id, other) "
        f"JOIN integration_sync twin ON twin.flow_id = v.flow_id AND twin.{column} = v.key AND twin.id <> v.id "
        f"AND {_INDEXED[column]}",
        [list(values) for values in zip(*keys, strict=True)])  # pylint: disable=sql-injection
    return [_Twin(*values, column) for values in cr.fetchall()]
