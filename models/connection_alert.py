from odoo import fields, models
from odoo.tools import plaintext2html


class MailActivity(models.Model):
    _inherit = "mail.activity"

    integration_alert = fields.Char(readonly=True, copy=False)


class IntegrationConnection(models.Model):
    """What the administrator of a connection has to know: one activity for each kind of alert."""

    _inherit = "integration.connection"

    def _alert(self, kind, summary, note):
        """Tell the administrator once; told again, the same activity says the latest.

        :param kind: credentials, circuit, ...: an alert of a kind is open at most once for each connection
        """
        for connection in self.filtered("administrator_id"):
            activity = connection._alerts(kind)
            if activity:
                activity.write({"summary": summary, "note": plaintext2html(note)})
            else:
                connection.activity_schedule(
                    "mail.mail_activity_data_warning", user_id=connection.administrator_id.id, summary=summary,
                    note=plaintext2html(note), integration_alert=kind)

    def _alert_done(self, kind, feedback=""):
        """The cause of an alert is gone."""
        for connection in self:
            connection._alerts(kind).action_feedback(feedback=feedback)

    def _alerts(self, kind):
        return self.env["mail.activity"].search([
            ("res_model", "=", self._name), ("res_id", "in", self.ids), ("integration_alert", "=", kind)])
