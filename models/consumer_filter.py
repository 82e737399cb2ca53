from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from .selections import SECRETS_GROUP


class IntegrationConsumerFilter(models.Model):
    """A limit of what a consumer sees: only documents in which the field has one of the values."""

    _name = "integration.consumer.filter"
    _description = "Limit of an Integration Consumer"
    _order = "consumer_id, name, id"

    consumer_id = fields.Many2one("integration.consumer", required=True, ondelete="cascade", index=True)
    name = fields.Char(string="Field", required=True, help="Name of a filter of the publication, for example warehouse.")
    values = fields.Char(string="Has One of", required=True, help="Separated by commas, for example WH,SHOP.")

    def _values(self):
        return [value.strip() for value in (self.values or "").split(",") if value.strip()]

    @api.constrains("values", "name")
    def _check_values(self):
        for limit in self:
            if not limit._values() or not (limit.name or "").strip():
                raise ValidationError(self.env._(
                    "%(consumer)s: a limit needs the name of a field and at least one value.",
                    consumer=limit.consumer_id.name))

    def _check_lent(self):
        if not (self.env.su or self.env.user.has_group(SECRETS_GROUP)):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may change what a consumer reads, and how often."))

    @api.model_create_multi
    def create(self, vals_list):
        self._check_lent()
        limits = super().create(vals_list)
        limits.consumer_id._access_changed()
        return limits

    def write(self, vals):
        self._check_lent()
        result = super().write(vals)
        self.consumer_id._access_changed()
        return result

    def unlink(self):
        self._check_lent()
        consumers = self.consumer_id
        result = super().unlink()
        consumers._access_changed()
        return result
