import json

from odoo import api, fields, models


class IntegrationConnection(models.Model):
    """The OAuth token of a connection. It stands in the connection's state, where workers can keep a new one at once and
    whatever becomes of their transaction."""

    _inherit = "integration.connection"

    credentials_version = fields.Integer(
        groups=fields.NO_ACCESS, copy=False, default=0,
        help="Grows when address or credentials change: a token belongs to one version.")
    oauth_token = fields.Char(
        compute="_compute_oauth_token", inverse="_inverse_oauth_token", groups=fields.NO_ACCESS, copy=False)

    def _states(self):
        return self.env["integration.connection.state"].sudo().search([("connection_id", "in", self.ids)])

    @api.depends("credentials_version")
    def _compute_oauth_token(self):
        states = {state.connection_id.id: state for state in self._states()}
        for connection in self.sudo():
            state = states.get(connection.id)
            connection.oauth_token = state is not None and (
                state.oauth_version == connection.credentials_version) and state.oauth_token

    def _inverse_oauth_token(self):
        for connection in self.sudo():
            connection._states().write({
                "oauth_token": connection.oauth_token, "oauth_version": connection.credentials_version})

    def _oauth_token_dict(self):
        """The token as the transport gave it, or None."""
        self.ensure_one()
        self.env["integration.connection.state"].invalidate_model(["oauth_token", "oauth_version"])
        connection = self.sudo()
        connection.invalidate_recordset(["oauth_token"])
        return json.loads(connection.oauth_token) if connection.oauth_token else None
