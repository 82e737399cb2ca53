"""The watchdog: looks at every connection now and then, and after the issues of those that no worker looks after."""

import logging

from odoo import fields

from . import failures, issues, tending

_logger = logging.getLogger(__name__)


def run(env) -> None:
    """Watch all connections. One that cannot be looked at does not keep the others from it."""
    connections = env["integration.connection"].search([])
    left = len(connections)
    for connection in connections:
        try:
            connection._watch()
        except Exception as error:
            env.cr.rollback()
            if not failures.is_concurrency(error):
                _logger.warning("Connection %s could not be looked at", connection.id, exc_info=True)
        left -= 1
        if env["ir.cron"]._commit_progress(1, remaining=left) <= 0 and left:
            return
        if issues.concerns(env.cr, connection.id, fields.Datetime.now()):
            tending.tend(env, connection.id)
