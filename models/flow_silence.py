from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import silence
from ..engine import arrivals
from ..engine.rows import RUNNING_STATES

WEEKDAYS = {"all": range(7), "workdays": range(5)}


class IntegrationFlow(models.Model):
    """Silence alarm: nothing came in a time in which it usually does."""

    _inherit = "integration.flow"

    silence_mode = fields.Selection([
        ("off", "Never"),
        ("learned", "When Unusually Quiet"),
        ("hours", "After Hours"),
    ], string="Alarm on Silence", required=True, default=lambda self: self._default_silence_mode(),
        help="When Unusually Quiet: learned from the same hours of the weeks before, from the third week on. Nights and "
             "weekends in which nothing usually comes never alarm.")
    silence_hours = fields.Float(string="Hours Without Data", default=4.0)
    silence_from = fields.Float(string="Watched From", default=8.0)
    silence_to = fields.Float(string="Watched Until", default=18.0)
    silence_days = fields.Selection(
        [("all", "Every Day"), ("workdays", "Monday to Friday")], string="Watched On", required=True, default="workdays")
    running_since = fields.Datetime(readonly=True, copy=False, help="Silence before this moment does not count.")
    silent_since = fields.Datetime(readonly=True, copy=False, help="The last arrival before the silence.")

    _silence_sane = models.Constraint(
        "CHECK (silence_hours > 0 AND silence_from BETWEEN 0 AND 24 AND silence_to BETWEEN 0 AND 24)",
        "Silence: the hours must be more than zero, the times of day between 0 and 24.")

    @api.model
    def _default_silence_mode(self):
        value = self.env["ir.config_parameter"].sudo().get_param("integration_flow.silence_mode")
        return value if value in ("off", "learned") else "learned"

    @api.constrains("silence_from", "silence_to")
    def _check_silence_times(self):
        for flow in self:
            if flow.silence_from == flow.silence_to:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: the silence alarm watches from %(time)s until the same time. For all day, choose 0 to "
                    "24.",
                    flow=flow.name, time=flow.silence_from))

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([
            dict(vals, running_since=fields.Datetime.now()) if vals.get("state") in RUNNING_STATES else vals
            for vals in vals_list])

    def write(self, vals):
        if vals.get("state") in RUNNING_STATES and any(flow.state not in RUNNING_STATES for flow in self):
            vals = dict(vals, running_since=fields.Datetime.now())
        return super().write(vals)

    def _check_silence(self, now=None):
        """Those of these flows from which nothing comes though it should. Remembers since when."""
        now = now or fields.Datetime.now()
        silent = self.browse()
        for flow in self:
            since = flow._silent_since(now)
            if flow.silent_since != since:
                flow.silent_since = since
            if since:
                silent += flow
        return silent

    def _silent_since(self, now):
        """The last arrival, when it was unusually long ago; else False."""
        self.ensure_one()
        running = self.state in RUNNING_STATES and self.active and self.connection_id.active
        if not running or self.silence_mode == "off" or self.connection_id.paused:
            return False
        came = arrivals.of_flow(self.env.cr, self.id)
        begin = self.running_since or self.create_date
        if self.silence_mode == "hours":
            last = max((max(came) + silence.HOUR if came else begin), begin)
            hours = silence.watched_hours(
                last, now, tz=self.tz or "UTC", start=self.silence_from, end=self.silence_to,
                weekdays=WEEKDAYS[self.silence_days])
            return (max(came) if came else begin) if hours >= self.silence_hours else False
        verdict = silence.judge(
            came, now=now, tz=self.tz or "UTC", observed_since=min(came) if came else None, running_since=begin)
        return verdict.since if verdict.silent else False

    def _silence_text(self):
        self.ensure_one()
        return self.env._(
            "%(flow)s: nothing since %(since)s (%(tz)s). Look whether %(system)s still sends, and has something to send.",
            flow=self.name, tz=self.tz or "UTC", system=self.connection_id.name,
            since=silence.local(self.silent_since, self.tz or "UTC").strftime("%Y-%m-%d %H:%M"))
