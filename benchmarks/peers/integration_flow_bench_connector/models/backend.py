from odoo import fields, models


class BenchShopBackend(models.Model):
    """The sandbox shop as a backend of the connector."""

    _name = "bench.shop.backend"
    _inherit = "connector.backend"
    _description = "Shop of a Benchmark"

    name = fields.Char(required=True)
    base_url = fields.Char(required=True)
    api_key = fields.Char(required=True)
