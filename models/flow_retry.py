from odoo import fields, models

from ..core.retry import RetryPolicy

# What heals by itself more often than not, and the flow's field that says whether it is waited for.
CLASS_FIELDS = {
    "connection": "retry_connection", "timeout": "retry_timeout", "server": "retry_server", "locked": "retry_locked",
}


class IntegrationFlow(models.Model):
    """What a flow tries again by itself, how often and how fast."""

    _inherit = "integration.flow"

    retry_first_seconds = fields.Integer(string="First Retry After (s)", default=60)
    retry_coefficient = fields.Float(string="Then Times", default=2.0)
    retry_maximum_seconds = fields.Integer(string="At Most (s)", default=21600)
    retry_attempts = fields.Integer(
        string="Attempts", default=8,
        help="In all, with the first one. Waiting because there were too many calls, or because the whole system does not "
             "answer, costs none.")
    retry_jitter = fields.Float(
        string="Spread", default=0.2,
        help="0.2: each wait is up to 20 % shorter or longer, so that not all come back at once.")
    retry_connection = fields.Boolean(
        string="Cannot Be Reached", default=True, help="The other system is not there, or the connection is cut.")
    retry_timeout = fields.Boolean(
        string="No Answer in Time", default=True,
        help="A new record whose answer was lost is looked up before it is sent again. Without retries a person decides.")
    retry_server = fields.Boolean(
        string="Errors of the Other System", default=True, help="It answers that it has a problem of its own (500 to 599).")
    retry_locked = fields.Boolean(
        string="Locked Records", default=True, help="Somebody works on the record over there (423).")

    _retries = models.Constraint(
        "CHECK (retry_first_seconds > 0 AND retry_coefficient >= 1 AND retry_attempts >= 0 "
        "AND retry_jitter >= 0 AND retry_jitter < 1)",
        "Retries: the first interval must be more than zero, the factor at least 1, the spread below 1.")

    def _retry_policy(self):
        self.ensure_one()
        return RetryPolicy(
            first_seconds=self.retry_first_seconds, coefficient=self.retry_coefficient,
            maximum_seconds=self.retry_maximum_seconds, attempts=self.retry_attempts, jitter=self.retry_jitter,
            not_retried=frozenset(name for name, field in CLASS_FIELDS.items() if not self[field]))
