"""Owned fields on business records: who is told what, in which views, by which rules; and the state in lists."""

from lxml import etree

from odoo import Command
from odoo.tests import Form, TransactionCase, tagged

from odoo.addons.integration_flow.engine import record_ownership

from .test_screens import ScreensMixin

WRITE_OWNED = "integration_flow.group_write_owned"


class OwnershipMixin(ScreensMixin):
    """Contacts that come from the shop, with one owner each; one contact is linked, another one is not."""

    @classmethod
    def make_ownership_data(cls):
        cls.make_screen_data()
        cls.flow.write({
            "direction": "both", "rule_ids": [Command.clear()] + [Command.create(vals) for vals in (
                {"odoo_path": "email", "external_path": "email", "owner": "external"},
                {"odoo_path": "phone", "external_path": "phone", "owner": "external", "form_policy": "warn"},
                {"odoo_path": "street", "external_path": "street", "owner": "newest"},
                {"odoo_path": "city", "external_path": "city", "owner": "odoo"},
                {"odoo_path": "ref", "external_path": "ref", "owner": "external_at_creation", "form_policy": "lock"},
                {"odoo_path": "website", "external_path": "web", "owner": "nobody"},
                {"odoo_path": "vat", "external_path": "vat", "owner": "external", "direction": "export"},
            )]})
        cls.flow.action_test_mode()
        cls.link(cls.partner, "7")
        cls.sync = cls.make_sync("synced", external_id="7", last_synced_at="2026-01-05 09:12:00")
        cls.stranger = cls.env["res.partner"].create({"name": "Stranger", "email": "stranger@example.com"})

    @classmethod
    def link(cls, record, external_id, **vals):
        return cls.env["integration.link"].create({
            "connection_id": cls.connection.id, "resource_id": cls.resource.id, "external_id": external_id,
            "model": record._name, "res_id": record.id, **vals})


