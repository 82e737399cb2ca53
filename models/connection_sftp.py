from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from . import written_secret
from .notification import notification
from .selections import SECRETS_GROUP


class IntegrationConnection(models.Model):
    """Systems that exchange files over SFTP: the key by which their server is recognised, and the private key by which
    we log in.

    A server that nobody has accepted gets nothing of ours, not even a user name: Test Connection shows its key, a technical
    administrator compares it with what the provider says, and accepts it.
    """

    _inherit = "integration.connection"

    over_sftp = fields.Boolean(compute="_compute_over_sftp")
    host_key = fields.Char(
        string="Key of the Server", copy=False, tracking=True,
        help="Kind and fingerprint of the key by which the server is recognised, as the provider tells it: for example "
             "'ssh-ed25519 SHA256:...'. With another key nothing is read or sent.")
    host_key_offered = fields.Char(string="Key That It Shows", readonly=True, copy=False)
    private_key_input = fields.Text(
        string="Private Key", compute="_compute_private_key_input", inverse="_inverse_private_key_input",
        groups=SECRETS_GROUP, copy=False,
        help="Whole, from its first line to its last, without a passphrase. It can be set but never read. 'env:NAME' reads "
             "it from the environment variable NAME of the Odoo server.")

    @api.depends("base_url")
    def _compute_over_sftp(self):
        for connection in self:
            connection.over_sftp = connection._over_sftp()

    def _over_sftp(self):
        """Is this system a folder of files on an SSH server?"""
        return (self.base_url or "").lower().startswith("sftp://")

    def _compute_private_key_input(self):
        self.private_key_input = False

    def _inverse_private_key_input(self):
        for connection in self.filtered("private_key_input"):
            connection.auth_secret_input = connection.private_key_input

    def _forget_input(self, vals_list):
        result = super()._forget_input(vals_list)
        written_secret.forget_input(self, vals_list, "private_key_input", "auth_secret_input")
        return result

    def action_accept_host_key(self):
        """Recognise the server by the key that it showed at the last test."""
        self.ensure_one()
        if not (self.env.su or self.env.user.has_group(SECRETS_GROUP)):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may accept the key of a server: the credentials are shown "
                "to it."))
        if not self.host_key_offered:
            raise UserError(self.env._("%(name)s has shown no key yet. Press Test Connection first.", name=self.name))
        self.write({"host_key": self.host_key_offered, "host_key_offered": False})
        # The test is a press of its own: its calls count in transactions of their own, which would wait for this one.
        return notification("success", self.env._(
            "The key of %(name)s is accepted. Press Test Connection now.", name=self.name))

    def _note_steps(self, steps):
        """Keep the key that a server showed and that is not accepted, so that a person can decide about it."""
        result = super()._note_steps(steps)
        for step in steps:
            if step["name"] == "host_key":
                self.sudo().host_key_offered = False if step["ok"] else step["detail"].get("key", False)
        return result
