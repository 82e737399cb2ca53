import logging

from odoo import fields, models
from odoo.tools import mute_logger, plaintext2html

from ..engine import failures

_logger = logging.getLogger(__name__)


class IntegrationConnection(models.Model):
    """Alerts to the administrator of a connection."""

    _inherit = "integration.connection"

    alert_ids = fields.One2many("integration.alert", "connection_id", string="Alerts", readonly=True)

    def unlink(self):
        # The database would remove the issues without their activities.
        self.env["integration.issue"].sudo().search([("connection_id", "in", self.ids)]).unlink()
        return super().unlink()

    def _alert(self, kind, summary, note=""):
        """Tell the administrator: one activity per connection and kind, which repeated calls bring up to date.

        An activity that he marked as done does not come back until the alert was closed and something happens anew.
        When another transaction raises the same alert at this moment, that is enough: nothing is done here.

        :param kind: a kind of ``integration.alert``
        :param summary: one sentence
        :param note: what happened and what to do, as text
        """
        for connection in self.sudo():
            connection._apart_from_others(lambda connection=connection: connection._raise_alert(kind, summary, note))

    def _alert_done(self, kind, feedback=""):
        """What this alert was about is over: close it and its activity."""
        for connection in self.sudo():
            connection._apart_from_others(lambda connection=connection: connection._end_alert(kind, feedback))

    def _apart_from_others(self, work):
        """Do this under a savepoint: neither another transaction nor a failing e-mail may stop the caller's work."""
        self.env.flush_all()
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                work()
                self.env.flush_all()
        except Exception as error:
            self.env.invalidate_all(flush=False)
            if not failures.is_concurrency(error):
                _logger.warning("An alert of connection %s could not be brought up to date", self.id, exc_info=True)

    def _raise_alert(self, kind, summary, note):
        self.ensure_one()
        values = {"summary": summary, "note": note, "active": True}
        alert = self.env["integration.alert"].with_context(active_test=False).search(
            [("connection_id", "=", self.id), ("kind", "=", kind)])
        if not alert:
            alert = alert.create({**values, "connection_id": self.id, "kind": kind, "since": fields.Datetime.now()})
            self.env.flush_all()  # the row is what keeps two transactions from making two activities
        elif not alert.active:
            alert.write({**values, "since": fields.Datetime.now(), "ended_at": False, "activity_id": False})
            self.env.flush_all()
        else:
            if (alert.summary, alert.note) != (summary, note):
                alert.write(values)
            if alert.activity_id.active and (alert.activity_id.summary != summary):
                alert.activity_id.write({"summary": summary, "note": plaintext2html(note)})
            return
        if self.administrator_id:
            alert.activity_id = self.activity_schedule(
                "mail.mail_activity_data_warning", user_id=self.administrator_id.id, summary=summary,
                note=plaintext2html(note))

    def _end_alert(self, kind, feedback):
        self.ensure_one()
        alert = self.env["integration.alert"].search([("connection_id", "=", self.id), ("kind", "=", kind)])
        if not alert:
            return
        activity = alert.activity_id
        alert.write({"active": False, "ended_at": fields.Datetime.now(), "activity_id": False})
        if activity.active:
            activity.action_feedback(feedback=feedback or self.env._("It is over: %(summary)s", summary=alert.summary))
