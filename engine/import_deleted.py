"""The importer's way with records that were deleted over there."""

from . import capture, deletions, failures, inbox
from .items import Item


class ImportDeleted:
    """Part of the importer: wants ``env``, ``cr``, ``plan``, ``now`` and ``_fail``."""

    def _without_deleted(self, items: list[Item]) -> list[Item]:
        """Handle records that were deleted over there as the flow says; return the others."""
        queue = None
        if "odoo" in self.plan.delete_asks:
            queue = deletions.Queue(self.cr, self.plan, "odoo", self.now)
            queue.load([item.row.id for item in items])
        rest = []
        for item in items:
            if item.row.settled or not inbox.is_deleted(self.plan, item.record):
                rest.append(item)
                if queue is not None:
                    queue.drop(item.row.id)  # it is back
                continue
            try:
                with self.cr.savepoint():
                    outcome, message = self._delete(item, queue)
                    self.plan.model.env.flush_all()
            except Exception as error:
                if failures.is_concurrency(error):
                    raise
                self._fail(item, failures.from_exception(self.plan.model.env, self.plan.model_name, error))
                continue
            if queue is not None and outcome in ("archived", "deleted"):
                queue.drop(item.row.id)
            item.row.import_pending = item.row.export_pending = False
            item.row.settle("waiting" if outcome == "waiting" else "excluded", outcome, message=message)
        if queue is not None:
            queue.store()
        return rest

    def _delete(self, item: Item, queue) -> tuple[str, str]:
        """Archive or delete the Odoo record of one that is gone over there, ask first, or leave it.

        :return: the outcome, and what people read of it
        """
        policy, said = self.plan.flow.delete_in_odoo, self.env._("Deleted in the other system.")
        if not item.linked or policy == "nothing":
            return "excluded", said
        record = self.plan.model.browse(item.res_id)
        if policy == "ask":
            what = self._what_to_ask(record)
            known = queue.known.get(item.row.id)
            if known is None and what == "archive" and not record.active:
                return "excluded", said
            if known is None or known.state == deletions.OPEN:
                queue.ask(item.row, what, item.res_id)
                item.row.asks = True
                return "waiting", self.env._(
                    "Deleted in the other system. Somebody has to approve that it is archived in Odoo.") \
                    if what == "archive" else self.env._(
                    "Deleted in the other system. Somebody has to approve that it is deleted in Odoo.")
            if known.state == deletions.REJECTED:
                return "excluded", self.env._(
                    "Deleted in the other system, and kept in Odoo, as %(user)s has decided.", user=known.user)
            policy = known.what
            said = self.env._("Deleted in the other system; approved by %(user)s.", user=known.user)
        with capture.origin(self.plan.id):
            if policy == "archive" and "active" in record._fields:
                record.action_archive()
                return "archived", said
            if policy == "archive":
                return "excluded", said
            record.unlink()
        self._unlink_record(item.row.external_id, item.res_id)
        item.row.res_id = None
        return "deleted", said

    def _what_to_ask(self, record) -> str:
        """What can be archived is archived, where the flow says so; the rest can only be deleted."""
        return "archive" if self.plan.flow.delete_approved == "archive" and "active" in record._fields else "delete"
