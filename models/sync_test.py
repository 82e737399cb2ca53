from odoo import models


class IntegrationSync(models.Model):
    """What failed once becomes an example that is tried for ever."""

    _inherit = "integration.sync"

    def action_save_test_case(self):
        """Save what was received as a test case of the flow, with nobody named in it, and open it."""
        self.ensure_one()
        self.check_access("read")
        case = self.env["integration.test.case"]._from_sync(self)
        return {
            "type": "ir.actions.act_window", "res_model": "integration.test.case", "res_id": case.id, "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_dry_run(self):
        """Show what would happen to this record now."""
        self.ensure_one()
        self.check_access("read")
        values = {"sync_id": self.id, "source": "sync", "direction": "import"}
        if self.flow_id.direction == "export" or self.res_id and not self.sudo().payload:
            values = {"res_id": self.res_id, "direction": "export"}
        return self.env["integration.dry.run"]._open_for(self.flow_id, **values)
