"""Recognising Odoo records by their match keys."""

from collections.abc import Callable
from datetime import datetime

from ..core.errors import SyncError
from . import inbox, journal
from .items import Item
from .mapper import normal, read_value
from .plan import FlowPlan


class Matcher:
    """Finds the Odoo records of external records that are not linked yet.

    :param fail: called with an item and its error
    """

    def __init__(self, cr, plan: FlowPlan, now: datetime, fail: Callable[[Item, SyncError], None]):
        self.cr = cr
        self.plan = plan
        self.now = now
        self.fail = fail

    def match(self, items: list[Item]) -> list[Item]:
        """Recognise existing records by the match keys. A match is never guessed: two candidates, or one that is
        linked to another external record, is an error."""
        rules = [rule for rule in self.plan.match_rules if rule.imports]
        unlinked = [item for item in items if not item.linked]
        if not rules or not unlinked:
            return items
        keys = {id(item): tuple(_key(normal(rule, item.values[rule.code])) for rule in rules) for item in unlinked}
        wanted = [item for item in unlinked if all(part is not None for part in keys[id(item)])]
        if not wanted:
            return items
        # Searched by the first one that holds a single value; the others are compared.
        first = next((rule for rule in rules if rule.field_type not in ("many2many", "one2many")), None)
        if first is None:
            return items
        model = self.plan.model.with_context(active_test=False)
        domain = [(first.odoo_path, "in", list({item.values[first.code] for item in wanted}))]
        by_key: dict[tuple, list[int]] = {}
        for record in model.search(domain):
            by_key.setdefault(tuple(_key(read_value(rule, record)) for rule in rules), []).append(record.id)
        candidates = [res_id for ids in by_key.values() for res_id in ids]
        taken = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, candidates)
        self._free_ended(taken)
        labels = ", ".join(rule.label for rule in rules)
        used: dict[tuple, Item] = {}
        rest = []
        for item in items:
            key = keys.get(id(item))
            if item.linked or key is None or any(part is None for part in key):
                rest.append(item)
                continue
            found = by_key.get(key, [])
            if key in used:
                # The same key twice in one batch: decided in the next slice, when the first one is linked.
                item.row.settle("pending", "", due_at=self.now)
            elif len(found) > 1:
                self.fail(item, SyncError("ambiguous", "ambiguous_match", params={"count": len(found), "keys": labels}))
            elif found and found[0] in taken:
                self.fail(item, SyncError("ambiguous", "already_linked", params={
                    "keys": labels, "record": model.browse(found[0]).display_name, "external_id": taken[found[0]]}))
            else:
                used[key] = item
                if found:
                    item.res_id, item.matched = found[0], True
                rest.append(item)
        return rest

    def _free_ended(self, taken: dict[int, str]) -> None:
        """What was deleted over there, and left or archived here, holds its Odoo record no longer: whoever makes the same
        thing anew over there means this record. One about whose end a person still has to decide keeps it."""
        if not taken:
            return
        self.cr.execute(
            "SELECT external_id FROM integration_sync WHERE flow_id = %s AND external_id = ANY(%s) AND state = 'excluded' "
            "AND position(%s IN left(payload, 200)) > 0", [self.plan.id, list(taken.values()), inbox.DELETED_KEY])
        ended = {external_id for (external_id,) in self.cr.fetchall()}
        free = [res_id for res_id, external_id in taken.items() if external_id in ended]
        if free:
            journal.delete_record_links(
                self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, free)
            for res_id in free:
                del taken[res_id]


def _key(value):
    """A part of a key: several linked records (the values of a variant) count together."""
    return tuple(value) if isinstance(value, list) else value
