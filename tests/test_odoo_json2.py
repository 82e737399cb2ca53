"""Two Odoo databases kept equal over Odoo's own JSON-2 API, with a real second Odoo process."""

from odoo.tests import tagged

from .common import FlowCase
from .replay import ReplayCase
from .second_odoo import SUFFIX, SecondOdoo


@tagged("post_install", "-at_install")
class TestSecondOdoo(ReplayCase):
    """The records of these tests have a reference or SKU that begins with 'J2-'; nothing else is exchanged."""

    blueprint = "odoo_json2"

    @classmethod
    def setUpClass(cls):
        super(FlowCase, cls).setUpClass()
        cls.require_apps()
        cls.there = SecondOdoo(f"{cls.env.cr.dbname}{SUFFIX}")
        cls.addClassCleanup(cls.there.stop)
        cls.there.start()
        cls.flows = cls.env["integration.blueprint"]._apply_file("odoo_json2", connection_vals={"odoo": {
            "base_url": f"{cls.there.url}/json/2", "auth_secret_input": cls.there.api_key,
            "extra_headers": f"X-Odoo-Database: {cls.there.database}"}})
        cls.connection = cls.flows["odoo_contacts"].connection_id
        cls.flows["odoo_contacts"].write({
            "domain": "[('ref', '=like', 'J2-%')]", "list_query": '{"domain": [["ref", "=like", "J2-%"]]}'})
        cls.flows["odoo_products"].write({
            "domain": "[('default_code', '=like', 'J2-%')]",
            "list_query": '{"domain": [["default_code", "=like", "J2-%"]]}'})
        for flow in cls.flows.values():
            flow.retry_jitter = 0
            flow.action_test_mode()
            flow.next_run_at = False

    def setUp(self):
        super(FlowCase, self).setUp()
        self.addCleanup(self.clear_there)

    def clear_there(self):
        """Our side is rolled back after each test; the other one is emptied."""
        for model, field in (("res.partner", "ref"), ("product.product", "default_code")):
            found = self.there.find(model, [(field, "=like", "J2-%")])
            # Contacts of a company before the company itself.
            for record in sorted(found, key=lambda record: -record["id"]):
                self.there.call(model, "unlink", ids=[record["id"]])

    def make_here(self, ref="J2-1", **vals):
        return self.env["res.partner"].create({
            "name": f"Contact {ref}", "email": f"{ref}@example.com".lower(), "ref": ref, **vals})

    def sync(self, *codes):
        """One round in both directions."""
        self.run_flow(*[self.flows[code] for code in codes or ("odoo_contacts",)])

    def partner_there(self, ref="J2-1"):
        fields = ("name", "email", "phone", "street", "city", "country_id", "parent_id", "is_company", "active", "ref")
        found = self.there.find("res.partner", [("ref", "=", ref)], *fields)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def calls(self, *methods):
        """How often the other database was asked to do this."""
        self.env.flush_all()
        return self.env["integration.exchange"].search_count([("connection_id", "=", self.connection.id)] + (
            ["|"] * (len(methods) - 1) + [("url", "=like", f"%/{method}") for method in methods]))

    # -- contacts ------------------------------------------------------------------------------------------

    def test_created_here_appears_there(self):
        self.sync("odoo_countries")
        self.assertGreater(len(self.flow_links("odoo_countries")), 200)
        partner = self.make_here(country_id=self.env.ref("base.be").id, phone="+32 2 555 12 34", is_company=True)
        self.work()
        self.assertAllSynced()
        there = self.partner_there()
        self.assertEqual(
            (there["name"], there["email"], there["phone"], there["is_company"], there["city"]),
            ("Contact J2-1", "j2-1@example.com", "+32 2 555 12 34", True, False))
        self.assertEqual(self.there.find("res.country", [("id", "=", there["country_id"])], "code")[0]["code"], "BE")
        self.assertEqual(self.flow_links("odoo_contacts"), {str(there["id"]): partner})

    def test_contact_waits_for_its_company(self):
        company = self.make_here("J2-1", is_company=True)
        self.make_here("J2-2", parent_id=company.id)
        self.work()
        self.assertAllSynced()
        self.assertEqual(self.partner_there("J2-2")["parent_id"], self.partner_there("J2-1")["id"])

    def test_created_there_arrives_here_with_its_company(self):
        company = self.there.add("res.partner", name="Company there", ref="J2-1", is_company=True)
        self.there.add("res.partner", name="Person there", ref="J2-2", email="p@example.com", parent_id=company)
        self.sync()
        self.assertAllSynced()
        here = {partner.ref: partner for partner in self.flow_links("odoo_contacts").values()}
        self.assertEqual(here["J2-2"].parent_id, here["J2-1"])
        self.assertEqual((here["J2-2"].email, here["J2-1"].email), ("p@example.com", False), "false is no e-mail")
        self.assertEqual(self.calls("create", "write"), 0, "what came from there is not sent back")

    def test_changes_of_both_sides_arrive(self):
        partner = self.make_here(phone="1", city="Gent")
        self.work()
        there = self.partner_there()
        self.there.change("res.partner", there["id"], phone="2", street="Veldstraat 1", city=False)
        self.sync()
        self.assertAllSynced()
        self.assertEqual((partner.phone, partner.street, partner.city), ("2", "Veldstraat 1", False))
        partner.write({"phone": False, "street": "Korenmarkt 2"})
        self.work()
        self.assertAllSynced()
        there = self.partner_there()
        self.assertEqual((there["phone"], there["street"], there["city"]), (False, "Korenmarkt 2", False))

    def test_both_changed_on_different_fields_both_survive(self):
        partner = self.make_here(phone="1", city="Gent")
        self.work()
        there = self.partner_there()
        with self.subTest("read in a run"):
            self.there.change("res.partner", there["id"], phone="2")
            partner.city = "Brugge"
            self.sync()
            self.assertAllSynced()
            self.assertEqual((partner.phone, partner.city), ("2", "Brugge"))
            there = self.partner_there()
            self.assertEqual((there["phone"], there["city"]), ("2", "Brugge"))
        with self.subTest("read just before writing"):
            self.there.change("res.partner", there["id"], street="Veldstraat 1")
            partner.city = "Leuven"
            self.work()
            self.assertAllSynced()
            self.assertEqual((partner.street, partner.city), ("Veldstraat 1", "Leuven"))
            there = self.partner_there()
            self.assertEqual((there["street"], there["city"]), ("Veldstraat 1", "Leuven"))

    def test_equal_means_nothing_is_sent(self):
        partner = self.make_here(phone="1")
        self.work()
        self.sync()
        sent = self.calls("create", "write", "unlink")
        self.assertEqual(sent, 1)
        partner.write({"phone": "2"})
        partner.write({"phone": "1", "comment": "not in the flow"})
        self.work()
        self.sync()
        run = self.flows["odoo_contacts"]._open_run("button", full=True)
        self.work()
        self.assertAllSynced()
        self.assertEqual(self.calls("create", "write", "unlink"), sent)
        self.assertEqual((run.read_count, run.unchanged_count), (1, 1))

    def test_known_on_both_sides_by_email(self):
        partner = self.make_here(city="Gent")
        self.env.cr.precommit.clear()  # as if it had been there before the flow
        there = self.there.add("res.partner", name="Contact J2-1", email="j2-1@example.com", ref="J2-1", phone="3")
        self.sync()
        self.work()
        self.assertAllSynced()
        self.assertEqual(self.flow_links("odoo_contacts"), {str(there): partner})
        self.assertEqual(partner.phone, "3")

    def test_found_there_before_it_is_created(self):
        there = self.there.add("res.partner", name="Contact J2-1", email="j2-1@example.com", ref="J2-1", phone="3")
        partner = self.make_here(city="Gent")
        self.work()
        self.assertAllSynced()
        self.assertEqual(self.flow_links("odoo_contacts"), {str(there): partner})
        self.assertEqual((partner.phone, self.partner_there()["phone"]), ("3", "3"), "our blank erases nothing")
        self.assertEqual((partner.city, self.partner_there()["city"]), ("Gent", "Gent"), "nor does theirs")
        self.assertEqual(self.calls("create"), 0)

    def test_archived_there_and_here(self):
        partner = self.make_here()
        self.work()
        there = self.partner_there()
        self.there.change("res.partner", there["id"], active=False)
        self.sync()
        self.assertFalse(partner.active)
        partner.active = True
        self.work()
        self.assertTrue(self.partner_there()["active"])
        self.assertAllSynced()

    def test_deleted_here(self):
        self.flows["odoo_contacts"].delete_in_external = "delete"
        partner = self.make_here()
        kept = self.make_here("J2-2")
        self.work()
        partner.unlink()
        self.work()
        left = self.there.find("res.partner", [("ref", "=like", "J2-%")], "ref")
        self.assertEqual([found["ref"] for found in left], ["J2-2"])
        self.assertEqual([*self.flow_links("odoo_contacts").values()], [kept])

    def test_deleted_there_then_changed_here(self):
        partner = self.make_here()
        self.work()
        there = self.partner_there()
        self.there.call("res.partner", "unlink", ids=[there["id"]])
        partner.city = "Gent"
        self.work()
        sync = self.syncs(self.flows["odoo_contacts"])[str(there["id"])]
        self.assertFailed(sync, "validation")
        self.assertEqual(sync.error_code, "not_found")

    def test_pages_in_the_body(self):
        for number in range(5):
            self.there.add("res.partner", name=f"Contact {number}", ref=f"J2-{number}")
        self.flows["odoo_contacts"].resource_id._operation("list").page_size = 2
        run = self.flows["odoo_contacts"]._open_run("button")
        self.work()
        self.assertAllSynced()
        # Changed just now, it is looked at twice: see Fetcher._has_moved.
        self.assertEqual((run.page_count, run.read_count, run.created_count), (6, 10, 5))
        self.assertTrue(self.flows["odoo_contacts"].watermark)
        self.there.add("res.partner", name="One more", ref="J2-9")
        run = self.flows["odoo_contacts"]._open_run("button")
        self.work()
        self.assertEqual(run.created_count, 1)
        body = self.env["integration.exchange"].search(
            [("connection_id", "=", self.connection.id)], order="id desc", limit=1).request_body
        self.assertIn('["write_date",">=",', body.replace(" ", ""))
        self.assertIn("J2-%", body)

    def test_two_databases_that_hold_the_same(self):
        """First meeting of all contacts and countries, as on the first day: recognised, and nothing is sent."""
        self.flows["odoo_contacts"].write({"list_query": False, "domain": "[('user_ids', '=', False)]"})
        self.sync("odoo_countries", "odoo_contacts")
        self.assertAllSynced()
        self.assertTrue(self.flow_links("odoo_contacts"))
        self.assertEqual(self.calls("create", "write"), 0)
        for partner in self.flow_links("odoo_contacts").values():
            if partner.email:
                self.assertEqual(self.env["res.partner"].search_count([("email", "=", partner.email)]), 1)

    # -- products ------------------------------------------------------------------------------------------

    def test_products_both_ways(self):
        product = self.env["product.product"].create({"name": "Lamp", "default_code": "J2-LAMP", "list_price": 12.5})
        other = self.there.add("product.product", name="Chair", default_code="J2-CHAIR", list_price=80, weight=4.5)
        self.sync("odoo_products")
        self.assertAllSynced()
        lamp = self.there.find("product.product", [("default_code", "=", "J2-LAMP")], "name", "list_price", "type")[0]
        self.assertEqual((lamp["name"], lamp["list_price"]), ("Lamp", 12.5))
        chair = self.flow_links("odoo_products")[str(other)]
        self.assertEqual((chair.name, chair.list_price, chair.weight, chair.type), ("Chair", 80, 4.5, "consu"))
        self.there.change("product.product", lamp["id"], list_price=15)
        chair.list_price = 0
        self.sync("odoo_products")
        self.assertAllSynced()
        self.assertEqual(product.list_price, 15)
        chair_there = self.there.find("product.product", [("id", "=", other)], "list_price")[0]
        self.assertEqual(chair_there["list_price"], 0, "nothing is a price, too")

    def test_refusal_in_plain_words_on_its_record(self):
        self.there.add("product.product", name="Taken", default_code="X2", barcode="J2BARCODE")
        self.addCleanup(lambda: self.there.call("product.product", "unlink", ids=[
            found["id"] for found in self.there.find("product.product", [("default_code", "=", "X2")])]))
        products = self.env["product.product"].create([
            {"name": "Good", "default_code": "J2-GOOD"},
            {"name": "Bad", "default_code": "J2-BAD", "barcode": "J2BARCODE"}])
        self.work()
        syncs = {sync.res_id: sync for sync in self.env["integration.sync"].search(
            [("flow_id", "=", self.flows["odoo_products"].id)])}
        self.assertEqual(syncs[products[0].id].state, "synced")
        self.assertFailed(syncs[products[1].id], "validation", "J2BARCODE")
        self.assertNotIn("Traceback", syncs[products[1].id].error_message)

    def test_wrong_key_pauses_the_connection(self):
        self.connection.auth_secret_input = "0" * 40
        self.make_here()
        self.work()
        self.assertTrue(self.connection.paused)
        self.assertEqual(self.connection.pause_cause, "credentials")
        self.connection.auth_secret_input = self.there.api_key
        self.work()
        self.assertFalse(self.connection.paused)
        self.assertAllSynced()
        self.partner_there()
