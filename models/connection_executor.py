from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import capture, jobs

# OCA's job queue. Optional: where it is not installed, nothing of it is shown, and every connection works by itself.
JOB_MODEL = "queue.job"


class IntegrationConnection(models.Model):
    """Where the work of a connection is done: by its scheduled action, or as jobs of OCA queue_job."""

    _inherit = "integration.connection"

    executor = fields.Selection(
        "_selection_executor", string="Done By", required=True, default="cron",
        help="A scheduled action needs nothing else. Jobs run where the job runner sends them, as many at a time as their "
             "channel allows.")
    executor_channel = fields.Char(
        string="Channel", default="root",
        help="The channel of the job queue, with its parents, for example root.shop. How many jobs it runs at a time is "
             "said where the job runner is configured; a channel that is not named there shares that of its parent.")

    @api.model
    def _selection_executor(self):
        choices = [("cron", self.env._("Scheduled Action"))]
        if JOB_MODEL in self.env:
            choices.append(("queue_job", self.env._("Job Queue")))
        return choices

    def _runs_as_jobs(self):
        """Is the work of this connection done as jobs?"""
        self.ensure_one()
        return self.executor == "queue_job" and JOB_MODEL in self.env

    @api.constrains("executor", "executor_channel")
    def _check_executor(self):
        for connection in self.filtered(lambda connection: connection.executor != "cron"):
            if not connection._runs_as_jobs():
                raise ValidationError(self.env._(
                    "Connection %(name)s: its work cannot be done as jobs, because no job queue is installed here. "
                    "Install the addon queue_job of the OCA, or choose the scheduled action.", name=connection.name))
            parts = (connection.executor_channel or "").split(".")
            if parts[0] != "root" or not all(part.replace("_", "").replace("-", "").isalnum() for part in parts):
                raise ValidationError(self.env._(
                    "Connection %(name)s: '%(channel)s' is no channel of the job queue. It must begin with 'root', and its "
                    "parts are joined by dots, for example root.shop.",
                    name=connection.name, channel=connection.executor_channel or ""))

    def write(self, vals):
        result = super().write(vals)
        if {"executor", "executor_channel"} & vals.keys():
            self.flow_ids._configuration_changed()  # whom a captured change wakes is part of what is cached
            self._wake()
        return result

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if JOB_MODEL not in self.env:
            for node in arch.xpath("//*[@name='executor']"):
                node.getparent().remove(node)
        return arch, view

    # -- waking --------------------------------------------------------------------------------------------

    def _wake(self):
        by_jobs = self.filtered(lambda connection: connection._runs_as_jobs())
        for connection in by_jobs.sudo().filtered("cron_id"):
            capture.wake(self.env, connection.cron_id.id, connection.id)
        return super(IntegrationConnection, self - by_jobs)._wake()

    def _wake_at(self, moment):
        """Have the worker look at this moment (UTC, naive) at the latest; a worker asks for it at its end."""
        self.ensure_one()
        capture.wake_at(self.env, self.sudo().cron_id.id, moment, by_job=self._runs_as_jobs())
        if self._runs_as_jobs():
            jobs.enqueue(self.env.registry, self.id, jobs.later(moment))

    def _cron_work(self):
        left = self.exists().filtered(lambda connection: connection._runs_as_jobs() and jobs.is_left_to_jobs(connection))
        return super(IntegrationConnection, self - left)._cron_work()

    def _job_work(self):
        """One job of the job queue: work for a while, then hand on to the next job. See ``engine/jobs.py``."""
        handled = sum(jobs.work(connection) for connection in self.exists())
        return self.env._("%(count)s records", count=handled)

    def action_open_jobs(self):
        """The jobs of this connection."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Jobs"),
            "res_model": JOB_MODEL,
            "view_mode": "list,form",
            "domain": [("identity_key", "=", jobs.identity_key(self.id))],
        }
