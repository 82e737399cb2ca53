"""The exporter's way with records that were deleted (or archived, where that counts as deleted) in Odoo."""

from ..core.errors import SyncError
from . import deletions, http, journal
from .outgoing import Outgoing
from .rows import Row


class ExportDeleted:
    """Part of the exporter: wants ``env``, ``cr``, ``plan``, ``now``, ``outgoing`` and its ways to fail and to call."""

    def prepare_deletes(self, rows: list[Row]) -> None:
        """Records deleted in Odoo: delete them over there, ask first, or only forget the link, as the flow says."""
        operation = self.plan.operation("delete")
        links = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name,
            [row.res_id for row in rows if row.res_id])
        queue = deletions.Queue(self.cr, self.plan, "external", self.now)
        if self.plan.delete_asks:
            queue.load([row.id for row in rows])
        back, relinked = self._back_in_odoo(rows), self._relinked(rows)
        policy = self.plan.flow.delete_in_external
        for row in rows:
            row.direction = "export"
            external_id = links.get(row.res_id, row.external_id or "")
            outgoing = Outgoing(row, None, external_id=external_id)
            if row.id in back:
                queue.drop(row.id)
                row.delete_pending, row.export_pending = False, True
                row.settle("pending", "", due_at=self.now)
            elif row.id in relinked:
                queue.drop(row.id)
                row.delete_pending = row.export_pending = row.import_pending = False
                row.settle("excluded", "excluded", message=self.env._(
                    "Deleted in Odoo, but the record over there is linked to another one by now: it stays."))
            elif policy == "nothing" or not external_id and not row.create_sent:
                queue.drop(row.id)
                self._deleted(outgoing, self.env._("Deleted in Odoo; nothing is done over there."))
            elif policy == "ask" and queue.state(row.id) != deletions.APPROVED:
                self._ask(queue, outgoing)
            elif not operation:
                self._fail(row, SyncError("mapping", "no_operation", params={
                    "kind": "delete", "resource": self.plan.resource.name}))
            elif external_id:
                self._outcome_known(row)
                self._plan_delete(outgoing)
            else:
                self._plan_doubtful_delete(outgoing)
        queue.store()

    def _ask(self, queue, outgoing: Outgoing) -> None:
        row = outgoing.row
        row.external_id = outgoing.external_id or row.external_id
        if queue.state(row.id) != deletions.REJECTED:
            queue.ask(row, "delete", row.res_id)
            row.asks = True
            row.settle("waiting", "waiting", message=self.env._(
                "Deleted in Odoo. Somebody has to approve that it is deleted in the other system."))
            return
        said = self.env._("Deleted in Odoo, and kept in the other system, as %(user)s has decided.",
                          user=queue.known[row.id].user)
        if self._still_here([row]):
            # Archived: the two stay linked, and nobody asks again until it is in use once more.
            row.delete_pending = row.export_pending = row.import_pending = False
            row.settle("excluded", "excluded", message=said)
        else:
            queue.drop(row.id)
            self._deleted(outgoing, said)

    def _plan_delete(self, outgoing: Outgoing) -> None:
        outgoing.operation = self.plan.operation("delete")
        outgoing.request = http.build_request(
            outgoing.operation, variables={"id": outgoing.external_id}, key=outgoing)
        self.outgoing.append(outgoing)

    def send_deletes(self, client) -> None:
        for exchange in self._call_all(client, [outgoing.request for outgoing in self.outgoing]):
            outgoing = exchange.request.key
            outgoing.row.exchange = exchange
            outgoing.row.duration_ms = int(exchange.duration_ms)
            if exchange.error is not None and exchange.error.code != "not_found":
                self._fail(outgoing.row, exchange.error)
            else:
                self._deleted(outgoing, self.env._("Deleted in Odoo and over there."))

    def record_deletes(self, rows: list[Row]) -> None:
        """With the outcome of the slice: links of what is deleted go, and so do the questions about it."""
        done = [row for row in rows if row.outcome == "deleted"]
        journal.delete_record_links(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, [row.res_id for row in done])
        if done and self.plan.delete_asks:
            deletions.forget(self.cr, [row.id for row in done], "external")
            self.plan.flow.sudo()._tell_about_deletions()

    def _deleted(self, outgoing: Outgoing, message: str) -> None:
        row = outgoing.row
        row.delete_pending = row.export_pending = row.import_pending = False
        row.error = row.error_key = row.waiting_for = row.conflicts = None
        row.attempts = 0
        row.settle("excluded", "deleted", message=message)

    # -- archived ------------------------------------------------------------------------------------------

    def _archived_deleted(self, rows: list[Row], links: dict[int, str]) -> set[int]:
        """Settle archived records of a flow for which archiving counts as deleting. Returns their ids."""
        archived = set(self._still_here(rows)) - set(self._still_here(rows, active=True))
        concerned = [row for row in rows if row.res_id in archived]
        if not concerned:
            return set()
        queue = deletions.Queue(self.cr, self.plan, "external", self.now)
        queue.load([row.id for row in concerned])
        for row in concerned:
            row.export_pending = False
            if row.res_id in links and queue.state(row.id) != deletions.REJECTED:
                row.delete_pending = True
                row.settle("pending", "", due_at=self.now)
            else:
                row.settle("excluded", "excluded", message=self.env._("Archived in Odoo."))
        return {row.id for row in concerned}

    def _back_in_odoo(self, rows: list[Row]) -> set[int]:
        """Rows to delete whose Odoo record is in use (again)."""
        if not self.plan.archived_deletes:
            return set()
        active = set(self._still_here(rows, active=True))
        return {row.id for row in rows if row.res_id in active}

    def _relinked(self, rows: list[Row]) -> set[int]:
        """Rows to delete whose external record belongs to another Odoo record by now."""
        found = journal.find_links(
            self.cr, self.plan.connection.id, self.plan.resource.id, [row.external_id for row in rows if row.external_id])
        other = {row.id: found[row.external_id] for row in rows
                 if row.external_id in found and found[row.external_id] != row.res_id}
        here = set(self.plan.model.sudo().browse(other.values()).exists()._ids) if other else ()
        return {row_id for row_id, res_id in other.items() if res_id in here}

    def _still_here(self, rows: list[Row], *, active: bool = False) -> list[int]:
        records = self.plan.model.sudo().browse([row.res_id for row in rows if row.res_id]).exists()
        return records.filtered("active").ids if active else records.ids
