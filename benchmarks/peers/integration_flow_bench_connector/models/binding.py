from odoo import fields, models


class BenchShopPartner(models.Model):
    """A customer of the shop, bound to a contact."""

    _name = "bench.shop.partner"
    _inherit = "external.binding"
    _inherits = {"res.partner": "odoo_id"}
    _description = "Customer of the Shop of a Benchmark"

    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    backend_id = fields.Many2one("bench.shop.backend", required=True, ondelete="restrict")
    external_id = fields.Char()

    _external_uniq = models.Constraint(
        "UNIQUE(backend_id, external_id)", "This customer is bound to a contact already.")

    def import_record(self, backend, external_id):
        """One record, as a job of its own would do it."""
        with backend.work_on(self._name) as work:
            return work.component(usage="record.importer").run(external_id)

    def import_page(self, backend, page, size):
        """One page, as a job of its own would do it. Returns the number of records."""
        with backend.work_on(self._name) as work:
            return work.component(usage="page.importer").run(page, size)

    def list_ids(self, backend, page, size):
        """The external IDs of one page: a job for each of them would follow."""
        with backend.work_on(self._name) as work:
            adapter = work.component(usage="backend.adapter")
            return [record["id"] for record in adapter.list_page(page, size, _fields="id")]
