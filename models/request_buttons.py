from odoo import api, models

from .flow_request import USER_GROUP


class IntegrationFlow(models.Model):
    """Request flows as buttons on the business record."""

    _inherit = "integration.flow"

    @api.model
    def get_record_requests(self, res_model, res_id):
        """Which requests can be made about a record, for the panel on its form.

        :return: list of dicts with id, label and system; empty for whoever may not see integrations
        """
        if not self.env.user.has_group(USER_GROUP):
            return []
        self.env[res_model].browse(res_id).check_access("read")
        return [{"id": flow.id, "label": flow.request_label or flow.name, "system": flow.connection_id.name}
                for flow in self.search([
                    ("direction", "=", "request"), ("request_effect", "!=", "tell"), ("state", "in", ("test", "live")),
                    ("model_name", "=", res_model)])]

    def action_request_record(self, res_id):
        """Ask about one record; see ``_request_records``."""
        self.ensure_one()
        self.check_access("read")
        return self._request_records(self.env[self.sudo().model_name].browse(res_id).exists())
