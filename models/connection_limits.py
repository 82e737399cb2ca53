from odoo import api, fields, models

from ..core import rate
from ..engine import shared


class IntegrationConnection(models.Model):
    """How fast, how long and how much at once: limits of a connection. They take effect with the worker's next slice.

    The rate is shared by all workers of the connection on all nodes; see ``engine/shared.py``.
    """

    _inherit = "integration.connection"

    timeout_connect = fields.Float(string="Time-out to Connect (s)", required=True, default=5.0)
    timeout_read = fields.Float(string="Time-out to Answer (s)", required=True, default=30.0)
    rate_calls = fields.Integer(
        string="Calls per Period",
        help="Most calls that may begin within any period of this length, by all workers together. 0: no limit of our own.")
    rate_period = fields.Float(string="Period (s)", default=1.0)
    parallel_calls = fields.Integer(default=4, help="Calls of one worker at the same time.")
    max_response_mb = fields.Integer(string="Largest Answer (MiB)", default=10)
    rate_used = fields.Integer(
        string="Calls Used", compute="_compute_usage", help="In the present period, with those that a worker has reserved.")
    rate_left = fields.Integer(string="Calls Left", compute="_compute_usage", help="In the present period.")
    calls_today = fields.Integer(compute="_compute_usage", help="Since midnight UTC, by all workers together.")
    asked_to_wait = fields.Integer(
        string="Asked to Wait (s)", compute="_compute_usage",
        help="So long no call is made, because this system asked for it.")

    _timeouts_positive = models.Constraint(
        "CHECK (timeout_connect > 0 AND timeout_read > 0)", "Both time-outs must be longer than zero seconds.")
    _limits_sane = models.Constraint(
        "CHECK (parallel_calls BETWEEN 1 AND 64 AND rate_calls >= 0 AND rate_period > 0 AND max_response_mb > 0)",
        "Parallel calls must be 1 to 64, the period and the largest answer more than zero.")

    @api.depends("rate_calls", "rate_period")
    def _compute_usage(self):
        found = shared.usage(self.env.cr, self.ids)
        for connection in self:
            slots, now, pause, today = found.get(connection.id, ((), 0, 0.0, 0))
            used = rate.used(slots, now, period=connection.rate_period) if connection.rate_calls else 0
            connection.rate_used = used
            connection.rate_left = max(connection.rate_calls - used, 0)
            connection.calls_today = today or 0
            connection.asked_to_wait = round(pause or 0)

    def _end_pause(self):
        """Whatever the other system asked us to wait: a person wants a call now. Not in this transaction, because a worker
        would have to wait for its end."""
        ids, dbname = self.ids, self.env.cr.dbname
        self.sudo().write({"retry_at": False})
        self.env.cr.postcommit.add(lambda: shared.end_pause(dbname, ids))
