from odoo import fields, models


class IntegrationRun(models.Model):
    """One execution of a flow: how it was triggered, how far it is, and what it counted."""

    _name = "integration.run"
    _description = "Integration Run"
    _order = "id desc"
    _rec_names_search = ["flow_id"]  # it has no name of its own
    _log_access = False  # it has a user and times of its own

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", readonly=True, index=True)
    connection_id = fields.Many2one(
        related="flow_id.connection_id", store=True, index=True, precompute=True, ondelete="cascade")
    company_id = fields.Many2one(
        related="flow_id.company_id", store=True, index="btree_not_null", precompute=True, ondelete="cascade")
    trigger = fields.Selection([
        ("schedule", "Schedule"), ("button", "Button"), ("live", "Live Changes"), ("webhook", "Webhook"),
    ], required=True, readonly=True)
    user_id = fields.Many2one("res.users", readonly=True, index="btree_not_null", ondelete="set null")
    state = fields.Selection([
        ("open", "Running"), ("done", "Done"), ("failed", "Failed"),
    ], required=True, default="open", readonly=True, index=True)
    full = fields.Boolean(string="Read Everything", readonly=True)
    fetching = fields.Boolean(readonly=True)
    paging_state = fields.Text(readonly=True, help="Where the next page begins, so that an interrupted run goes on there.")
    since = fields.Datetime(string="Changed Since", readonly=True)
    newest_seen = fields.Datetime(readonly=True)
    started_at = fields.Datetime(default=fields.Datetime.now, readonly=True)
    ended_at = fields.Datetime(readonly=True)
    next_try_at = fields.Datetime(readonly=True)
    attempts = fields.Integer(readonly=True)
    page_count = fields.Integer(string="Pages", readonly=True)
    read_count = fields.Integer(string="Read", readonly=True)
    created_count = fields.Integer(string="Created", readonly=True)
    updated_count = fields.Integer(string="Updated", readonly=True)
    unchanged_count = fields.Integer(string="Unchanged", readonly=True)
    older_count = fields.Integer(
        string="Older", readonly=True, help="States that came too late: a newer one was known already.")
    excluded_count = fields.Integer(string="Excluded", readonly=True)
    failed_count = fields.Integer(string="Failed", readonly=True)
    call_count = fields.Integer(string="Calls", readonly=True)
    error_class = fields.Char(readonly=True)
    message = fields.Text(readonly=True)

    _live_unique = models.UniqueIndex(
        "(flow_id, CAST(started_at AS date)) WHERE trigger = 'live'", "There is one run of live changes per flow and day.")
    _open_index = models.Index("(connection_id, flow_id) WHERE state = 'open'")

    def _compute_display_name(self):
        for run in self:
            run.display_name = f"{run.flow_id.name} #{run.id}"

    def action_open_sync(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Sync Records"), "res_model": "integration.sync",
            "view_mode": "list,form", "domain": [("run_id", "=", self.id)],
        }

    def action_open_exchanges(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Exchanges"), "res_model": "integration.exchange",
            "view_mode": "list,form", "domain": [("run_id", "=", self.id)],
        }

    def action_stop(self):
        """Stop reading further pages; what is stored is still processed."""
        self.check_access("read")
        self.sudo().filtered(lambda run: run.state == "open").write({
            "state": "done", "fetching": False, "ended_at": fields.Datetime.now(),
            "message": self.env._("Stopped by %(user)s", user=self.env.user.name)})
