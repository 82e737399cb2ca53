"""Files that were sent as addresses: the other system fetches them when it likes, and says later whether it could.

What the resource tells about it (*Still Fetching*, *What Went Wrong*) is looked at in the answer to the call that sent an
address, then in the record itself, with growing pauses, until it is clear. Where it went wrong, the record fails with the
words of the other system, and its next attempt sends the address again.
"""

from ..core import paths
from ..core.errors import SyncError
from ..core.values import text_of
from . import http
from .files import FETCHING
from .outgoing import Outgoing

SHOWN = 3


class ExportFiles:
    """Part of the exporter. Only for flows that send addresses of files, of a resource that tells what became of them."""

    def _plan_file_look(self, outgoing: Outgoing) -> None:
        """Nothing is to be sent, but a file may still be under way: the record is read."""
        outgoing.row.external_id = outgoing.external_id
        read = self.plan.operation("read")
        outgoing.request = http.build_request(read, variables={"id": outgoing.external_id}, key=outgoing)
        self.reads.append(outgoing)

    def _watch_files(self, outgoing: Outgoing, record: dict) -> None:
        """Has the other system got the files that were sent? Else the record waits, or fails."""
        row = outgoing.row
        codes = {*(row.agreed.get(FETCHING) or {}).get("o", ()), *(
            rule.code for rule in outgoing.changed if rule.transform == "file_url" and outgoing.values.get(rule.code))}
        if not codes:
            return
        agreed = {code: value for code, value in row.agreed.items() if code != FETCHING}
        wrong = _texts(paths.get(self.plan.resource.trouble_path, record)) if self.plan.resource.trouble_path else []
        if wrong:
            # What was not fetched is not there: it is sent again with the next attempt.
            row.agreed = {code: value for code, value in agreed.items() if code not in codes}
            self._unfinished(outgoing, SyncError("validation", "file_not_fetched", params={
                "message": "; ".join(wrong[:SHOWN]), "fields": self._labels(codes)}))
        elif self.plan.resource.fetching_path and paths.get(self.plan.resource.fetching_path, record):
            row.agreed = {**agreed, FETCHING: {"o": sorted(codes), "e": None}}
            self._unfinished(outgoing, SyncError("locked", "still_fetching", params={"fields": self._labels(codes)}))
        else:
            row.agreed = agreed

    def _unfinished(self, outgoing: Outgoing, error: SyncError) -> None:
        outgoing.row.export_pending = True
        self._fail(outgoing.row, error)

    def _after_file_look(self, outgoing: Outgoing, exchange) -> None:
        row = outgoing.row
        record = http.read_record(self.plan.operation("read"), exchange.response.body)
        row.export_pending, row.error, row.error_key, row.hint, row.detail = False, None, None, None, None
        row.settle("synced", "updated")
        self._watch_files(outgoing, record)
        if row.state == "synced":
            row.attempts = 0

    def _labels(self, codes) -> str:
        return ", ".join(rule.label for rule in self.plan.export_rules if rule.code in codes)


def _texts(found) -> list[str]:
    """What went wrong, as texts, each once."""
    several = found if isinstance(found, list) else [found]
    return list(dict.fromkeys(text for one in several if (text := (text_of(one) or "").strip())))
