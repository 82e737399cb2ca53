"""Drafts: first calls of a request whose result costs nothing until a later call makes it binding, as a shipment that is
not bought yet. A draft is valid only for what was sent: when the record says something else by then, it is made anew.

What must not be forgotten stands in the row's payload under ``DRAFT``: ``sent``, the fingerprint of the draft that is
being made; ``old``, the IDs of drafts that were given up, which no look-up may take for the present one; ``discard``, those
of them that are still to be cancelled.
"""

import json

from ..core import documents, steps
from ..core.errors import SyncError
from ..core.fingerprint import content_hash
from . import http, journal, messages
from .doubts import plain
from .outgoing import Outgoing
from .request_files import FETCHED

DRAFT = "#draft"
CALLS = "#calls"
"""Under this name the stored answer says how many calls of the request were made."""


class Drafts:
    """The part of the requester that deals with drafts. Wants ``plan``, ``steps``, ``known`` and what the exporter has."""

    def _init_drafts(self, request) -> None:
        self.drafts: int = request.drafts  # how many of the first calls only make a draft
        self.anew: dict[int, Outgoing] = {}  # row id → whose draft is given up
        self.memories: dict[int, dict] = {}  # row id → what is kept of drafts
        self.remarks: dict[int, list[str]] = {}  # row id → what its log line says besides

    def _memory(self, outgoing: Outgoing) -> dict:
        row = outgoing.row
        if row.id not in self.memories:
            kept = json.loads(row.payload).get(DRAFT) if row.payload else None
            self.memories[row.id] = {"sent": "", "old": [], "discard": [], **(kept or {})}
        return self.memories[row.id]

    def _fingerprint(self, outgoing: Outgoing) -> str:
        return content_hash(plain(self._body(outgoing)))

    def _binding_path(self) -> str:
        return self.steps[self.drafts].done_path

    def _is_outdated(self, outgoing: Outgoing, known: dict) -> bool:
        """Is what was made only a draft so far, and made from other values than the record has now?"""
        return bool(self.drafts) and known[CALLS] <= self.drafts and not steps.holds(known, self._binding_path()) \
            and content_hash(plain(known[steps.SENT])) != self._fingerprint(outgoing)

    # -- deciding ------------------------------------------------------------------------------------------

    def _make_anew(self, outgoing: Outgoing) -> None:
        """Give a draft up. The new one is not looked up: what is over there under this record's keys is the old one."""
        row, old = outgoing.row, outgoing.external_id
        outgoing.external_id, outgoing.operation = "", self.steps[0].operation
        outgoing.request = self._request(outgoing)
        self._give_up(outgoing, old)
        self.known.pop(row.id, None)
        row.external_id = None
        self.outgoing.append(outgoing)
        self.anew[row.id] = outgoing

    def _give_up(self, outgoing: Outgoing, old: str) -> None:
        memory = self._memory(outgoing)
        memory["old"].append(old)
        if self.steps[0].discard is not None:
            memory["discard"].append(old)
        else:
            self._remark_left(outgoing, old)

    def _lookup_failed(self, outgoing: Outgoing, error: SyncError) -> None:
        """A draft that is given up and not there any more is no loss."""
        known = self.known.get(outgoing.row.id)
        if known is not None and error.code == "not_found" and not outgoing.row.create_sent \
                and self._is_outdated(outgoing, known):
            self._make_anew(outgoing)
            self._memory(outgoing)["discard"].clear()
            return None
        return super()._lookup_failed(outgoing, error)

    def _is_meant(self, outgoing: Outgoing, record) -> bool:
        return super()._is_meant(outgoing, record) and not (self.drafts and self._is_stale(outgoing, record))

    def _is_stale(self, outgoing: Outgoing, record) -> bool:
        """Is a record that a look-up has found a draft that was not made from what Odoo holds now? Where nothing tells a
        draft from what is binding, only those that were given up are known to be."""
        memory, external_id = self._memory(outgoing), self.plan.external_id(record)
        if steps.holds(record, self._binding_path()):
            return False
        if external_id in memory["old"]:
            return True
        if not self._binding_path() or memory["sent"] == self._fingerprint(outgoing):
            return False
        if memory["sent"]:
            self._give_up(outgoing, external_id)  # made by a call whose answer was lost
        return True

    # -- calling -------------------------------------------------------------------------------------------

    def mark_sending(self) -> None:
        """Before a draft is made: what it is made from, and which ones it replaces. The caller commits."""
        if self.drafts and self.outgoing:
            for outgoing in self.outgoing:
                self._memory(outgoing)["sent"] = self._fingerprint(outgoing)
                self._keep_memory(outgoing)
            self.cr.execute(
                "UPDATE integration_sync s SET payload = v.payload, external_id = NULL "
                "FROM unnest(%s::int[], %s::text[]) AS v(id, payload) WHERE s.id = v.id",
                [[outgoing.row.id for outgoing in self.outgoing], [outgoing.row.payload for outgoing in self.outgoing]])
            leaving = {outgoing.row.id for outgoing in self.outgoing}
            journal.delete_record_links(
                self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name,
                [outgoing.row.res_id for row_id, outgoing in self.anew.items() if row_id in leaving])
        return super().mark_sending()

    def _keep_memory(self, outgoing: Outgoing) -> None:
        kept = json.loads(outgoing.row.payload or "{}")
        outgoing.row.payload = documents.dump_json({
            **({FETCHED: kept[FETCHED]} if FETCHED in kept else {}), DRAFT: self._memory(outgoing)})

    def send(self, client) -> None:
        if self.drafts:
            self._discard(client)
        return super().send(client)

    def _discard(self, client) -> None:
        """Cancel drafts that are given up, where the other system can. One that stays costs nothing and stops nothing."""
        requests = [
            http.build_request(self.steps[0].discard, variables={"id": old}, key=(outgoing, old))
            for outgoing in self.outgoing for old in self._memory(outgoing)["discard"]]
        for exchange in self._call_all(client, requests):
            outgoing, old = exchange.request.key
            outgoing.row.exchange = exchange
            if exchange.error is None:
                self._memory(outgoing)["discard"].remove(old)
                self._remark(outgoing, self.env._(
                    "Draft %(draft)s was made from values that have changed since: it was cancelled.", draft=old))
            elif exchange.error.info.scope == "record" and http.was_sent(exchange):
                self._memory(outgoing)["discard"].remove(old)
                self._remark_left(outgoing, old, exchange.error)
            # Else the system does not work now: it is asked again with the next attempt.

    def _draft_recorded(self, outgoing: Outgoing) -> None:
        """The draft is there: whatever could not be cancelled so far stays."""
        memory = self._memory(outgoing)
        for old in memory["discard"]:
            self._remark_left(outgoing, old)
        memory["discard"] = []
        self.known[outgoing.row.id][DRAFT] = memory

    # -- telling -------------------------------------------------------------------------------------------

    def _remark(self, outgoing: Outgoing, text: str) -> None:
        self.remarks.setdefault(outgoing.row.id, []).append(text)

    def _remark_left(self, outgoing: Outgoing, old: str, error: SyncError | None = None) -> None:
        text = self.env._(
            "Draft %(draft)s was made from values that have changed since: it is not used any more, and stays over there.",
            draft=old)
        if error is not None:
            text = f"{text} {messages.explain(self.env, error)[0]}"
        self._remark(outgoing, text)

    def _tell_drafts(self) -> None:
        """What became of drafts, on the log line of this attempt: beside its outcome, or beside its error."""
        for outgoing in self.outgoing if self.drafts else ():
            row = outgoing.row
            if row.id not in self.known:
                self._keep_memory(outgoing)
            text = " ".join(self.remarks.get(row.id, ()))
            if text and row.error is None:
                row.message = text
            elif text:
                row.detail = "\n".join(part for part in (row.detail, text) if part)
