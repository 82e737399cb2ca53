from odoo import fields, models

from .webhook_event import MANAGER_GROUP


class IntegrationWebhookRejection(models.Model):
    """Deliveries that were not accepted: one row for each connection and reason, however many there were.

    The sender learns nothing; the administrator reads here what is wrong. ``engine/rejections.py`` counts in memory and
    writes now and then, so that nobody can fill the database or keep it busy from outside.
    """

    _name = "integration.webhook.rejection"
    _description = "Rejected Webhook Deliveries"
    _order = "last_at desc, id desc"
    _log_access = False
    _rec_name = "reason"

    connection_id = fields.Many2one("integration.connection", readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    reason = fields.Selection([
        ("unknown_address", "No connection has this address"),
        ("switched_off", "Webhooks are switched off, or the connection is archived"),
        ("address_not_allowed", "The sender is not on the list of allowed addresses"),
        ("too_large", "The body is larger than allowed"),
        ("unreadable", "The body ended early or could not be read"),
        ("wrong_method", "Not sent by POST"),
        ("no_secret", "No secret is set here"),
        ("signature_missing", "The signature or secret is missing in the request"),
        ("signature_wrong", "The signature or secret is wrong"),
        ("timestamp_missing", "The time of the signature is missing"),
        ("timestamp_outside", "Signed too long ago, or clocks differ"),
    ], required=True, readonly=True)
    count = fields.Integer(string="Times", readonly=True)
    first_at = fields.Datetime(string="First", readonly=True)
    last_at = fields.Datetime(string="Last", readonly=True)
    recent = fields.Text(string="The Last Ones", readonly=True, groups=MANAGER_GROUP)

    _reason_unique = models.UniqueIndex("(COALESCE(connection_id, 0), reason)", "There is one row for each reason.")
