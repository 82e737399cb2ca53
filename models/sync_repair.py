from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import issues, queueing
from ..engine.pressed import RUN_NOW_LIMIT, process_now
from .notification import notification
from .selections import NEEDS_ATTENTION


class IntegrationSync(models.Model):
    """What people do about records that need them: retry, resync, skip, decide. And how that is queued and noted."""

    _inherit = "integration.sync"

    # -- buttons -------------------------------------------------------------------------------------------

    def _check_may_repair(self):
        """Users see and repair: they need read access to the records, and the integration user group."""
        self.check_access("read")
        if not self.env.user.has_group("integration_flow.group_integration_user"):
            raise AccessError(self.env._("You need the right 'Integrations: User' to retry or skip records."))

    def action_retry(self):
        """Try again with today's rules. A few records run at once and show their outcome."""
        self._check_may_repair()
        records = self.sudo().filtered(lambda sync: sync.state not in ("processing", "conflict", "held"))
        if not records:
            raise UserError(self.env._(
                "Nothing here can be retried: a conflict is decided, and what a guardrail holds is approved or rejected "
                "on its run."))
        if len(records) > RUN_NOW_LIMIT:
            records._queue(self.env._("Retry by %(user)s", user=self.env.user.name))
            return self._notify("info", self.env._(
                "%(count)s records were queued. They are tried again in the background.", count=len(records)))
        return records._run_now()

    def _run_now(self, decide=None):
        """Process these records in a transaction of the engine's own, so that the log survives whatever happens to
        the caller's, and answer with a notification of the outcome.

        :param decide: function called with the records in that transaction, before they are processed. What it writes
            must not be written here: two transactions would wait for each other.
        """
        for connection in self.connection_id:
            connection._check_may_run()
        for flow in self.flow_id:
            flow._require_running()
        outcomes = process_now(self.env, self.ids, decide)
        self.env.invalidate_all()
        return self._notify_outcomes(outcomes)

    @api.model
    def _notify_outcomes(self, outcomes):
        """The notification that tells what became of records; see ``process_now``."""
        failed = [outcome for outcome in outcomes if outcome["state"] in NEEDS_ATTENTION]
        waiting = [outcome for outcome in outcomes if outcome["state"] in ("waiting", "pending", "processing")]
        if failed:
            return self._notify("danger", "\n".join(
                self.env._("%(name)s: %(message)s %(hint)s", name=outcome["name"], message=outcome["message"] or "",
                           hint=outcome["hint"] or "") for outcome in failed), sticky=True)
        if waiting:
            return self._notify("warning", "\n".join(
                self.env._("%(name)s: not done yet. %(message)s", name=outcome["name"],
                           message=outcome["message"] or self.env._("It goes on by itself in a moment."))
                for outcome in waiting))
        return self._notify("success", self.env._("Synced: %(names)s", names=", ".join(
            outcome["name"] for outcome in outcomes)))

    def _notify(self, kind, message, sticky=False):
        return notification(kind, message, sticky=sticky)

    def action_retry_later(self):
        self._check_may_repair()
        self.sudo()._queue(self.env._("Retry by %(user)s", user=self.env.user.name))

    def action_resync(self):
        """Compare and exchange everything again, from what both sides hold now."""
        self._check_may_repair()
        records = self.sudo().filtered(lambda sync: sync.state not in ("processing", "held"))
        if 0 < len(records) <= RUN_NOW_LIMIT:
            return records._run_now(lambda syncs: syncs._compare_anew())
        records._compare_anew()
        records._queue(self.env._("Resync by %(user)s", user=self.env.user.name))
        return None

    def _has_payload(self):
        """Is there something to import: what was received, or what retention has removed and can be read again?"""
        self.ensure_one()
        return bool(self.payload or self.external_id and (self.direction == "import" or self.last_import_at))

    def _compare_anew(self):
        for sync in self:
            sync.write({
                "content_hash": False,
                # A wrong clock over there must not keep out what they hold now.
                "external_version": False, "external_updated_at": False,
                "import_pending": sync._has_payload() and sync.flow_id.direction != "export",
                "export_pending": bool(sync.res_id) and sync.flow_id.direction != "import",
            })

    def action_skip(self):
        """Leave these records alone until they change again."""
        self._check_may_repair()
        self.sudo()._skip(self.env._("Skipped by %(user)s", user=self.env.user.name))

    def _skip(self, reason):
        """Leave these records alone until they change again."""
        self.flush_recordset()
        issue_ids = self._note_issue_action("skipped")
        now = fields.Datetime.now()
        queueing.act(self.env.cr, "skip", self.ids, now, message=reason, user_id=self.env.uid)
        issues.close_empty(self.env.cr, issue_ids, now)
        self.env.invalidate_all(flush=False)
        self.connection_id._wake()

    def action_keep_odoo(self):
        """Decide a conflict: Odoo's values stand and are sent."""
        return self._decide_conflict("odoo")

    def action_take_external(self):
        """Decide a conflict: the other system's values stand and are written to Odoo."""
        return self._decide_conflict("external")

    def _decide_conflict(self, side):
        """All fields in conflict at once, as far as they are those that the person has seen."""
        self._check_may_repair()
        seen = self.env.context.get("shown_conflict_ids")
        found = self.env["integration.conflict"].browse(seen) if seen else self.env["integration.conflict"].search(
            [("sync_id", "in", self.ids)])
        return found._decide(side) if found else None

    # -- queueing ------------------------------------------------------------------------------------------

    def _queue(self, reason, how="retried"):
        """Make these records due now, with attempts counted anew, and wake their workers.

        :param how: what resolves their issues, if they succeed now: a value of ``integration.issue.resolved_how``; empty
            where that is noted already
        """
        if not self:
            return
        self.flush_recordset()
        if how:
            self._note_issue_action(how)
        queueing.act(self.env.cr, "retry", self.ids, fields.Datetime.now(), message=reason, user_id=self.env.uid)
        self.env["integration.log"].invalidate_model()
        self.invalidate_recordset()
        self.connection_id._wake()

    def _note_issue_action(self, how):
        """A person did something about the issues of these records. Returns the ids of the issues."""
        self.env.cr.execute(
            "SELECT DISTINCT issue_id FROM integration_sync WHERE id = ANY(%s) AND issue_id IS NOT NULL", [self.ids])
        issue_ids = [row[0] for row in self.env.cr.fetchall()]
        issues.note_action(self.env.cr, issue_ids, how, self.env.uid, fields.Datetime.now())
        self.env["integration.issue"].browse(issue_ids).invalidate_recordset(flush=False)
        return issue_ids

    def _log(self, outcome, message):
        queueing.log(self.env.cr, self.ids, outcome, message, self.env.uid, fields.Datetime.now())
        self.env["integration.log"].invalidate_model()
