"""What the tests of ownership share: a two-way flow of contacts and customers, and both sides of them in one look."""

from .export_common import ExportCase

# Odoo field, path in the shop
PLACES = {
    "street": "billing.address_1", "street2": "billing.address_2", "city": "billing.city", "zip": "billing.postcode",
    "phone": "billing.phone", "function": "billing.company", "company_name": "last_name",
}


class OwnershipCase(ExportCase):
    """Contacts that both sides hold and agree on, with one rule for each of some fields."""

    def both_ways(self, rules, **vals):
        """``rules``: {Odoo field: vals of its rule}"""
        return self.out_flow(
            [(name, PLACES[name], {"blank_as": "empty", **more}) for name, more in rules.items()],
            **{"direction": "both", "read_before_write": True, "domain": "[]", **vals})

    def start(self, flow, count=1, value="a"):
        """So many contacts, of which both sides hold ``value`` in every place, and know it."""
        self.put_customers(*({
            "id": number, "email": f"c{number}@example.com", "first_name": f"C{number}", "last_name": value,
            "billing": {path.partition(".")[2]: value for path in PLACES.values() if "." in path},
        } for number in range(1, count + 1)))
        self.run_flow(flow, full=True)
        records = [self.records(flow)[str(number)] for number in range(1, count + 1)]
        self.env["res.partner"].browse([record.id for record in records]).write(dict.fromkeys(PLACES, value))
        self.run_flow(flow, full=True)
        self.run_flow(flow, full=True)
        self.assertEqual(set(self.states(flow).values()), {"synced"})
        self.shop.clear_counts()
        return records

    def there(self, number, value, names=tuple(PLACES)):
        """The shop changes a customer."""
        billing = {PLACES[name].partition(".")[2]: value for name in names if "." in PLACES[name]}
        changes = {"billing": {**self.shop.get(f"customers/{number}")["billing"], **billing}} if billing else {}
        self.shop.touch("customers", ids=[number], changes={**changes, **(
            {"last_name": value} if "company_name" in names else {})})

    def sides(self, record, number, names=tuple(PLACES)):
        """``{field: (Odoo's value, the shop's)}``"""
        there = self.shop.get(f"customers/{number}")
        flat = {"last_name": there["last_name"], **{f"billing.{name}": value for name, value in there["billing"].items()}}
        return {name: (record[name] or "", flat[PLACES[name]] or "") for name in names}

    def overruled(self, sync):
        """``{field: (side, what became of it)}`` of all that was overruled."""
        return {code: tuple(values[2:]) for line in self.logs(sync, "overruled") for code, values in line.changes.items()}
