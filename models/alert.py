from odoo import fields, models

ALERT_KINDS = [
    ("credentials", "Credentials Refused"),
    ("circuit", "System in Trouble"),
    ("silence", "Nothing Arrives"),
    ("worker", "Worker Stopped"),
    ("jobs", "Jobs Stand Still"),
    ("expiry", "Credentials Expire"),
    ("webhook", "Webhook"),
    ("subscriber", "Subscriber"),
]


class IntegrationAlert(models.Model):
    """Something about a connection that its administrator has to know: one row and one activity per connection and kind."""

    _name = "integration.alert"
    _description = "Integration Alert"
    _order = "active desc, since desc, id desc"
    _rec_name = "summary"

    connection_id = fields.Many2one(
        "integration.connection", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="connection_id.company_id")
    kind = fields.Selection(ALERT_KINDS, required=True, readonly=True)
    active = fields.Boolean(string="Open", readonly=True, default=True)
    summary = fields.Char(readonly=True)
    note = fields.Text(readonly=True)
    since = fields.Datetime(readonly=True)
    ended_at = fields.Datetime(readonly=True)
    activity_id = fields.Many2one("mail.activity", readonly=True, ondelete="set null", index="btree_not_null")

    _kind_unique = models.UniqueIndex("(connection_id, kind)", "This connection has an alert of this kind already.")
