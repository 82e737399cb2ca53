"""What arrives from outside is stored first, as sync records, and worked on later.

A page of records becomes one statement. What is known and unchanged is left out by its content hash, without
touching the ORM.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..core import documents, fingerprint, paths
from ..core.errors import SyncError
from ..core.recency import Age, is_older, moment_of
from ..core.tables import BROKEN
from ..core.values import clean_text
from . import inbox_rows, merging
from .mapper import external_values
from .plan import FlowPlan

# Bytes of an external ID: more does not fit into a unique index.
LONGEST_ID = 1000
# Under this key a record that was reported as deleted (by a webhook) holds its ID; see ``tombstone``.
DELETED_KEY = "@integration_flow.deleted"
# And under this one it says that it was only missing from a list; see ``full_scan.py``.
MISSING_KEY = "@integration_flow.missing"
ONE_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Stored:
    """What storing a page came to."""

    read: int = 0
    queued: int = 0
    unchanged: int = 0
    excluded: int = 0
    older: int = 0  # states that came too late: a newer one is known
    newest: datetime | None = None
    oldest: datetime | None = None
    ascending: bool = True  # each record was changed after the one before, as far as they tell
    # Equal for pages with the same records in the same order.
    fingerprint: str = ""
    external_ids: Any = ()
    unnamed: int = 0  # records whose ID cannot be read

    def saw(self, moment: datetime | None) -> None:
        """Take note of the time of change of the next record. Watermarks are whole seconds, never too late."""
        if moment is None:
            return
        moment = moment.replace(microsecond=0)
        self.ascending = self.ascending and (self.newest is None or moment >= self.newest)
        self.newest = moment if self.newest is None else max(self.newest, moment)
        self.oldest = moment if self.oldest is None else min(self.oldest, moment)


@dataclass(slots=True)
class Incoming:
    external_id: str
    record: Any
    content_hash: str
    age: Age
    name: str | None
    readable: bool = True
    excluded: bool = False

    @property
    def payload(self) -> str:
        """The record as it is stored. Most records of most pages are unchanged and need none."""
        return documents.dump_json(self.record)


def store(cr, plan: FlowPlan, records: list, *, now: datetime, run_id: int | None = None, priority: int | None = None,
          embedded_plans=None, present_since: datetime | None = None) -> Stored:
    """Store the records of one page as pending sync records of the flow. Does not commit.

    What cannot be read is stored as well: the importer says on that record what is wrong, and the others land.

    :param records: decoded records as the API answered them
    :param priority: of the stored records, when it is not the flow's own (records that others wait for)
    :param embedded_plans: function from a flow to its FlowPlan, for records that stand inside others
    :param present_since: these are the states that the other system held at this moment or later, as a person asked to
        see them: a state that was stored before is not newer, whatever the clock over there says
    """
    stored = Stored(read=len(records))
    if priority is None:
        priority = plan.settings.priority + (100 if plan.settings.timing == "batch" else 0)
    incoming: dict[str, Incoming] = {}
    broken: list[Incoming] = []
    seen: list[tuple[str, str]] = []
    for record in records:
        item = _incoming(plan, record)
        seen.append((item.external_id, item.content_hash))
        stored.saw(item.age.changed_at)
        if not item.external_id:
            broken.append(item)
            continue
        earlier = incoming.get(item.external_id)
        # The same ID twice in one page: the newer state counts, else the later one.
        if earlier is not None and is_older(item.age, earlier.age):
            stored.older += 1
            continue
        incoming[item.external_id] = item
    stored.fingerprint = fingerprint.content_hash(seen) if seen else ""
    stored.external_ids, stored.unnamed = incoming.keys(), len(broken)
    stored.queued += inbox_rows.store_unnamed(cr, plan, broken, now, run_id, priority)
    if not incoming:
        return stored
    if plan.resource.merged_path:
        _follow_merges(cr, plan, incoming)
    cr.execute(
        "SELECT external_id, id, content_hash, external_version, external_updated_at, "
        "COALESCE(write_date, create_date) FROM integration_sync WHERE flow_id = %s AND external_id = ANY(%s)",
        [plan.id, list(incoming)])
    known = {row[0]: _Known(*row[1:]) for row in cr.fetchall()}
    fresh, older, aged = [], [], []
    for external_id, item in incoming.items():
        before = known.get(external_id)
        if before is not None:
            late = is_older(item.age, before.age)
            if late and before.was_stored_before(present_since):
                late = is_older(Age(item.age.version), Age(before.version))  # a version is no clock
            if before.content_hash == item.content_hash:
                stored.unchanged += 1
                # The same content in a newer version: what comes late from in between is older than this.
                if item.age != before.age and not late:
                    aged.append((before.id, *item.age))
                continue
            if late:
                stored.older += 1
                older.append((before.id, item.age, before.age))
                continue
        if item.excluded:
            stored.excluded += 1
            if before is None:
                continue  # never wanted, so nothing to remember
        else:
            stored.queued += 1
        fresh.append(item)
    inbox_rows.note_ages(cr, aged)
    inbox_rows.log_older(cr, plan, older, now, run_id)
    if fresh:
        _store_embedded(cr, plan, fresh, now, priority, embedded_plans)
        inbox_rows.upsert(cr, plan, fresh, now, run_id, priority)
    return stored


def _follow_merges(cr, plan: FlowPlan, incoming: dict) -> None:
    """Links of swallowed IDs move to the record that survived; what stays linked beside it has ended."""
    survivors = {}
    for external_id, item in incoming.items():
        if not item.readable or item.excluded or DELETED_KEY in item.record:
            continue
        if formers := merging.former_ids(plan, item.record):
            survivors[external_id] = formers
    for former in merging.follow(cr, plan, survivors) if survivors else ():
        incoming[former] = _incoming(plan, tombstone(former))


def tombstone(external_id: str, record=None) -> dict:
    """What is stored of a record whose end was reported, with whatever the report says of it (a version, a time)."""
    return {**(record if isinstance(record, dict) else {}), DELETED_KEY: external_id}


def is_deleted(plan: FlowPlan, record) -> bool:
    """Was this record deleted over there, by what it says itself or by a report?"""
    if DELETED_KEY in record:
        return True
    return bool(plan.resource.deleted_path and paths.get(plan.resource.deleted_path, record))


def forget_unlinked(cr, plan: FlowPlan, external_ids: list[str]) -> None:
    """Records that were synced once and have lost their link are new to us, even if they have not changed."""
    cr.execute(
        """UPDATE integration_sync s SET content_hash = NULL
           WHERE s.flow_id = %s AND s.external_id = ANY(%s) AND s.state = 'synced' AND NOT EXISTS (
               SELECT 1 FROM integration_link link WHERE link.connection_id = s.connection_id
               AND link.resource_id = %s AND COALESCE(link.line_rule_id, 0) = 0 AND link.external_id = s.external_id)""",
        [plan.id, external_ids, plan.resource.id])


def unwanted(cr, plan: FlowPlan, external_ids: list[str]) -> list[str]:
    """Those of the records just stored that will never be linked: left out by the flow's filter, or of another ID than
    the one they were asked for by."""
    cr.execute(
        "SELECT external_id FROM integration_sync WHERE flow_id = %s AND external_id = ANY(%s) AND state <> 'excluded'",
        [plan.id, external_ids])
    known = {row[0] for row in cr.fetchall()}
    return [external_id for external_id in external_ids if external_id not in known]


def _incoming(plan: FlowPlan, record) -> Incoming:
    external_id, readable, content_hash, age, name = "", False, "", Age(), None
    excluded = False
    try:
        name = _text(paths.get(plan.resource.name_path, record)) if plan.resource.name_path else None
        external_id = identify(plan, record)
        age = age_of(plan, record)
        if plan.settings.external_filter and DELETED_KEY not in record:
            excluded = not paths.get(plan.settings.external_filter, record)
        content_hash = content_of(plan, record)
        readable = True
    except SyncError:
        content_hash = fingerprint.content_hash([plan.signature, documents.dump_json(record)])
    if excluded:
        content_hash = f"-{content_hash[1:]}"
    return Incoming(external_id, record, content_hash, age, name, readable, excluded)


def age_of(plan: FlowPlan, record) -> Age:
    """Version and time of the last change of a record, where the API tells them.

    :raises SyncError: when a path fails on this record
    """
    resource = plan.resource
    version = _text(paths.get(resource.version_path, record)) if resource.version_path else None
    changed_at = paths.get(resource.updated_at_path, record) if resource.updated_at_path else None
    try:
        return Age(version or None, moment_of(changed_at, plan.settings.tz))
    except SyncError:  # the time zone of the flow does not exist
        return Age(version or None)


def identify(plan: FlowPlan, record) -> str:
    """The external ID of a record.

    :raises SyncError: when it has none, or one that no index can hold
    """
    if not isinstance(record, dict):
        raise SyncError("validation", "not_an_object", params={
            "found": type(record).__name__, "start": "•••" if plan.sensitive_names else str(record)[:80]})
    if BROKEN in record:  # a row of a file
        row = record[BROKEN]
        raise SyncError("validation", "broken_row", params={"line": row["line"], "reason": row["reason"]})
    external_id = record.get(DELETED_KEY) or plan.external_id(record)
    if not external_id:
        raise SyncError("validation", "record_missing_id", params={"path": plan.resource.id_path})
    if len(external_id.encode()) > LONGEST_ID:
        raise SyncError("validation", "record_id_too_long", params={
            "path": plan.resource.id_path, "start": external_id[:40], "limit": LONGEST_ID})
    return external_id


def content_of(plan: FlowPlan, record) -> str:
    """The hash of what the flow's rules see of a record: other changes over there do not matter."""
    if DELETED_KEY in record:
        return fingerprint.content_hash([DELETED_KEY, record[DELETED_KEY]])
    values = external_values(plan, plan.merge_rules + plan.checks, record)
    pieces = [paths.get(rule.external_path, record) for rule in plan.embedded_rules]
    deleted = is_deleted(plan, record)
    return fingerprint.content_hash([plan.signature, values, pieces, *([deleted] if deleted else ())])


