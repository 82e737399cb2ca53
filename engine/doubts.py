"""Creates whose outcome is not known yet: what exactly was sent is kept with the record until it is.

A repeat under the same idempotency key must be the same call, or the other system refuses it; what changed in Odoo since
then follows as an update. And a record that is deleted in Odoo meanwhile has to be found over there, though Odoo does not
hold it any more.
"""

import json
from dataclasses import replace

from ..core import documents
from ..core.errors import SyncError
from . import http, journal
from .outgoing import Outgoing, harmless_to_repeat


def forget(cr, rows: list) -> None:
    """The outcome of these rows is known: what was sent for them need not be kept."""
    ids = [row.id for row in rows if not row.create_sent]
    if ids:
        cr.execute("UPDATE integration_sync SET sent = NULL WHERE id = ANY(%s) AND sent IS NOT NULL", [ids])


class Doubts:
    """The part of the exporter that deals with creates whose outcome is not known."""

    def _sent(self, outgoing: Outgoing) -> dict | None:
        """What was sent for this record before, when it is not known what came of it."""
        if not outgoing.row.create_sent:
            return None
        if outgoing.row.id not in self.sent:
            self.cr.execute("SELECT id, sent FROM integration_sync WHERE id = %s", [outgoing.row.id])
            self.sent.update(self.cr.fetchall())
        sent = self.sent.get(outgoing.row.id)
        return json.loads(sent) if sent else None

    def _same_again(self, outgoing: Outgoing, request):
        """The call to create this record: as it was sent the first time, if it was."""
        sent = self._sent(outgoing) if outgoing.repeat and harmless_to_repeat(outgoing.operation) else None
        if sent is None or sent["body"] == plain(request.body):
            return request
        outgoing.overtaken = True
        return replace(request, body=sent["body"])

    def _overtaken(self, outgoing: Outgoing, record: dict | None) -> None:
        """What was created is what Odoo held then: the difference is sent by the next slice."""
        row = outgoing.row
        row.agreed = self._equal_values(outgoing, record) if record else {}
        row.changes = {}
        row.export_pending = True
        row.settle("pending", "created", due_at=self.now)

    # -- deleted in Odoo meanwhile -------------------------------------------------------------------------

    def _plan_doubtful_delete(self, outgoing: Outgoing) -> None:
        """Was it created over there at all, and as what? Asked before it can be deleted there."""
        self.marked.add(outgoing.row.id)
        sent = self._sent(outgoing) or {}
        outgoing.asked = [tuple(pair) for pair in sent.get("asked") or ()]
        outgoing.request = self._lookup_request(outgoing) if outgoing.asked else None
        create = self.plan.write_operation("create")
        if outgoing.request is None and sent and create and harmless_to_repeat(create):
            outgoing.operation = create
            outgoing.request = http.build_request(
                create, variables={"key": outgoing.row.idempotency_key or ""}, body=sent["body"], key=outgoing,
                idempotency_key=outgoing.row.idempotency_key or "")
        if outgoing.request is None:
            self._unknown(outgoing.row)
        else:
            self.finds.append(outgoing)

    def send_doubtful(self, client) -> None:
        """Find out about the doubtful ones. Those that are over there are deleted like the others."""
        finds, self.finds = self.finds, []
        for exchange in self._call_all(client, [outgoing.request for outgoing in finds]):
            outgoing = exchange.request.key
            row = outgoing.row
            row.exchange = exchange
            try:
                exchange.raise_for_error()
                external_id = self._found_id(outgoing, exchange.response.body)
            except SyncError as error:
                self._fail(row, error)
                if outgoing.operation is not None and row.state == "failed":
                    self._unknown(row, error)
                continue
            self._outcome_known(row)
            if not external_id:
                self._deleted(outgoing, self.env._("Deleted in Odoo; it had never arrived over there."))
                continue
            outgoing.external_id = row.external_id = external_id
            self._plan_delete(outgoing)

    def _found_id(self, outgoing: Outgoing, body) -> str:
        """The external ID in the answer to a look-up or to a repeated create; '' when there is no such record."""
        if outgoing.operation is not None:
            record = http.unwrap(outgoing.operation, body)
            external_id = http.new_id(outgoing.operation, body) or self.plan.external_id(record)
            if not external_id:
                raise SyncError("validation", "missing_external_id_in_answer", params={"path": self.plan.resource.id_path})
            return external_id
        record = self._meant(outgoing, body)
        external_id = self.plan.external_id(record) if record is not None else ""
        taken = journal.find_links(self.cr, self.plan.connection.id, self.plan.resource.id, [external_id])
        return "" if external_id in taken else external_id  # another Odoo record's is not ours to delete


def plain(body):
    """A request's body as it is kept: what its JSON says."""
    return json.loads(documents.dump_json(body))
