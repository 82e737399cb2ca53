from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..engine import bulk_actions

USER_GROUP = "integration_flow.group_integration_user"
MANAGER_GROUP = "integration_flow.group_integration_manager"
# More selected records than these are not worked on while the user waits.
BULK_FROM = 1000
ACTIONS = [
    ("retry", "Retry"),
    ("retry_later", "Retry Later"),
    ("skip", "Skip"),
    ("resync", "Resync"),
    ("assign", "Assign"),
    ("keep_odoo", "Keep Odoo's"),
    ("take_external", "Take the Other's"),
    ("approve", "Approve"),
    ("reject", "Reject"),
    ("fix", "Put Right"),
]
TARGETS = [
    ("integration.sync", "Sync Records"),
    ("integration.issue", "Issues"),
    ("integration.conflict", "Conflicts"),
    ("integration.deletion", "Pending Deletions"),
    ("integration.reconciliation.line", "Differences"),
]
# What the buttons of the lists do with everything that matches: {model: {method of the button: action}}.
BUTTONS = {
    "integration.sync": {
        "action_retry": "retry", "action_retry_later": "retry_later", "action_choose_later": "retry_later",
        "action_resync": "resync", "action_skip": "skip", "action_choose_assignee": "assign",
    },
    "integration.issue": {
        "action_retry_all": "retry", "action_skip_all": "skip", "action_assign_to_me": "assign",
        "action_choose_assignee": "assign",
    },
    "integration.conflict": {"action_keep_odoo": "keep_odoo", "action_take_external": "take_external"},
    "integration.deletion": {"action_approve": "approve", "action_reject": "reject"},
    "integration.reconciliation.line": {"action_fix": "fix"},
}
# What is there to be decided.
OPEN = {
    "integration.conflict": Domain("decision", "=", False),
    "integration.deletion": Domain("state", "=", "open"),
    "integration.reconciliation.line": Domain("fix", "!=", False) & Domain("fixed_at", "=", False),
}
# Which records each action takes; the others that match are left as they are.
TAKEN = {
    "retry": Domain("state", "not in", ("processing", "conflict", "held")),
    "retry_later": Domain("state", "not in", ("processing", "conflict", "held")),
    "skip": Domain("state", "in", ("failed", "conflict", "unknown", "held", "waiting", "pending")),
    "resync": Domain("state", "not in", ("processing", "held")),
    "assign": Domain("issue_id", "!=", False),
}
# Finished ones are forgotten after so many days: what was done stands in the records' own history.
KEPT_DAYS = 30