@tagged("post_install", "-at_install")
class TestRecordOwnership(OwnershipMixin, TransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_ownership_data()

    def owned(self, record=None, user=None):
        record = (record if record is not None else self.partner).with_user(user or self.outsider)
        record.invalidate_recordset(["integration_owned"])
        return record.integration_owned or {"sources": [], "fields": {}}

    def policies(self, record=None, user=None):
        return {name: field["policy"] for name, field in self.owned(record, user)["fields"].items()}

    # -- which fields, for whom ----------------------------------------------------------------------------

    def test_by_owner_and_policy(self):
        self.assertEqual(self.policies(), {"email": "lock", "phone": "warn", "street": "free"})
        self.assertEqual(self.owned()["sources"], [{"system": "Tour Shop", "synced_at": "2026-01-05 09:12:00"}])

    def test_a_policy_of_its_own_beats_the_owners(self):
        rules = {rule.odoo_path: rule for rule in self.flow.rule_ids}
        rules["email"].form_policy = "free"
        rules["street"].form_policy = "lock"
        self.assertEqual(self.policies(), {"email": "free", "phone": "warn", "street": "lock"})

    def test_for_every_group(self):
        """Everybody who sees the record sees who owns it; only those with the right may write."""
        self.assertFalse(self.outsider.has_group("integration_flow.group_integration_user"))
        for user in (self.outsider, self.users["user"]):
            self.assertEqual(self.policies(user=user)["email"], "lock", user.login)
        for name in ("manager", "secrets"):
            self.assertEqual(self.policies(user=self.users[name])["email"], "warn", name)
        self.env.ref(WRITE_OWNED).user_ids += self.outsider
        self.assertEqual(self.policies()["email"], "warn")

    def test_outsiders_are_told_nothing_else(self):
        entry = self.owned()["fields"]["email"]
        self.assertEqual(set(entry), {"source", "owner", "policy", "sends", "stays", "may_write", "some_lines"})
        self.assertEqual(set(self.owned()["sources"][0]), {"system", "synced_at"})
        portal = self.env["res.users"].create({
            "name": "Portal", "login": "ownership_portal",
            "group_ids": [Command.set(self.env.ref("base.group_portal").ids)]})
        self.link(portal.partner_id, "8")
        self.assertTrue(self.owned(portal.partner_id)["fields"])
        self.assertFalse(self.owned(portal.partner_id, portal)["fields"], "not for portal users")

    def test_the_system_of_another_company_is_not_named(self):
        self.connection.company_id = self.flow.company_id = False
        self.assertEqual(self.owned()["sources"][0]["system"], "Tour Shop")
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.env.user.company_ids += other
        self.env.cr.execute(
            "UPDATE integration_connection SET company_id = %s WHERE id = %s", [other.id, self.connection.id])
        self.env.invalidate_all()
        self.assertEqual(self.owned()["sources"][0]["system"], "a system of another company")
        self.assertEqual(self.policies()["email"], "lock", "it is put back all the same")

    def test_by_whatever_name_it_is_edited(self):
        self.env["integration.field.rule"].create({
            "flow_id": self.flow.id, "odoo_path": "is_company", "external_path": "business", "owner": "external"})
        policies = self.policies()
        self.assertEqual((policies["is_company"], policies["company_type"]), ("lock", "lock"))
        self.assertNotIn("display_name", policies)
        self.assertNotIn("email_formatted", policies, "nobody edits it")

    # -- which records -------------------------------------------------------------------------------------

    def test_only_linked_records(self):
        self.assertFalse(self.policies(self.stranger))
        self.assertFalse(self.policies(self.env["res.partner"].new({"name": "New"})))
        self.assertFalse(self.env["res.partner.category"].create({"name": "A"}).integration_owned)

    def test_only_flows_that_run_or_will(self):
        self.flow.action_pause()
        self.assertEqual(self.policies()["email"], "lock", "it goes on tomorrow")
        self.flow.action_resume()
        self.flow.action_draft()
        self.assertFalse(self.policies(), "a draft owns nothing")
        self.flow.action_test_mode()
        self.assertTrue(self.policies())
        self.flow.active = False
        self.assertFalse(self.policies(), "nor does what is archived")
        self.flow.active = True
        self.flow.direction = "export"
        self.assertFalse(self.policies(), "nothing comes from there")

    def test_an_archived_connection_owns_nothing(self):
        self.connection.active = False
        self.assertFalse(self.policies())
        self.connection.active = True
        self.assertTrue(self.policies())

    def test_the_owner_may_depend_on_the_record(self):
        """By the owner that counts for the record now, not by the first one that the rule names."""
        rule = self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "city")
        rule.write({"owner_switch_domain": "[('function', '=', 'Ours')]", "owner_after": "external"})
        second = self.env["res.partner"].create({"name": "Second", "function": "Ours"})
        self.link(second, "9")
        self.assertNotIn("city", self.policies())
        self.assertEqual(self.policies(second)["city"], "lock")
        second.function = "Theirs"
        self.assertNotIn("city", self.policies(second))

    def test_what_stays_until_the_owner_changes_it(self):
        self.assertFalse(self.owned()["fields"]["email"]["stays"])
        self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "email").overruled_policy = "keep"
        self.assertTrue(self.owned()["fields"]["email"]["stays"])

    def test_two_flows_the_stricter_one_counts(self):
        other = self.connection.copy({"name": "Second Shop"})
        flow = self.flow.copy({"connection_id": other.id})
        street = flow.rule_ids.filtered(lambda rule: rule.odoo_path == "street")
        (flow.rule_ids - street).unlink()
        street.form_policy = "lock"
        flow.action_test_mode()
        self.link(self.partner, "70", connection_id=other.id)
        owned = self.owned()
        street = owned["fields"]["street"]
        self.assertEqual((street["policy"], owned["sources"][street["source"]]["system"]), ("lock", "Second Shop"))
        self.assertEqual(owned["sources"][owned["fields"]["email"]["source"]]["system"], "Tour Shop")

    def test_some_queries_whatever_the_number_of_records(self):
        partners = self.env["res.partner"].create([{"name": f"P{number}"} for number in range(20)])
        for number, partner in enumerate(partners):
            self.link(partner, f"many-{number}")
        self.env.flush_all()
        record_ownership.owned_fields(self.env, "res.partner", self.partner.ids)
        with self.assertQueryCount(2):
            found = record_ownership.owned_fields(self.env, "res.partner", partners.ids)
        self.assertEqual(len(found), 20)

    def test_models_without_flows_cost_nothing(self):
        categories = self.env["res.partner.category"].create([{"name": "A"}, {"name": "B"}])
        categories.mapped("integration_owned")
        categories.invalidate_recordset()
        with self.assertQueryCount(0):
            categories.mapped("integration_owned")

    def test_a_write_is_never_blocked(self):
        self.partner.with_user(self.outsider).email = "new@example.com"
        with Form(self.partner.with_user(self.outsider)) as form:
            form.email = "form@example.com"
        self.assertEqual(self.partner.email, "form@example.com")

    # -- lines ---------------------------------------------------------------------------------------------

    def _line_rule(self, **vals):
        return self.env["integration.field.rule"].create({
            "flow_id": self.flow.id, "kind": "lines", "odoo_path": "child_ids", "external_path": "people",
            "owner": "external", "child_ids": [
                Command.create({"flow_id": self.flow.id, "odoo_path": "function", "external_path": "job", "owner": "odoo"})],
            **vals})

    def test_lines_that_are_linked(self):
        rule = self._line_rule()
        mine, theirs = self.env["res.partner"].create([
            {"name": "Mine", "parent_id": self.partner.id}, {"name": "Theirs", "parent_id": self.partner.id}])
        self.link(theirs, "7/1", line_rule_id=rule.id)
        self.assertEqual(self.policies()["child_ids"], "free", "lines of one's own can be added")
        self.assertTrue(self.owned()["fields"]["child_ids"]["some_lines"])
        self.assertFalse(self.policies(mine))
        self.assertEqual(self.policies(theirs), {"function": "lock"}, "the document's rule decides about its lines")
        self.assertEqual(self.owned(theirs)["sources"][0]["synced_at"], "2026-01-05 09:12:00")
        rule.owner = "odoo"
        self.assertFalse(self.policies(theirs))

    def test_a_list_that_is_replaced_as_a_whole(self):
        self._line_rule(line_id_path=False)
        self.assertEqual(self.policies()["child_ids"], "lock")

    # -- views ---------------------------------------------------------------------------------------------

    def arch(self, model="res.partner", view_type="form", user=None, view=None):
        return etree.fromstring(self.env[model].with_user(user or self.outsider).get_view(
            view.id if view else None, view_type)["arch"])

    def test_every_view_loads_what_is_owned(self):
        for view_type, modifier in (("form", "invisible"), ("list", "column_invisible"), ("kanban", None)):
            arch = self.arch(view_type=view_type)
            nodes = arch.xpath("./field[@name='integration_owned']")
            self.assertEqual(len(nodes), 1, view_type)
            if modifier:
                self.assertIn(nodes[0].get(modifier), ("1", "True"))
        for view_type in ("search", "pivot"):
            self.assertFalse(self.arch(view_type=view_type).xpath("//field[@name='integration_owned']"), view_type)

    def test_views_within_a_form(self):
        view = self.env["ir.ui.view"].create({
            "name": "test", "model": "res.partner.category", "arch":
            "<form><group><field name='partner_ids'><list editable='bottom'><field name='email'/></list>"
            "<form><field name='email'/></form></field></group></form>"})
        arch = self.arch("res.partner.category", view=view)
        self.assertFalse(arch.xpath("./field[@name='integration_owned']"), "no flow, nothing owned")
        self.assertEqual(len(arch.xpath("//field[@name='partner_ids']/list/field[@name='integration_owned']")), 1)
        self.assertEqual(len(arch.xpath("//field[@name='partner_ids']/form/field[@name='integration_owned']")), 1)
        self.flow.action_draft()
        self.assertNotIn("integration_", etree.tostring(self.arch("res.partner.category", view=view), encoding="unicode"))

    def test_only_where_something_can_be_owned(self):
        self.flow.direction = "export"
        for view_type in ("form", "list", "kanban"):
            self.assertFalse(self.arch(view_type=view_type).xpath("//field[@name='integration_owned']"))

    def test_the_fields_are_not_offered_where_there_are_no_flows(self):
        user = self.users["user"]
        ours = {"integration_owned", "integration_state"}
        fields_of = self.env["res.partner.category"].with_user(user).fields_get()
        self.assertFalse(ours & set(fields_of))
        self.assertEqual(ours & set(self.env["res.partner"].with_user(user).fields_get()), {"integration_state"})
        self.assertFalse(ours & set(self.env["res.partner"].with_user(self.outsider).fields_get()))
        for who, expected in ((user, {"integration_state"}), (self.outsider, set())):
            views = self.env["res.partner"].with_user(who).get_views([(False, "search")])
            self.assertEqual(ours & set(views["models"]["res.partner"]["fields"]), expected)

    # -- the state in lists --------------------------------------------------------------------------------

    def found(self, domain, user="user"):
        known = self.partner + self.stranger
        return self.env["res.partner"].with_user(self.users.get(user, self.outsider)).search(
            [("id", "in", known.ids), *domain])

    def test_state_column_and_filters(self):
        self.assertEqual(len(self.arch(view_type="list", user=self.users["user"]).xpath(
            "//field[@name='integration_state'][@optional='hide']")), 1)
        search = self.arch(view_type="search", user=self.users["user"])
        domains = {node.get("name"): node.get("domain") for node in search.xpath("//filter")}
        for name in ("integration_not_synced", "integration_failed", "integration_pending"):
            self.assertIn(name, domains)
        for view_type in ("list", "search"):
            self.assertNotIn("integration_state", etree.tostring(self.arch(view_type=view_type), encoding="unicode"))

    def test_search_by_the_worst_state(self):
        self.assertEqual(self.found([("integration_state", "=", "none")]), self.stranger)
        self.assertEqual(self.found([("integration_state", "=", False)]), self.stranger)
        self.assertEqual(self.found([("integration_state", "!=", "none")]), self.partner)
        self.assertEqual(self.found([("integration_state", "=", "synced")]), self.partner)
        other = self.flow.copy({"connection_id": self.connection.copy({"name": "Two"}).id})
        self.make_sync("failed", flow_id=other.id, connection_id=other.connection_id.id)
        self.assertEqual(self.found([("integration_state", "in", ["failed", "conflict"])]), self.partner)
        self.assertFalse(self.found([("integration_state", "=", "synced")]), "the worst one counts")
        self.assertEqual(
            self.found([("integration_state", "in", ["failed", "none"])]), self.partner + self.stranger)
        for record, state in ((self.partner, "failed"), (self.stranger, "none")):
            self.assertEqual(record.with_user(self.users["user"]).integration_state, state)
            self.assertEqual(record.filtered_domain([("integration_state", "=", state)]), record)

    def test_outsiders_learn_no_state(self):
        self.assertFalse(self.partner.with_user(self.outsider).integration_state)
        self.assertFalse(self.found([("integration_state", "=", "synced")], user="nobody"))

    # -- the panel -----------------------------------------------------------------------------------------

    def test_panel_tells_each_way(self):
        self.sync.write({"last_import_at": "2026-01-05 09:12:00", "last_export_at": False})
        [entry] = self.env["integration.sync"].with_user(self.users["user"]).get_record_status(
            "res.partner", self.partner.id)
        self.assertEqual((entry["last_import_at"], entry["last_export_at"]), ("2026-01-05 09:12:00", ""))
        self.assertEqual((entry["external_id"], entry["external_url"]), ("7", "https://shop.example.com/customers/7"))
