"""Records that were merged over there: the survivor names the IDs that it has swallowed, and links follow it.

The path costs nothing where a resource has none, and one statement a page where some record names former IDs.
"""

import re

from ..core import paths
from ..core.errors import SyncError
from .plan import FlowPlan, id_text


def former_ids(plan: FlowPlan, record) -> list[str]:
    """The IDs that this record has swallowed: a list, or a text with semicolons or commas between. What cannot be read
    names none."""
    try:
        found = paths.get(plan.resource.merged_path, record)
    except SyncError:
        return []
    parts = found if isinstance(found, list) else re.split(r"[;,]", str(found)) if found else []
    return [text for part in parts if (text := id_text(part))]


def follow(cr, plan: FlowPlan, survivors: dict[str, list[str]]) -> list[str]:
    """Move links from former IDs to the records that survive.

    A survivor that is not linked yet takes the oldest link of its former IDs, together with what both sides last agreed
    on. The other former IDs stand for Odoo records that are duplicates now.

    :param survivors: ``{external ID: former IDs}`` of the records of one page
    :return: former IDs that are still linked: for this resource they have ended
    """
    owner = {former: survivor for survivor, formers in survivors.items() for former in formers if former != survivor}
    if not owner:
        return []
    cr.execute(
        "SELECT id, external_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND COALESCE(line_rule_id, 0) = 0 AND external_id = ANY(%s) ORDER BY id",
        [plan.connection.id, plan.resource.id, sorted({*owner, *survivors})])
    links = cr.fetchall()
    linked, moves, ended = {external_id for _link, external_id in links}, [], []
    for link_id, external_id in links:
        survivor = owner.get(external_id)
        if survivor is None or external_id in survivors:  # a record that is still in the list has not ended
            continue
        if survivor in linked:
            ended.append(external_id)
        else:
            linked.add(survivor)
            moves.append((link_id, external_id, survivor))
    for link_id, former, survivor in moves:  # merges are rare
        cr.execute("UPDATE integration_link SET external_id = %s WHERE id = %s", [survivor, link_id])
        # What the survivor has left so far (a match that was refused) is void: it is what the former record was.
        cr.execute(
            "DELETE FROM integration_sync s USING integration_sync former WHERE s.external_id = %s "
            "AND former.external_id = %s AND former.flow_id = s.flow_id AND s.res_id IS NULL "
            "AND s.state <> 'processing' AND s.connection_id = %s AND s.flow_id IN ("
            "SELECT id FROM integration_flow WHERE resource_id = %s)",
            [survivor, former, plan.connection.id, plan.resource.id])
        cr.execute(
            "UPDATE integration_sync s SET external_id = %s, content_hash = NULL, external_version = NULL, "
            "external_updated_at = NULL WHERE s.external_id = %s AND s.connection_id = %s "
            "AND s.flow_id IN (SELECT id FROM integration_flow WHERE resource_id = %s) AND NOT EXISTS ("
            "SELECT 1 FROM integration_sync other WHERE other.flow_id = s.flow_id AND other.external_id = %s)",
            [survivor, former, plan.connection.id, plan.resource.id, survivor])
    return ended
