from . import controllers
from . import models
from . import report
from . import wizards


def uninstall_hook(env):
    """The workers' scheduled actions are made with the connections and go with them; business data stays."""
    env["integration.connection"].with_context(active_test=False).search([]).cron_id.unlink()
    if "queue.job" in env:  # jobs of a model that is gone would be tried for ever
        env["queue.job"].sudo().search([
            ("model_name", "=", "integration.connection"), ("state", "not in", ("done", "cancelled"))]).unlink()
