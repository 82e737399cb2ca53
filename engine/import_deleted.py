"""The importer's way with records that were deleted over there."""

from . import capture, failures, inbox
from .items import Item


class ImportDeleted:
    """Part of the importer: wants ``env``, ``cr``, ``plan`` and ``_fail``."""

    def _without_deleted(self, items: list[Item]) -> list[Item]:
        """Handle records that were deleted over there as the flow says; return the others."""
        rest = []
        for item in items:
            if item.row.settled or not inbox.is_deleted(self.plan, item.record):
                rest.append(item)
                continue
            try:
                with self.cr.savepoint():
                    outcome = self._delete(item)
                    self.plan.model.env.flush_all()
            except Exception as error:
                if failures.is_concurrency(error):
                    raise
                self._fail(item, failures.from_exception(self.plan.model.env, self.plan.model_name, error))
                continue
            item.row.import_pending = item.row.export_pending = False
            item.row.settle("excluded", outcome, message=self.env._("Deleted in the other system."))
        return rest

    def _delete(self, item: Item) -> str:
        """Archive or delete the Odoo record of one that is gone over there, or leave it. Returns the outcome."""
        policy = self.plan.flow.delete_in_odoo
        if not item.linked or policy == "nothing":
            return "excluded"
        record = self.plan.model.browse(item.res_id)
        with capture.origin(self.plan.id):
            if policy == "archive" and "active" in record._fields:
                record.action_archive()
                return "archived"
            if policy == "archive":
                return "excluded"
            record.unlink()
        self._unlink_record(item.row.external_id, item.res_id)
        item.row.res_id = None
        return "deleted"
