from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import human_size

from ..engine import retention

# A round that was not finished goes on after this pause: live records need the cron threads, too.
PAUSE_SECONDS = 60


class IntegrationRetention(models.Model):
    """What the addon stores that grows, how big it is, and what retention did about it the last time.

    Another addon adds a table with ``selection_add`` and an override of :meth:`_tasks`.
    """

    _name = "integration.retention"
    _description = "Integration Retention"
    _order = "id"
    _rec_name = "kind"
    _log_access = False

    kind = fields.Selection([
        ("leftovers", "Captured Changes Without a Worker"),
        ("bodies", "Bodies of Requests and Responses, by Age"),
        ("bodies_by_size", "Bodies of Requests and Responses, by Size"),
        ("exchanges", "Requests and Responses"),
        ("log_lines", "History"),
        ("payloads", "Received Payloads"),
        ("runs", "Runs"),
    ], required=True, readonly=True)
    last_run_at = fields.Datetime(string="Last Looked At", readonly=True)
    last_count = fields.Integer(string="Removed or Emptied", readonly=True, help="Rows, in the last round.")
    finished = fields.Boolean(readonly=True, help="No: there was more than could be done in one go. It goes on by itself.")

    _kind_unique = models.UniqueIndex("(kind)", "There is one line for each kind.")

    # -- the scheduled action ------------------------------------------------------------------------------

    @api.model
    def _tasks(self):
        """(kind, function from a ``Retention`` to ``Purged``) in the order in which they are done.

        Bodies before exchanges, what refers before what is referred to.
        """
        return [
            (kind, getattr(retention.Retention, kind)) for kind in (
                "leftovers", "bodies", "bodies_by_size", "log_lines", "exchanges", "payloads", "runs")]

    @api.model
    def _cron_purge(self, seconds=retention.CALL_SECONDS):
        """Entry point of the scheduled action: one round, as far as the time goes.

        What was not finished the last time comes first, so that one big table does not keep the others from their turn.
        """
        done = retention.Retention(self.env, retention.Time(self.env, seconds))
        unfinished = self.search([("finished", "=", False)]).mapped("kind")
        finished = True
        for kind, task in sorted(self._tasks(), key=lambda pair: pair[0] not in unfinished):
            purged = retention.Purged(0, False) if done.until.is_over else task(done)
            finished = finished and purged.finished
            self._note(kind, purged, continues=bool(unfinished))
            done.until.commit(0)
        if not finished:
            cron = self.env.ref("integration_flow.cron_retention", raise_if_not_found=False)
            if cron:
                cron._trigger(fields.Datetime.add(fields.Datetime.now(), seconds=PAUSE_SECONDS))
        return finished

    def _note(self, kind, purged, continues):
        """Remember what came of it; what continues an unfinished round adds to it."""
        self.flush_model()
        self.env.cr.execute(
            """INSERT INTO integration_retention AS r (kind, last_run_at, last_count, finished) VALUES (%s, %s, %s, %s)
               ON CONFLICT (kind) DO UPDATE SET last_run_at = EXCLUDED.last_run_at, finished = EXCLUDED.finished,
                   last_count = EXCLUDED.last_count + CASE WHEN %s THEN COALESCE(r.last_count, 0) ELSE 0 END""",
            [kind, fields.Datetime.now(), purged.count, purged.finished, continues])
        self.invalidate_model()

    # -- for the settings ----------------------------------------------------------------------------------

    @api.model
    def _defaults(self):
        """What holds where a flow or connection says nothing of its own: ``{name of the setting: number}``."""
        return retention.defaults(self.env)

    @api.model
    def _tables(self):
        """``{table: what people call it}`` of what grows."""
        return {
            "integration_log": self.env._("History"),
            "integration_exchange": self.env._("Requests and Responses"),
            "integration_sync": self.env._("Sync Records"),
            "integration_link": self.env._("Links"),
            "integration_run": self.env._("Runs"),
            "integration_capture": self.env._("Captured Changes"),
        }

    @api.model
    def _sizes(self):
        """Size and number of rows of each table as the database estimates them, largest first: a count of millions of rows
        would take longer than anybody waits for a settings page.

        :return: list of dicts with table, name, bytes and rows
        """
        names = self._tables()
        self.env.cr.execute(SQL(
            "SELECT relname, pg_total_relation_size(oid), GREATEST(reltuples, 0)::bigint FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = current_schema::regnamespace AND relname = ANY(%s)", list(names)))
        return [
            {"table": table, "name": names[table], "bytes": size, "rows": rows}
            for table, size, rows in sorted(self.env.cr.fetchall(), key=lambda found: -found[1])]

    @api.model
    def _summary(self):
        """Lines for the settings page: how big the tables are, and when retention was last here."""
        lines = [
            self.env._("%(name)s: %(size)s, about %(rows)s rows", name=each["name"], size=human_size(each["bytes"]),
                       rows=f"{each['rows']:,}")
            for each in self._sizes()]
        last = self.sudo().search([], order="last_run_at desc", limit=1).last_run_at
        if not last:
            lines.append(self.env._("Retention has not run yet."))
        else:
            counts = self.sudo().search([("last_run_at", "!=", False)])
            lines.append(self.env._(
                "Retention ran last on %(moment)s and removed or emptied %(count)s rows.%(more)s",
                moment=fields.Datetime.to_string(fields.Datetime.context_timestamp(self, last)),
                count=f"{sum(counts.mapped('last_count')):,}",
                more="" if all(counts.mapped("finished")) else self.env._(" It is not finished and goes on by itself.")))
        return "\n".join(lines)
