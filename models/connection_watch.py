from datetime import timedelta

from odoo import api, fields, models

from ..engine import outbox, watch
from .alert import ALERT_KINDS

# Work that has been due for so long, while its scheduled action did not run, means that nobody runs it.
WORKER_LATE = timedelta(minutes=15)


class IntegrationConnection(models.Model):
    """What nobody notices because nothing happens: a worker that stopped, credentials that expire, silence."""

    _inherit = "integration.connection"

    credentials_expire_on = fields.Date(
        copy=False, tracking=True,
        help="When the provider lets this key, token or password expire. The administrator is told in time.")
    expiry_warn_days = fields.Integer(string="Tell Before (Days)", default=14)

    # -- the scheduled action ------------------------------------------------------------------------------

    @api.model
    def _cron_watch(self):
        """Look at every connection; each one in a transaction of its own (``engine/watch.py``)."""
        watch.run(self.env)

    def _watch(self):
        """Raise and close the alerts that nothing but time brings about."""
        self.ensure_one()
        self._watch_worker()
        self._watch_expiry()
        self._watch_silence()

    def _watch_worker(self):
        problem = self._worker_problem()
        if problem:
            self._alert("worker", self.env._("%(connection)s: the worker does not run", connection=self.name), problem)
        else:
            self._alert_done("worker", self.env._("The worker runs again."))

    def _worker_problem(self, now=None):
        """Why the worker of this connection does not do what is due, as a sentence; False when it does."""
        self.ensure_one()
        now = now or fields.Datetime.now()
        running = self.env["integration.flow"].sudo().search_count(
            [("connection_id", "=", self.id), ("state", "in", ("test", "live"))], limit=1)
        if not running or not self.active or self.paused:
            return False
        cron = self.sudo().cron_id
        if not cron:
            return self.env._("Its scheduled action was deleted. Archive and restore the connection to make it anew.")
        if not cron.active:
            return self.env._(
                "Its scheduled action “%(name)s” was deactivated, by a person or by Odoo after repeated errors. "
                "Activate it under Settings, Technical, Scheduled Actions.", name=cron.name)
        if self.retry_at and self.retry_at > now or self.circuit_state not in (False, "closed"):
            return False
        ran = cron.lastcall or self.create_date
        if ran < now - WORKER_LATE and outbox.concerns(self.env.cr, self.id, now - WORKER_LATE):
            return self.env._(
                "Work has been due for more than %(minutes)s minutes, and its scheduled action “%(name)s” has not run "
                "since %(since)s. Odoo's scheduled actions may be switched off on this server (max_cron_threads), or all "
                "be busy.", minutes=int(WORKER_LATE.total_seconds() // 60), name=cron.name,
                since=fields.Datetime.to_string(ran) + " UTC")
        return False

    def _watch_expiry(self):
        expires = self._credentials_end()
        today = fields.Date.context_today(self)
        if expires and expires <= today + timedelta(days=max(self.expiry_warn_days, 0)):
            self._alert(
                "expiry",
                self.env._("The credentials of %(connection)s expire on %(date)s", connection=self.name, date=expires)
                if expires >= today else
                self.env._("The credentials of %(connection)s expired on %(date)s", connection=self.name, date=expires),
                self.env._("Get new ones from the provider, enter them on the connection, and set the new expiry date."))
        else:
            self._alert_done("expiry")

    def _credentials_end(self):
        """The day on which calls will begin to be refused; False when that is not known, or renewed by itself."""
        self.ensure_one()
        ends = [self.credentials_expire_on] if self.credentials_expire_on else []
        token = self._oauth_token_dict() or {}
        renews = token.get("refresh_token") or self.auth_type == "oauth2_client"
        if token.get("expires_at") and not renews:
            ends.append(fields.Datetime.to_datetime("1970-01-01").date() + timedelta(
                seconds=float(token["expires_at"])))
        return min(ends) if ends else False

    def _watch_silence(self):
        silent = self.flow_ids.sudo()._check_silence()
        if silent:
            self._alert(
                "silence", self.env._("%(connection)s: nothing arrives any more", connection=self.name),
                "\n".join(flow._silence_text() for flow in silent))
        else:
            self._alert_done("silence", self.env._("Data arrives again."))

    # -- at the opening of a page --------------------------------------------------------------------------

    @api.model
    def get_banners(self):
        """What stops everything, for the top of the overview; looked up now, because a watchdog may have stopped, too.

        :return: list of dicts with kind, level ('danger' or 'warning'), connection_id, title, message; worst first
        """
        self.check_access("read")
        kinds = dict(ALERT_KINDS)
        banners = [{
            "kind": alert.kind, "level": "warning" if alert.kind in ("silence", "expiry") else "danger",
            "connection_id": alert.connection_id.id, "title": alert.summary or kinds[alert.kind],
            "message": alert.note or "",
        } for alert in self.env["integration.alert"].search([("kind", "!=", "worker")])]
        for connection in self.search([("active", "=", True)]):
            problem = connection.sudo()._worker_problem()
            if problem:
                banners.append({
                    "kind": "worker", "level": "danger", "connection_id": connection.id, "message": problem,
                    "title": self.env._("%(connection)s: the worker does not run", connection=connection.name)})
        return sorted(banners, key=lambda banner: (banner["level"], banner["connection_id"], banner["kind"]))
