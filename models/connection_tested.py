from odoo import models

from .connection import CREDENTIAL_FIELDS


class IntegrationConnection(models.Model):
    """A test of a connection tells about the address and the credentials that it was made with, and about no others."""

    _inherit = "integration.connection"

    def write(self, vals):
        concerned = CREDENTIAL_FIELDS | {"auth_secret_input", "test_path", "test_document"}
        tested = self.filtered("tested_at") if concerned & vals.keys() else ()
        before = {connection: connection._tested_with() for connection in tested}
        result = super().write(vals)
        for connection in tested:
            if vals.get("auth_secret_input") or connection._tested_with() != before[connection]:
                super(IntegrationConnection, connection.sudo()).write(
                    {"test_ok": False, "test_result": False, "tested_at": False})
        return result

    def _tested_with(self):
        return [self.sudo()[name] for name in sorted(CREDENTIAL_FIELDS)] + [self.test_path, self.test_document]

    def _credentials_proved(self):
        """Has the last test worked, and did it need the credentials?"""
        self.ensure_one()
        return self.test_ok and (self.auth_type == "none" or bool(self.test_path))