def _text(value) -> str | None:
    return None if value is None or isinstance(value, (dict, list)) else clean_text(str(value))[:200]


class _Known(NamedTuple):
    """What is known of an external record before a page is stored."""

    id: int
    content_hash: str | None
    version: str | None
    changed_at: datetime | None
    stored_at: datetime | None  # or later; in whole seconds

    @property
    def age(self) -> Age:
        return Age(self.version, self.changed_at)

    def was_stored_before(self, moment: datetime | None) -> bool:
        return moment is not None and self.stored_at is not None and self.stored_at + ONE_SECOND < moment


def _store_embedded(cr, plan: FlowPlan, items: list[Incoming], now, priority, embedded_plans) -> None:
    """Records that stand inside others (the customer of an order) go to their own flow, ahead of those that need them."""
    if embedded_plans is None:
        return
    pieces: dict[int, list] = {}
    for item in items:
        if not item.readable or item.excluded:
            continue
        for flow_id, records in embedded(plan, item.record):
            pieces.setdefault(flow_id, []).extend(records)
    for flow_id, records in pieces.items():
        related = embedded_plans(flow_id)
        known = [record for record in records if related.external_id(record)]
        if known:
            store(cr, related, known, now=now, priority=priority - 1, embedded_plans=embedded_plans)


def embedded(plan: FlowPlan, record):
    """(flow, records) for each rule by which records of another flow stand inside this one."""
    for rule in plan.embedded_rules:
        yield rule.relation_flow_id, _objects(rule.external_path, record)
    for lines in plan.import_rules:
        for rule in lines.children:
            if rule.kind == "relation" and rule.relation_mode == "embedded":
                for line in _objects(lines.external_path, record):
                    yield rule.relation_flow_id, _objects(rule.external_path, line)


def _objects(path: str, record) -> list[dict]:
    found = paths.get(path, record)
    return [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, dict)]
