"""Records over there that are ours: recognised by match keys when they are looked up, and by the keys of their lines."""

from ..core import pairing, paths
from ..core.errors import SyncError
from . import http
from .outgoing import Outgoing
from .plan import id_text

NAMED = 5
"""So many records are named when it is not clear which one is meant."""


class ExportMatching:
    """Part of the exporter."""

    def _meant(self, outgoing: Outgoing, body) -> dict | None:
        """The record that a look-up has found; None when there is none.

        :raises SyncError: ambiguous/several_found
        """
        records = {}
        for number, record in enumerate(http.records_of(self.plan.operation("find"), body)):
            if self._is_meant(outgoing, record):
                records.setdefault(self.plan.external_id(record) or number, record)
        if len(records) > 1:
            names = [self._name_of(record, key) for key, record in list(records.items())[:NAMED]]
            raise SyncError("ambiguous", "several_found", params={
                "count": len(records), "keys": self._line_key_labels() or self._key_labels(), "records": ", ".join(names)})
        return next(iter(records.values()), None)

    def _name_of(self, record, key) -> str:
        name = paths.get(self.plan.resource.name_path, record) if self.plan.resource.name_path else None
        return f"{name} ({key})" if isinstance(name, (str, int)) and str(name) != str(key) else str(key)

    def _is_meant(self, outgoing: Outgoing, record) -> bool:
        """Searches over there may find more than what was asked for. A match is never guessed: where a record shows
        a match key, it has to be the same; or one of its lines has to have the key of one of ours."""
        if self._shares_a_line(outgoing, record):
            return True
        for path, value in outgoing.asked or ():
            there = paths.get(path, record)
            if there is not None and not isinstance(there, (dict, list)) \
                    and pairing.same_key(there) != pairing.same_key(value):
                return False
        return bool(outgoing.asked) or not self.plan.line_keys

    def _shares_a_line(self, outgoing: Outgoing, record) -> bool:
        for rule, child in self.plan.line_keys:
            ours = _keys(outgoing.values.get(rule.code), child)
            if ours & _keys(paths.get(rule.external_path, record), child):
                return True
        return False

    def _key_labels(self) -> str:
        return ", ".join(rule.label for rule in self.plan.match_rules)

    def _line_key_labels(self) -> str:
        return ", ".join(child.label for _rule, child in self.plan.line_keys)

    def _taken_by(self, res_id: int, external_id: str) -> SyncError:
        other = self.plan.model.sudo().browse(res_id).exists()
        return SyncError("ambiguous", "already_linked", params={
            "record": other.display_name if other else str(res_id),
            "keys": self._line_key_labels() or self._key_labels(), "external_id": external_id})

    def _link_lines(self, outgoing: Outgoing, answer: dict | None) -> None:
        """Lines that were sent without an ID got one: the answer has them in the order in which they were sent, or they
        are known by their match key."""
        for rule in outgoing.changed:
            if rule.kind != "lines" or not rule.line_id_path or not answer:
                continue
            answered = paths.get(rule.external_path, answer)
            answered = answered if isinstance(answered, list) else []
            known = self.mapper.line_ids.get(rule.id, {})
            sent, values = outgoing.lines[rule.code], outgoing.values.get(rule.code) or []
            child = next((child for lines, child in self.plan.line_keys if lines is rule), None)
            theirs = [(line_id, line) for line in answered if (line_id := id_text(paths.get(rule.line_id_path, line)))
                      and line_id not in {known.get(line) for line in sent}]
            if child is not None and len(values) == len(sent):
                pairs = pairing.pair(
                    [(line, paths.get(child.external_path, value)) for line, value in zip(sent, values, strict=True)
                     if line not in known],
                    [(line_id, paths.get(child.external_path, line)) for line_id, line in theirs])
            else:
                new_lines = [line for line in sent if line not in known]
                # Else it is not clear which is which, and nothing is guessed.
                pairs = zip(new_lines, [line_id for line_id, _line in theirs], strict=True) \
                    if len(theirs) == len(new_lines) else ()
            self.links += [(f"{outgoing.external_id}/{line_id}", line, rule) for line, line_id in pairs]


def _keys(lines, child) -> set[str]:
    """The keys of these lines."""
    found = {pairing.same_key(paths.get(child.external_path, line)) for line in lines} if isinstance(lines, list) else set()
    return found - {""}
