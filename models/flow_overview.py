from datetime import timedelta

import pytz

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.rows import RUNNING_STATES

# So many days stand on the tile, today included.
DAYS = 14
# Beyond so many times its target a flow is not late but out of date.
STALE_TIMES = 2
# Of a busiest day's work waiting: from here on amber, and red.
QUEUE_AMBER, QUEUE_RED = 60, 85


class IntegrationFlow(models.Model):
    """What the tile of the overview tells of a flow: how fresh it is, how much waits, what the last days were like.

    For all tiles in one look at the runs.
    """

    _inherit = "integration.flow"

    freshness_minutes = fields.Integer(
        string="Fresh Within (min)", default=0,
        help="The last success should not be older than this. The overview shows when it is. 0: no target.")
    freshness = fields.Selection([
        ("none", "No Target"), ("fresh", "Fresh"), ("late", "Late"), ("stale", "Out of Date"),
    ], compute="_compute_overview")
    activity = fields.Json(string="Last 14 Days", compute="_compute_overview")
    queue_percent = fields.Integer(
        string="Queue", compute="_compute_overview",
        help="Records that wait, as a part of what the flow did on the busiest of the last 14 days (at least one batch).")
    queue_level = fields.Selection([
        ("ok", "Normal"), ("busy", "Busy"), ("full", "More Than It Can Do"),
    ], compute="_compute_overview")

    _freshness = models.Constraint("CHECK (freshness_minutes >= 0)", "The time in which a flow is fresh cannot be negative.")

    @api.depends("freshness_minutes", "last_success_at", "state", "batch_size")
    @api.depends_context("tz")
    def _compute_overview(self):
        zone = self.env.context.get("tz") or self.env.user.tz or "UTC"
        zone = zone if zone in pytz.all_timezones_set else "UTC"
        now = fields.Datetime.now()
        today = pytz.utc.localize(now).astimezone(pytz.timezone(zone)).date()
        days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
        counts = self._counts_by_day(zone, now)
        for flow in self:
            of_flow = counts.get(flow._origin.id, {})
            flow.activity = [
                {"day": fields.Date.to_string(day), "synced": synced, "failed": failed}
                for day in days for synced, failed in (of_flow.get(day, (0, 0)),)]
            busiest = max([flow.batch_size or 1, *(synced + failed for synced, failed in of_flow.values())])
            flow.queue_percent = 100 * flow.pending_count // busiest
            flow.queue_level = (
                "full" if flow.queue_percent > QUEUE_RED else "busy" if flow.queue_percent > QUEUE_AMBER else "ok")
            flow.freshness = flow._freshness_at(now)

    def _counts_by_day(self, zone, now):
        """``{flow id: {day: (synced, failed)}}`` of the last days, in the user's time zone."""
        ids = [flow_id for flow_id in self._origin.ids if flow_id]
        if not ids:
            return {}
        self.env["integration.run"].flush_model(["flow_id", "started_at", "created_count", "updated_count", "failed_count"])
        counts = {}
        for flow_id, day, synced, failed in self.env.execute_query(SQL(
                """SELECT flow_id, (started_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date AS day,
                       sum(COALESCE(created_count, 0) + COALESCE(updated_count, 0))::bigint,
                       sum(COALESCE(failed_count, 0))::bigint
                   FROM integration_run WHERE flow_id = ANY(%s) AND started_at >= %s GROUP BY flow_id, day""",
                zone, ids, now - timedelta(days=DAYS))):
            counts.setdefault(flow_id, {})[day] = (synced, failed)
        return counts

    def _freshness_at(self, now):
        self.ensure_one()
        if not self.freshness_minutes or self.state not in RUNNING_STATES:
            return "none"
        if not self.last_success_at:
            return "late"
        target = timedelta(minutes=self.freshness_minutes)
        age = now - self.last_success_at
        return "fresh" if age <= target else "late" if age <= STALE_TIMES * target else "stale"


class IntegrationRun(models.Model):
    """Runs of the last days are found by their flow and start."""

    _inherit = "integration.run"

    _day_index = models.Index("(flow_id, started_at)")
