from datetime import timedelta

from odoo import fields, models

from ..engine.retention import delete_in_chunks

# What is known of a file that is not in its folder any more is kept as long as this; of one that is, as long as it is.
KEEP_DAYS = 90


class IntegrationRetention(models.Model):
    """A file in its folder must stay known, or it would be read again."""

    _inherit = "integration.retention"

    kind = fields.Selection(selection_add=[("files", "Files That Are Gone")], ondelete={"files": "cascade"})

    def _tasks(self):
        return [*super()._tasks(), ("files", _purge)]

    def _tables(self):
        return {**super()._tables(), "integration_file": self.env._("Files")}


def _purge(retention):
    return delete_in_chunks(
        retention.env, "integration_file",
        "CASE r.direction WHEN 'in' THEN r.in_folder IS NOT TRUE AND r.seen_at < %s "
        "ELSE r.state <> 'open' AND r.create_date < %s END",
        [retention.now - timedelta(days=KEEP_DAYS)] * 2, until=retention.until)
