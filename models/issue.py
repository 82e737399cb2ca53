from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..core.issues import ATTENTION_STATES, COUNTED_STATES
from ..engine import issue_jobs
from ..engine.pressed import RUN_NOW_LIMIT
from .selections import ERROR_CLASSES

# What can be tried again for all records at once: a conflict is decided, what a guard holds is approved.
RETRIED_STATES = ("failed", "unknown", "waiting")
SKIPPED_STATES = ("failed", "conflict", "unknown", "waiting", "pending")
# So many records are released within the transaction of whoever fixed the cause, more by the background job.
RELEASE_NOW = 1000


class IntegrationIssue(models.Model):
    """Failures with one cause in one flow, or in one connection when the other system as a whole is the cause.

    Rows are made, opened again and closed by the engine (``engine/issues.py``); how many records belong to one is asked
    of the records when somebody looks.
    """

    _name = "integration.issue"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Integration Issue"
    _order = "state, severity desc, last_seen_at desc, id desc"
    _mail_post_access = "read"

    connection_id = fields.Many2one(
        "integration.connection", required=True, readonly=True, ondelete="cascade", index=True)
    flow_id = fields.Many2one(
        "integration.flow", readonly=True, ondelete="cascade", index="btree_not_null",
        help="Empty when the other system as a whole is the cause.")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    fingerprint = fields.Char(required=True, readonly=True, help="Equal for failures with the same cause.")
    error_class = fields.Selection(ERROR_CLASSES, string="Kind of Error", readonly=True)
    error_code = fields.Char(readonly=True)
    error_key = fields.Char(readonly=True, help="What has to be fixed.")
    message = fields.Text(string="What Happened", readonly=True, help="As one of the records says it.")
    hint = fields.Text(string="What to Do", readonly=True)
    severity = fields.Selection(
        [("1", "Still Tried"), ("2", "To Fix"), ("3", "Serious")], required=True, readonly=True, default="2",
        help="Serious: the other system as a whole, its credentials, or a fault of the program.")
    of_run = fields.Boolean(
        string="Reading Stopped", required=True, readonly=True, default=False,
        help="The list of the other system could not be read: what does not arrive has no record yet.")
    needs_person = fields.Boolean(readonly=True, help="It will not go on by itself.")

    state = fields.Selection(
        [("open", "Open"), ("resolved", "Resolved")], required=True, readonly=True, default="open")
    first_seen_at = fields.Datetime(string="First Seen", readonly=True)
    last_seen_at = fields.Datetime(string="Last Seen", readonly=True)
    times_opened = fields.Integer(readonly=True, default=1, aggregator=None)
    assignee_id = fields.Many2one("res.users", string="Assigned To", ondelete="set null", index="btree_not_null")
    resolved_at = fields.Datetime(string="Resolved On", readonly=True)
    resolved_how = fields.Selection([
        ("itself", "Succeeded by Itself"),
        ("retried", "Retried"),
        ("mapped", "Missing Value Mapped"),
        ("credentials", "New Credentials"),
        ("rules", "Rules Changed"),
        ("skipped", "Skipped"),
    ], string="Resolved By", readonly=True)
    resolved_by_id = fields.Many2one(
        "res.users", string="Resolved By Person", readonly=True, ondelete="set null", index="btree_not_null")
    last_action = fields.Char(readonly=True, help="What a person did last about it.")
    last_action_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    last_action_at = fields.Datetime(readonly=True)

    sync_ids = fields.One2many("integration.sync", "issue_id", string="Records", readonly=True)
    affected_count = fields.Integer(string="Records Affected", compute="_compute_affected")
    failing_count = fields.Integer(string="Waiting for Somebody", compute="_compute_affected")
    retrying_count = fields.Integer(string="Being Tried", compute="_compute_affected")
    attempts = fields.Integer(compute="_compute_affected")
    next_retry_at = fields.Datetime(string="Next Retry", compute="_compute_affected")
    is_mine = fields.Boolean(compute="_compute_is_mine", search="_search_is_mine")

    job = fields.Selection([("retry", "Retry All"), ("skip", "Skip All")], string="Under Way", readonly=True)
    job_how = fields.Char(readonly=True)
    job_reason = fields.Char(readonly=True)
    job_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    job_company_ids = fields.Json(readonly=True, help="Only records of these companies. Empty: of all.")
    job_done = fields.Integer(string="Done", readonly=True, aggregator=None)
    job_total = fields.Integer(string="Of", readonly=True, aggregator=None)
    job_after_id = fields.Integer(readonly=True)
    job_progress = fields.Integer(string="Progress", compute="_compute_job_progress")

    _open_unique = models.UniqueIndex(
        "(connection_id, COALESCE(flow_id, 0), fingerprint) WHERE state = 'open'", "This cause has an open issue already.")
    _cause_index = models.Index("(connection_id, fingerprint, resolved_at) WHERE state = 'resolved'")
    _list_index = models.Index("(state, severity, last_seen_at)")
    _job_index = models.Index("(id) WHERE job IS NOT NULL")
    _error_key_index = models.Index("(error_key) WHERE error_key IS NOT NULL AND state = 'open'")

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("message", "error_class")
    def _compute_display_name(self):
        labels = dict(self._fields["error_class"]._description_selection(self.env))
        for issue in self:
            issue.display_name = (issue.message or labels.get(issue.error_class) or self.env._("Issue"))[:120]

    def _compute_affected(self):
        """Counted from the records themselves, so that it is right whoever changed them."""
        found = {}
        if self.ids:
            self.env["integration.sync"].flush_model(["issue_id", "state", "attempts", "due_at"])
            self.env.cr.execute(
                """SELECT issue_id, count(*), count(*) FILTER (WHERE state = ANY(%s)),
                          count(*) FILTER (WHERE state IN ('pending', 'processing')), max(attempts),
                          min(due_at) FILTER (WHERE state IN ('pending', 'waiting'))
                   FROM integration_sync WHERE issue_id = ANY(%s) AND state = ANY(%s) GROUP BY issue_id""",
                [list(ATTENTION_STATES), self.ids, list(COUNTED_STATES)])
            found = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        for issue in self:
            (issue.affected_count, issue.failing_count, issue.retrying_count, issue.attempts, issue.next_retry_at) = (
                found.get(issue.id, (0, 0, 0, 0, False)))

    @api.depends("assignee_id")
    @api.depends_context("uid")
    def _compute_is_mine(self):
        mine = self.filtered_domain(self._search_is_mine("in", [True]))
        for issue in self:
            issue.is_mine = issue in mine

    def _search_is_mine(self, operator, value):
        if operator not in ("in", "="):
            return NotImplemented
        uid = self.env.uid
        mine = ["|", ("assignee_id", "=", uid), "&", ("assignee_id", "=", False), "|", ("flow_id.responsible_id", "=", uid),
                "&", ("flow_id", "=", False), ("connection_id.administrator_id", "=", uid)]
        wanted = True in value if isinstance(value, (list, tuple, set)) or hasattr(value, "__iter__") else value
        return mine if wanted else ["!", *mine]

    @api.depends("job", "job_done", "job_total")
    def _compute_job_progress(self):
        for issue in self:
            issue.job_progress = 100 * issue.job_done // max(issue.job_total, 1) if issue.job else 0

    # -- life cycle ----------------------------------------------------------------------------------------

    def write(self, vals):
        result = super().write(vals)
        if "assignee_id" in vals:
            self._hand_over_activities()
        return result

    def unlink(self):
        if self.ids:
            self.env.cr.execute("UPDATE integration_sync SET issue_id = NULL WHERE issue_id = ANY(%s)", [self.ids])
            self.env["integration.sync"].invalidate_model(["issue_id"])
            self.env["mail.activity"].sudo().search([("integration_issue_id", "in", self.ids)]).unlink()
        return super().unlink()

    # -- buttons -------------------------------------------------------------------------------------------

    def _check_may_repair(self):
        self.check_access("read")
        if not self.env.user.has_group("integration_flow.group_integration_user"):
            raise AccessError(self.env._("You need the right 'Integrations: User' to retry or skip records."))

    def _members(self, states, limit=None):
        """Records of these issues that the user may see and that are in one of these states."""
        return self.env["integration.sync"].search(
            [("issue_id", "in", self.ids), ("state", "in", states)], limit=limit)

    def action_retry_all(self):
        """Try all records again, with today's rules: a few at once, with their outcome; more in the background."""
        self._check_may_repair()
        issues_ = self.filtered(lambda issue: issue.state == "open")
        records = issues_._members(RETRIED_STATES, limit=RUN_NOW_LIMIT + 1)
        reading = issues_.filtered("of_run")
        for issue in reading.sudo():
            issue.flow_id._require_running()
            issue.flow_id._open_run("button").next_try_at = False
            issue.connection_id._wake()
        if not records:
            if reading:
                return records._notify("info", self.env._("The list is being read again."))
            raise UserError(self.env._(
                "There is nothing to retry: a conflict is decided on its record, what is held is approved, and what is "
                "pending is tried already."))
        if len(records) <= RUN_NOW_LIMIT:
            return records.action_retry()
        return issues_.sudo()._start_job(
            "retry", self.env._("Retry by %(user)s", user=self.env.user.name), "retried", self.env.user.company_ids)

    def action_skip_all(self):
        """Leave all records alone until they change again."""
        self._check_may_repair()
        issues_ = self.filtered(lambda issue: issue.state == "open")
        records = issues_._members(SKIPPED_STATES, limit=RUN_NOW_LIMIT + 1)
        if not records:
            raise UserError(self.env._("There is no record to skip."))
        if len(records) <= RUN_NOW_LIMIT:
            records.action_skip()
            return records._notify("success", self.env._("Skipped: %(count)s", count=len(records)))
        return issues_.sudo()._start_job(
            "skip", self.env._("Skipped by %(user)s", user=self.env.user.name), "skipped", self.env.user.company_ids)

    def _start_job(self, job, reason, how, companies=None):
        """Do this with all records in the background; see ``engine/issue_jobs.py``.

        :param companies: only with the records of these companies, and of none: an issue of a connection may have others
        """
        states = RETRIED_STATES if job == "retry" else SKIPPED_STATES
        own = [] if companies is None else [("company_id", "in", [*companies.ids, False])]
        counts = dict(self.env["integration.sync"]._read_group(
            [("issue_id", "in", self.ids), ("state", "in", states), *own], ["issue_id"], ["__count"]))
        for issue in self:
            issue.write({
                "job": job, "job_reason": reason, "job_how": how, "job_by_id": self.env.uid, "job_done": 0,
                "job_total": counts.get(issue, 0), "job_after_id": 0,
                "job_company_ids": companies.ids if companies is not None else False})
        self.env.ref("integration_flow.cron_issue_jobs")._trigger()
        return self.env["integration.sync"]._notify("info", self.env._(
            "%(count)s records are taken in hand in the background. The list shows the progress.",
            count=sum(counts.values())))

    def action_assign_to_me(self):
        self._check_may_repair()
        self.sudo().write({"assignee_id": self.env.uid})

    def action_open_records(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.display_name, "res_model": "integration.sync",
            "view_mode": "list,kanban,form", "domain": [("issue_id", "=", self.id)],
        }

    def action_fix(self):
        """Open the place where the cause can be removed: value map, connection, flow, or the record itself."""
        self.ensure_one()
        map_id = (self.error_key or "").partition(":")[0]
        if self.error_class == "unmapped" and map_id.isdecimal():
            return self._open_form("integration.value.map", int(map_id))
        if self.error_class == "authentication" or not self.flow_id:
            return self._open_form("integration.connection", self.connection_id.id)
        if self.error_class in ("mapping", "schema", "access") or self.of_run:
            return self._open_form("integration.flow", self.flow_id.id)
        records = self._members(COUNTED_STATES, limit=2)
        if len(records) != 1:
            return self.action_open_records()
        document = records._document()
        if self.error_class in ("constraint", "validation", "ambiguous") and document is not None \
                and records.state == "failed" and document.has_access("read"):
            return self._open_form(document._name, document.id)
        return self._open_form("integration.sync", records.id)

    def _open_form(self, model, res_id):
        return {
            "type": "ir.actions.act_window", "res_model": model, "res_id": res_id, "view_mode": "form",
            "views": [(False, "form")],
        }

    # -- fix once, release all -----------------------------------------------------------------------------

    @api.model
    def _release(self, keys, reason, how):
        """What had to be fixed (``error_key``) is fixed: every record that failed by it is tried again."""
        if not keys:
            return
        records = self.env["integration.sync"].sudo().search(
            [("state", "=", "failed"), ("error_key", "in", keys)], limit=RELEASE_NOW + 1)
        if len(records) <= RELEASE_NOW:
            records._queue(reason, how)
            return
        issues_ = self.sudo().search([("state", "=", "open"), ("error_key", "in", keys)])
        issues_._start_job("retry", reason, how)
        (records.filtered(lambda sync: sync.issue_id not in issues_))._queue(reason, how)

    @api.model
    def _release_flows(self, flows):
        """The rules or the filter of these flows changed: what failed by them is tried again."""
        found = self.sudo().search([
            ("flow_id", "in", flows.ids), ("state", "=", "open"), ("error_class", "in", ("mapping", "schema")),
            ("of_run", "=", False), ("job", "=", False), ("flow_id.state", "in", ("test", "live"))])
        if not found:
            return
        reason = self.env._("The rules of the flow were changed")
        records = self.env["integration.sync"].sudo().search(
            [("issue_id", "in", found.ids), ("state", "=", "failed")], limit=RELEASE_NOW + 1)
        if len(records) <= RELEASE_NOW:
            records._queue(reason, "rules")
        else:
            found._start_job("retry", reason, "rules")

    # -- texts ---------------------------------------------------------------------------------------------

    def _resolution_text(self):
        """How it was resolved, as one sentence."""
        self.ensure_one()
        how = dict(self._fields["resolved_how"]._description_selection(self.env)).get(self.resolved_how, "")
        if self.resolved_by_id:
            return self.env._("Resolved: %(how)s (%(user)s).", how=how, user=self.resolved_by_id.name)
        return self.env._("Resolved: %(how)s.", how=how)

    # -- for the engine ------------------------------------------------------------------------------------

    @api.model
    def _cron_jobs(self):
        """Entry point of the background job: see ``engine/issue_jobs.py``."""
        issue_jobs.run(self.env, {"retry": RETRIED_STATES, "skip": SKIPPED_STATES})
