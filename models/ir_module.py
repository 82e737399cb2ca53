from odoo import models

from .connection_executor import JOB_MODEL


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def module_uninstall(self):
        """When the job queue goes, its connections go back to their scheduled actions."""
        if JOB_MODEL.replace(".", "_") in self.mapped("name"):
            self.env["integration.connection"].sudo().with_context(active_test=False).search(
                [("executor", "!=", "cron")]).write({"executor": "cron"})
        return super().module_uninstall()
