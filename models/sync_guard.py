from odoo import fields, models


class IntegrationSync(models.Model):
    """What guardrails know of a record: measured, passed, held; see ``engine/guards.py``."""

    _inherit = "integration.sync"

    guard_mark = fields.Char(readonly=True)
    guard_values = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    guard_at = fields.Datetime(readonly=True)

    _guard_measured_index = models.Index(
        "(flow_id, guard_mark, guard_at) WHERE guard_mark IN ('import:measured', 'export:measured')")
    _guard_window_index = models.Index(
        "(flow_id, guard_mark, guard_at) WHERE guard_mark IN ('import:passed', 'export:passed')")
    _held_index = models.Index("(run_id) WHERE state = 'held'")
