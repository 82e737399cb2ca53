"""How many records a flow handled in each hour: the little that a silence alarm has to know of the past."""

from datetime import datetime, timedelta

from psycopg2.extras import execute_values

from ..core.silence import WEEKS_LEARNED, hour_of

__all__ = ["add", "forget_old", "hour_of", "of_flow"]

KEPT = timedelta(weeks=WEEKS_LEARNED + 4)


def add(cr, arrived: dict[tuple[int, datetime], int]) -> None:
    """Add to the counts. ``arrived``: {(flow id, beginning of the hour): number of records}."""
    if not arrived:
        return
    execute_values(
        cr._obj,
        "INSERT INTO integration_arrival AS a (flow_id, hour, number) "
        "SELECT v.* FROM (VALUES %s) AS v(flow_id, hour, number) JOIN integration_flow f ON f.id = v.flow_id "
        "ON CONFLICT (flow_id, hour) DO UPDATE SET number = a.number + EXCLUDED.number",
        [(flow_id, hour, number) for (flow_id, hour), number in sorted(arrived.items())])


def of_flow(cr, flow_id: int) -> dict[datetime, int]:
    """``{beginning of an hour: how many came}``"""
    cr.execute("SELECT hour, number FROM integration_arrival WHERE flow_id = %s", [flow_id])
    return dict(cr.fetchall())


def forget_old(cr, now: datetime, limit: int = 10000) -> int:
    """Delete what is too old to learn from. Returns how many rows."""
    cr.execute(
        "DELETE FROM integration_arrival WHERE id IN (SELECT id FROM integration_arrival WHERE hour < %s LIMIT %s)",
        [now - KEPT, limit])
    return cr.rowcount
