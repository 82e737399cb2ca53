from odoo import models


class IntegrationConnection(models.Model):
    """Alerts to the administrator of a connection: one activity for each connection and kind."""

    _inherit = "integration.connection"

    def _alert(self, kind, summary, note=""):
        """Tell the administrator; repeated calls of one kind only bring the activity up to date."""
        for connection in self.sudo().filtered("administrator_id"):
            found = connection._alert_activities(kind)
            if found:
                found.write({"summary": f"{summary} ({kind})", "note": note})
            else:
                connection.activity_schedule(
                    "mail.mail_activity_data_warning", user_id=connection.administrator_id.id,
                    summary=f"{summary} ({kind})", note=note)

    def _alert_done(self, kind, feedback=""):
        """What this alert was about is over."""
        for connection in self.sudo():
            connection._alert_activities(kind).action_feedback(feedback=feedback)

    def _alert_activities(self, kind):
        return self.activity_ids.filtered(lambda activity: (activity.summary or "").endswith(f"({kind})"))
