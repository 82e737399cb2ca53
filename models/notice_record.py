from odoo import fields, models


class IntegrationNoticeRecord(models.Model):
    """What a business alert knows of a record: whether it is in the filter, since when, and how often it was told."""

    _name = "integration.notice.record"
    _description = "Integration Alerted Record"
    _log_access = False

    rule_id = fields.Many2one("integration.notice.rule", required=True, ondelete="cascade")
    res_id = fields.Integer(required=True)
    inside = fields.Boolean()
    told = fields.Integer()
    since = fields.Datetime()
    escalated = fields.Boolean()

    _record_unique = models.UniqueIndex("(rule_id, res_id)", "This record is known to the alert already.")
    _inside_index = models.Index("(rule_id, since) WHERE inside")


class IntegrationNoticeCapture(models.Model):
    """The outbox of business alerts: a write leaves a row here, in its own transaction, when it brings a record into a
    filter or out of it. Rows are only added and deleted, as those of ``integration.capture``."""

    _name = "integration.notice.capture"
    _description = "Integration Alert Captured Change"
    _order = "id"
    _log_access = False

    rule_id = fields.Many2one("integration.notice.rule", required=True, ondelete="cascade")
    res_id = fields.Integer(required=True)
    inside = fields.Boolean()

    _record_index = models.Index("(rule_id, res_id)")
