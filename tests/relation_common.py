"""What the tests of records that need others share."""

from .common import FlowCase


class RelationCase(FlowCase):
    """Companies (customers of the shop) and contacts (its products, misused) that belong to them."""

    mode = "wait"

    def setUp(self):
        super().setUp()
        self.companies = self.customer_flow(name="Companies", priority=5)
        self.contacts = self.make_flow("res.partner", [
            ("name", "name"),
            {"kind": "relation", "odoo_path": "parent_id", "external_path": "company_id", "code": "company",
             "relation_flow_id": self.companies.id, "relation_mode": self.mode},
        ], "products", name="Contacts", priority=20, name_path="name")

    def put_contacts(self, *records):
        self.shop.load("products", list(records))

    def company(self, number=7, **more):
        return {"id": number, "first_name": f"Company {number}", "email": f"c{number}@example.com", **more}
