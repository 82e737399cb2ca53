from odoo import api, models
from odoo.tools import ormcache

from ..engine import capture


class Base(models.AbstractModel):
    """While an import writes, two things that Odoo does record by record are done for the batch: with the same outcome,
    and together they are a quarter of the time that creating a contact takes.

    Company check: whether a linked record fits a company does not depend on who links to it, so that one look at all
    linked records says the same. If one of them does not fit, Odoo's own check goes through them and says which.

    Defaults: Odoo asks every field of the model for its default, for each record. Here only those that can have one.
    """

    _inherit = "base"

    @api.model
    def default_get(self, fields):
        if capture.is_importing() and not any(key.startswith("default_") for key in self.env.context):
            possible = self._integration_fields_with_default()
            fields = [name for name in fields if name in possible]
        return super().default_get(fields)

    @api.model
    @ormcache("self.env.uid", "self.env.company.id")
    def _integration_fields_with_default(self):
        return frozenset(self.env["ir.default"]._get_model_defaults(self._name)) | {
            name for name, field in self._fields.items() if field.default or field.inherited}

    def _check_company(self, fnames=None):
        if capture.is_importing() and len(self) > 1 and self._integration_companies_fit(fnames):
            return
        super()._check_company(fnames)

    def _integration_companies_fit(self, fnames):
        if fnames is None or {"company_id", "company_ids"} & set(fnames):
            fnames = self._fields
        checked = [field for name in fnames if (field := self._fields[name]).relational and field.check_company]
        by_company = [field.name for field in checked if not field.company_dependent]
        if by_company and (self._name == "res.company" or "company_id" not in self._fields):
            return False
        records = self.sudo()
        looks = [(self.env.company, records, [field.name for field in checked if field.company_dependent])]
        if by_company:
            looks += [(company, group, by_company) for company, group in records.grouped("company_id").items()]
        for company, group, names in looks:
            for name in names:
                linked = group[name]
                domain = linked and linked._check_company_domain(company)
                if domain and linked != linked.with_context(active_test=False).filtered_domain(domain):
                    return False
        return True