class IntegrationBulkAction(models.Model):
    """One action on everything that matches a filter, carried out in the background page by page.

    The filter is stored, not the records: so it is as fast for 100,000 as for ten. It is evaluated with the rights of
    the user who asked, at most once for each record, and only for records that were there when he asked.
    """

    _name = "integration.bulk.action"
    _description = "Integration Bulk Action"
    _order = "id desc"
    _log_access = False  # it has a user and times of its own

    user_id = fields.Many2one("res.users", string="Asked By", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    company_ids = fields.Json(readonly=True, help="Companies that the user had chosen when he asked.")
    action = fields.Selection(ACTIONS, required=True, readonly=True)
    target = fields.Selection(TARGETS, required=True, readonly=True, default="integration.sync")
    domain = fields.Json(readonly=True, help="The filter. Empty: everything that the user may see.")
    later_at = fields.Datetime(string="Not Before", readonly=True)
    assignee_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    state = fields.Selection([
        ("open", "Under Way"), ("done", "Done"), ("cancelled", "Cancelled"), ("failed", "Stopped"),
    ], required=True, default="open", readonly=True)
    total = fields.Integer(readonly=True, aggregator=None)
    done = fields.Integer(readonly=True, aggregator=None, default=0)
    failed = fields.Integer(
        string="Left", readonly=True, aggregator=None, default=0,
        help="Matched, but were left as they are: somebody else was working on them, they have changed meanwhile, or the "
             "one who asked may not change them.")
    progress = fields.Integer(compute="_compute_progress")
    message = fields.Text(readonly=True)
    started_at = fields.Datetime(default=fields.Datetime.now, readonly=True)
    ended_at = fields.Datetime(readonly=True)
    after_id = fields.Integer(readonly=True, default=0)
    until_id = fields.Integer(readonly=True, default=0, help="Records that are newer were not meant.")

    _open_index = models.Index("(id) WHERE state = 'open'")

    @api.depends("action", "total")
    def _compute_display_name(self):
        labels = dict(self._fields["action"]._description_selection(self.env))
        for bulk_action in self:
            bulk_action.display_name = self.env._(
                "%(action)s %(count)s", action=labels.get(bulk_action.action, ""), count=bulk_action.total)

    @api.depends("total", "done", "failed", "state")
    def _compute_progress(self):
        for one in self:
            one.progress = 100 if one.state == "done" else min(100, 100 * (one.done + one.failed) // max(one.total, 1))

    # -- what is meant -------------------------------------------------------------------------------------

    @api.model
    def _matching(self, action, target, domain):
        """Model and domain of the rows that the action goes through: records, or for Assign the issues themselves."""
        domain = Domain(domain or Domain.TRUE)
        if target in OPEN:
            return target, domain & OPEN[target]
        if target == "integration.issue":
            domain &= Domain("state", "=", "open")
            if action == "assign":
                return target, domain
            domain = Domain("issue_id", "any", domain)
        return "integration.sync", domain & TAKEN[action]

    @api.model
    def _check_may(self, action=None):
        if not self.env.user.has_group(USER_GROUP):
            raise AccessError(self.env._("You need the right 'Integrations: User' to retry or skip records."))
        if action == "fix" and not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may have differences put right."))

    @api.model
    def ask(self, target, button, domain):
        """A button of a list was pressed for everything that matches: how many these are, and what is left to say.

        :param target: model of the list
        :param button: name of the button's method
        :param domain: the filter of the list
        :return: the dialog
        :raise UserError: the button is none of those that can be carried out in the background
        """
        self._check_may()
        if (target, button) == ("integration.conflict", "action_decide"):
            dialog = self.env[target].with_context(active_domain=domain).action_decide()
            return dict(dialog, context=dict(dialog["context"], default_scope="matching"))
        action = BUTTONS.get(target, {}).get(button)
        if not action:
            raise UserError(self.env._("This button works on selected lines only."))
        self._check_may(action)
        return self._ask(action, target, domain, default_assignee_id=self.env.uid)

    @api.model
    def _ask(self, action, target, domain, **context):
        name = dict(self._fields["action"]._description_selection(self.env))[action]
        return {
            "type": "ir.actions.act_window", "name": name, "res_model": "integration.bulk.start", "target": "new",
            "views": [(False, "form")],
            "context": {"default_action": action, "default_target": target, "default_domain": domain, **context},
        }

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model
    def _start(self, action, target, domain, *, later_at=False, assignee_id=False):
        """Begin. Returns the client action that shows the progress.

        :raise UserError: nothing matches
        """
        self._check_may(action)
        model, matching = self._matching(action, target, domain)
        rows = self.env[model]
        rows.check_access("read")
        total = rows.search_count(matching)
        reading = self._read_again(target, domain) if action == "retry" else 0
        if not total and not reading:
            raise UserError(self.env._("Nothing that matches can be taken in hand: what is being processed, held or done "
                                       "already is left as it is."))
        newest = rows.search(matching, order="id desc", limit=1)
        started = self.sudo().create({
            "user_id": self.env.uid, "company_id": self.env.company.id, "company_ids": self.env.companies.ids,
            "action": action, "target": target, "domain": domain or False, "later_at": later_at,
            "assignee_id": assignee_id, "total": total, "until_id": newest.id,
            "message": self.env._("Lists that are read again: %(count)s", count=reading) if reading else False,
        })
        self.env.ref("integration_flow.cron_bulk_actions").sudo()._trigger()
        return started._progress_action()

    def _read_again(self, target, domain):
        """Issues without records, of lists that could not be read: they are read again. Returns how many."""
        if target != "integration.issue":
            return 0
        found = self.env["integration.issue"].search(
            Domain(domain or Domain.TRUE) & Domain([("state", "=", "open"), ("of_run", "=", True)]))
        running = found.sudo().filtered(lambda issue: issue.flow_id.state in ("test", "live"))
        for issue in running:
            issue.flow_id._open_run("button").next_try_at = False
        running.connection_id._wake()
        return len(running)

    def _progress_action(self):
        self.ensure_one()
        return {"type": "ir.actions.client", "tag": "integration_bulk_progress", "params": {"id": self.id}}

    def action_show_progress(self):
        return self._progress_action()

    def action_cancel(self):
        """Stop. What is done stays done."""
        self.check_access("read")
        if any(one.user_id != self.env.user for one in self) and not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may cancel what somebody else has begun."))
        self.sudo().filtered(lambda one: one.state == "open").write({
            "state": "cancelled", "ended_at": fields.Datetime.now(),
            "message": self.env._("Cancelled by %(user)s", user=self.env.user.name)})

    def get_progress(self):
        """For the dialog: what is done and how it goes on."""
        self.ensure_one()
        states = dict(self._fields["state"]._description_selection(self.env))
        return {
            "title": self.display_name, "state": self.state, "state_label": states[self.state], "total": self.total,
            "done": self.done, "failed": self.failed, "progress": self.progress, "message": self.message or "",
        }

    # -- for the engine ------------------------------------------------------------------------------------

    def _actor(self):
        """The environment of the user who asked: his rights, his companies, his language."""
        self.ensure_one()
        user = self.user_id
        companies = [company for company in self.company_ids or [] if company in user.company_ids.ids]
        return self.env(user=user.id, su=False, context={
            "lang": user.lang, "tz": user.tz, "allowed_company_ids": companies or user.company_id.ids})

    def _page(self, limit):
        """The next rows, found with the rights of the user who asked."""
        self.ensure_one()
        actor = self._actor()
        actor[self._name]._check_may(self.action)
        model, matching = self._matching(self.action, self.target, self.domain)
        return actor[model].search(
            matching & Domain("id", ">", self.after_id) & Domain("id", "<=", self.until_id), order="id", limit=limit)

    @api.model
    def _cron_run(self):
        """Entry point of the background job: see ``engine/bulk_actions.py``."""
        bulk_actions.run(self.env)

    @api.autovacuum
    def _gc_finished(self):
        self.sudo().search([
            ("state", "!=", "open"), ("ended_at", "<", fields.Datetime.now() - timedelta(days=KEPT_DAYS))]).unlink()
