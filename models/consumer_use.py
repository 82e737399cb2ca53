from odoo import fields, models


class IntegrationConsumerUse(models.Model):
    """When a token was used last, and how many calls were taken in the present minute. Written by the endpoint at most
    some times a minute, by statements that commit at once; see ``engine/publish_access.py``."""

    _name = "integration.consumer.use"
    _description = "Use of an Integration Consumer Token"
    _log_access = False

    consumer_id = fields.Many2one("integration.consumer", required=True, ondelete="cascade", index=True)
    token_id = fields.Many2one("integration.consumer.token", ondelete="cascade", index="btree_not_null")
    last_used_at = fields.Datetime()
    minute = fields.Integer(help="The minute since 1970 in which calls are counted.")
    taken = fields.Integer(help="Calls that server processes have taken in that minute.")

    _token_unique = models.UniqueIndex("(token_id) WHERE token_id IS NOT NULL")
    _consumer_unique = models.UniqueIndex("(consumer_id) WHERE token_id IS NULL")
