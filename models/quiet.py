"""What Odoo must not do while a dry run goes on; see ``engine/quiet.py``. Otherwise each costs one look at a variable."""

from odoo import api, models
from odoo.addons.base.models.ir_sequence import _predict_nextval

from ..engine import quiet


class IrSequence(models.Model):
    """A number that is shown in a dry run is not used up."""

    _inherit = "ir.sequence"

    def _next_do(self):
        trial = quiet.current()
        if trial is None or self.implementation != "standard":
            return super()._next_do()  # without gaps: the number is a row, and rolled back
        key = f"{self.id:03d}"
        return self.get_next_char(trial.number(key, _predict_nextval(self, key), self.number_increment))


class IrSequenceDateRange(models.Model):
    """The same for sequences that begin anew every year."""

    _inherit = "ir.sequence.date_range"

    def _next(self):
        trial = quiet.current()
        sequence = self.sequence_id
        if trial is None or sequence.implementation != "standard":
            return super()._next()
        key = f"{sequence.id:03d}_{self.id:03d}"
        return sequence.get_next_char(trial.number(key, _predict_nextval(self, key), sequence.number_increment))


class MailMail(models.Model):
    """Mails of a dry run stay where they are, and are rolled back."""

    _inherit = "mail.mail"

    def send(self, *args, **kwargs):
        if (trial := quiet.current()) is not None:
            trial.mails += len(self)
            return None
        return super().send(*args, **kwargs)


class IrMailServer(models.Model):
    """The same for code that sends without a mail record."""

    _inherit = "ir.mail_server"

    @api.model
    def send_email(self, message, mail_server_id=None, smtp_server=None, smtp_port=None, smtp_user=None, smtp_password=None,
                   smtp_encryption=None, smtp_ssl_certificate=None, smtp_ssl_private_key=None, smtp_debug=False,
                   smtp_session=None):
        if (trial := quiet.current()) is not None:
            trial.mails += 1
            return message["Message-Id"]
        return super().send_email(
            message, mail_server_id=mail_server_id, smtp_server=smtp_server, smtp_port=smtp_port, smtp_user=smtp_user,
            smtp_password=smtp_password, smtp_encryption=smtp_encryption, smtp_ssl_certificate=smtp_ssl_certificate,
            smtp_ssl_private_key=smtp_ssl_private_key, smtp_debug=smtp_debug, smtp_session=smtp_session)
