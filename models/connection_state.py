from odoo import fields, models


class IntegrationConnectionState(models.Model):
    """What the workers of a connection share while they run: how many calls they have made, how long all of them pause,
    and the access token.

    A table of its own, because it changes with every few calls, in short transactions of its own: in the connection's
    row that would make every save of the form fail. One row for each connection, made with it, only ever updated; see
    ``engine/shared.py``.
    """

    _name = "integration.connection.state"
    _description = "Integration Connection State"
    _log_access = False
    _rec_name = "connection_id"

    connection_id = fields.Many2one("integration.connection", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="connection_id.company_id")
    revision = fields.Integer(
        required=True, default=0, readonly=True,
        help="Grows with every change of the leases: who changes them says from which on.")
    leases = fields.Text(readonly=True, help="Calls of the present period, as JSON: [[moment in ms, calls], ...].")
    resume_at = fields.Datetime(readonly=True, help="No call is made before: the other system asked for it.")
    day = fields.Date(readonly=True)
    calls_today = fields.Integer(readonly=True)
    oauth_token = fields.Char(groups=fields.NO_ACCESS)
    oauth_version = fields.Integer(groups=fields.NO_ACCESS, help="Of the credentials that the token was got with.")

    _connection_unique = models.UniqueIndex("(connection_id)", "A connection has one state.")

    def init(self):
        """Connections that are older than this table."""
        self.env.cr.execute(
            "INSERT INTO integration_connection_state (connection_id, revision) SELECT id, 0 FROM integration_connection c "
            "WHERE NOT EXISTS (SELECT 1 FROM integration_connection_state s WHERE s.connection_id = c.id)")
