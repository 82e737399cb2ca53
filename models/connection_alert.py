from odoo import fields, models


class MailActivity(models.Model):
    _inherit = "mail.activity"

    integration_alert_kind = fields.Char(readonly=True)


class IntegrationConnection(models.Model):
    _inherit = "integration.connection"

    def _alert(self, kind, summary, note):
        """Tell the administrator of this connection: one activity for each kind, updated while it is open."""
        for connection in self.filtered("administrator_id"):
            activities = connection._alert_activities(kind)
            if activities:
                activities.write({"summary": summary, "note": note})
            else:
                connection.activity_schedule(
                    "mail.mail_activity_data_warning", user_id=connection.administrator_id.id, summary=summary, note=note,
                    integration_alert_kind=kind)

    def _alert_done(self, kind, feedback=""):
        for connection in self:
            activities = connection._alert_activities(kind)
            if activities:
                activities.action_feedback(feedback=feedback)

    def _alert_activities(self, kind):
        return self.activity_ids.filtered(lambda activity: activity.integration_alert_kind == kind)
