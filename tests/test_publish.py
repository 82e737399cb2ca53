"""Documents of publish flows: what is computed, when, and what consumers are told by it."""

import json
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.core import published_documents
from odoo.addons.integration_flow.engine import publishing

from .publish_common import RULES, PublishCase

MANAGER = "integration_flow.group_integration_manager"
USER = "integration_flow.group_integration_user"


@tagged("post_install", "-at_install")
class TestDocuments(PublishCase):
    def test_documents_follow_their_records(self):
        flow = self.publish()
        ann, bob = self.partner("Ann"), self.partner("Bob")
        self.refresh()
        self.assertEqual(self.documents(flow), {
            "X-Ann": {"ref": "X-Ann", "name": "Ann", "address": {"city": None}},
            "X-Bob": {"ref": "X-Bob", "name": "Bob", "address": {"city": None}}})
        before = self.changes(flow)
        ann.city = "Ghent"
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["address"], {"city": "Ghent"})
        after = self.changes(flow)
        self.assertGreater(after["X-Ann"], max(before.values()))
        self.assertEqual(after["X-Bob"], before["X-Bob"], "what has not changed keeps its number")
        bob.phone = "12345"  # not published
        bob.name = "Bob"  # written, and the same
        self.refresh()
        self.assertEqual(self.changes(flow), after)

    def test_only_what_was_captured_is_computed(self):
        """The cost is that of what has changed: the records of other documents are not even read."""
        self.publish()
        partners = self.env["res.partner"].create([{"name": f"P{n}", "ref": f"X-{n}"} for n in range(30)])
        self.refresh()
        partners[3].name = "New"
        seen = []
        original = publishing._Batch._compute_some
        self.patch(publishing._Batch, "_compute_some", lambda batch, ids: (seen.append(ids), original(batch, ids)))
        self.refresh()
        self.assertEqual(seen, [[partners[3].id]])

    def test_related_records_count(self):
        """What a rule reaches through a relation counts: the related record changes, or another one takes its place."""
        flow = self.publish([*RULES, {"odoo_path": "parent_id.name", "external_path": "company"}])
        company, other = self.env["res.partner"].create([{"name": "Acme"}, {"name": "Other"}])
        ann = self.partner("Ann", parent_id=company.id)
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["company"], "Acme")
        company.name = "Acme Ltd"
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["company"], "Acme Ltd")
        ann.parent_id = other
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["company"], "Other")

    def test_lines(self):
        flow = self.publish([*RULES, {"kind": "lines", "odoo_path": "child_ids", "external_path": "people", "children": [
            ("name", "name"), ("create_date", "since", {"transform": "datetime"})]}])
        ann = self.partner("Ann")
        self.env["res.partner"].create({"name": "Kid", "parent_id": ann.id})
        self.refresh()
        (person,) = self.documents(flow)["X-Ann"]["people"]
        self.assertEqual(person["name"], "Kid")
        self.assertRegex(person["since"], r"^\d{4}-\d\d-\d\dT.*Z$")
        ann.child_ids.name = "Child"
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["people"][0]["name"], "Child")
        ann.child_ids.unlink()
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["people"], [])

    def test_what_leaves_becomes_a_removal(self):
        """Deleted, archived, out of the filter, under another key: the key is told as gone, with a number of its own."""
        flow = self.publish()
        gone, archived, left, renamed = (self.partner(name) for name in ("Gone", "Archived", "Left", "Renamed"))
        self.refresh()
        top = max(self.changes(flow).values())
        gone.unlink()
        archived.active = False
        left.ref = "Y-Left"
        renamed.ref = "X-New"
        self.refresh()
        self.assertEqual(set(self.documents(flow)), {"X-New"})
        removed = {row.key: row.change_number for row in self.rows(flow, state="gone")}
        self.assertEqual(set(removed), {"X-Gone", "X-Archived", "X-Left", "X-Renamed"})
        self.assertTrue(all(number > top for number in removed.values()))
        self.assertEqual(len({*self.changes(flow).values()}), 5)
        archived.active = True
        self.refresh()
        self.assertIn("X-Archived", self.documents(flow))
        self.assertGreater(self.changes(flow)["X-Archived"], max(removed.values()))

    def test_records_that_cannot_be_published(self):
        """No key, the key of another, a rule that fails: each is listed with the reason, and comes when it is put right."""
        flow = self.publish([*RULES[1:], {"odoo_path": "vat", "external_path": "vat", "match_key": True}],
                            domain="[('ref', '=like', 'X%')]")
        blank, first, second = self.partner("Blank"), self.partner("First", vat="1"), self.partner("Second", vat="1")
        self.refresh()
        self.assertEqual({key: document["name"] for key, document in self.documents(flow).items()}, {"1": "First"})
        problems = self.problems(flow)
        self.assertEqual(set(problems), {blank.id, second.id})
        self.assertIn(str(first.id), problems[second.id])
        self.assertEqual(flow.document_error_count, 2)
        first.vat = "2"
        self.refresh()
        self.assertEqual({key: document["name"] for key, document in self.documents(flow).items()},
                         {"1": "Second", "2": "First"}, "the key is free again")
        self.assertEqual(set(self.problems(flow)), {blank.id})
        blank.vat = "3"
        self.refresh()
        self.assertFalse(self.problems(flow))
        first.vat, second.vat = "1", "2"
        self.refresh()
        self.assertEqual({key: document["name"] for key, document in self.documents(flow).items()},
                         {"1": "First", "2": "Second", "3": "Blank"}, "two records may exchange their keys")

    def test_a_document_that_cannot_be_computed_stays(self):
        value_map = self.env["integration.value.map"].create({"name": "Cities", "code": "cities"})
        self.env["integration.value.map.line"].create({
            "map_id": value_map.id, "external_value": "GH", "odoo_value": "Ghent"})
        flow = self.publish([*RULES[:2], {
            "odoo_path": "city", "external_path": "city", "transform": "value_map", "value_map_id": value_map.id}])
        ann, bob = self.partner("Ann", city="Ghent"), self.partner("Bob")
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["city"], "GH")
        ann.city = "Nowhere"
        bob.name = "Robert"
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["city"], "GH", "the last good document is still read")
        self.assertEqual(self.documents(flow)["X-Bob"]["name"], "Robert", "others are not kept from it")
        self.assertIn("Nowhere", self.problems(flow)[ann.id])
        self.env["integration.value.map.line"].create({
            "map_id": value_map.id, "external_value": "NO", "odoo_value": "Nowhere"})
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["city"], "NO", "the map was completed")
        self.assertFalse(self.problems(flow))

    def test_rules_that_change(self):
        """Changed rules make all documents anew, in the background; those that come out the same keep their number."""
        flow = self.publish()
        self.partner("Ann", city="Ghent"), self.partner("Bob")
        self.refresh()
        before = self.changes(flow)
        flow.rule_ids.filtered(lambda rule: rule.odoo_path == "city").blank_as = "omit"
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Bob"], {"ref": "X-Bob", "name": "Bob"})
        self.assertEqual(self.changes(flow)["X-Ann"], before["X-Ann"])
        self.assertGreater(self.changes(flow)["X-Bob"], max(before.values()))

    def test_a_pause_forgets_nothing_and_draft_looks_at_everything(self):
        flow = self.publish()
        ann = self.partner("Ann")
        self.refresh()
        flow.action_pause()
        ann.name = "Anna"
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["name"], "Ann")
        flow.action_resume()
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["name"], "Anna")
        flow.action_draft()
        self.env.flush_all()
        ann.name = "Anne"
        self.refresh()
        flow.action_go_live()
        self.refresh()
        self.assertEqual(self.documents(flow)["X-Ann"]["name"], "Anne")

    def test_everything_by_pages(self):
        """A full computation goes by pages of keys over several transactions, and finds what has left unseen."""
        self.patch(publishing, "BATCH", 7)
        flow = self.publish()
        partners = self.env["res.partner"].create([{"name": f"P{n:02}", "ref": f"X-{n:02}"} for n in range(30)])
        self.refresh()
        self.assertEqual(len(self.documents(flow)), 30)
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_partner SET active = false WHERE id = %s", [partners[11].id])  # nobody captures it
        self.env.cr.execute("UPDATE res_partner SET name = 'Changed' WHERE id = %s", [partners[20].id])
        self.env.invalidate_all()
        flow.action_refresh_all()
        self.refresh()
        self.assertNotIn("X-11", self.documents(flow))
        self.assertEqual(self.documents(flow)["X-20"]["name"], "Changed")
        state = self.env["integration.document.state"].search([("flow_id", "=", flow.id)])
        self.assertEqual(state.last_change, 32)

    def test_removals_are_forgotten(self):
        flow = self.publish(publish_tombstone_days=5)
        ann = self.partner("Ann")
        self.refresh()
        ann.unlink()
        self.refresh()
        number = self.changes(flow)["X-Ann"]
        self.env.cr.execute(
            "UPDATE integration_document SET changed_at = changed_at - interval '6 days' WHERE flow_id = %s", [flow.id])
        flow._refresh_all()
        self.refresh()
        self.assertFalse(self.rows(flow))
        state = self.env["integration.document.state"].search([("flow_id", "=", flow.id)])
        self.assertEqual((state.horizon, state.last_change), (number, number))

    def test_a_computation_that_fails_is_shown(self):
        """It keeps no other publication from being computed, and the form says so until it works again."""
        flow, other = self.publish(), self.publish(publish_code="others", name="Others")
        self.partner("Ann")
        original = publishing._Batch.run

        def run(batch):
            if batch.flow.id == flow.id:
                raise ZeroDivisionError("the reason")
            return original(batch)

        self.refresh()
        with patch.object(publishing._Batch, "run", run), mute_logger("odoo.addons.integration_flow.engine.publishing"):
            self.partner("Bob")
            self.refresh()
        self.assertEqual((set(self.documents(flow)), set(self.documents(other))), ({"X-Ann"}, {"X-Ann", "X-Bob"}))
        self.assertTrue(flow.publish_problem)
        self.assertFalse(other.publish_problem)
        self.refresh()
        self.assertEqual(set(self.documents(flow)), {"X-Ann", "X-Bob"})
        self.assertFalse(flow.publish_problem)
        self.env.ref("integration_flow.ir_cron_publish").active = False
        flow.invalidate_recordset()
        self.assertIn("Activate it", flow.publish_problem)

    def test_an_idle_look_costs_one_question(self):
        """Woken by a change of somebody else's, the worker does not even load publications that are not concerned."""
        self.publish()
        self.partner("Ann")
        self.refresh()
        with patch.object(publishing, "refresh") as refresh:
            self.refresh()
        refresh.assert_not_called()

    def test_what_the_rules_of_a_publication_are_checked_for(self):
        flow = self.publish(live=False)
        self.assertFalse(flow._problems())
        key, name, _city = flow.rule_ids
        for vals, piece in (
                ({"match_key": False}, "match key"), ({"external_path": "a[].b"}, "a[].b"), ({"kind": "relation"}, "fields"),
                ({"external_path": "since", "publish_filter": True}, "since"), ({"external_path": False}, "name")):
            with self.subTest(vals=vals):
                before = {field: key[field] for field in vals}
                key.write(vals)
                self.assertIn(piece, " ".join(flow._problems()))
                with self.assertRaises(UserError):
                    flow.action_go_live()
                key.write(before)
        name.match_key = True
        self.assertIn("match key", " ".join(flow._problems()))
        for vals in ({"publish_code": "No Spaces"}, {"company_id": False}):
            with self.subTest(vals=vals), self.assertRaises(ValidationError):
                flow.write(vals)
        with self.assertRaises(UserError):
            flow.direction = "export"
        self.assertEqual(set(flow.rule_ids.mapped("owner")), {"odoo"})

    def test_a_publication_leaves_other_screens_alone(self):
        """It has no sync records, shows no panel on records and starts no exchange."""
        self.publish()
        ann = self.partner("Ann")
        self.refresh()
        self.assertNotIn("res.partner", self.env["base"]._integration_models())
        self.assertFalse(self.env["integration.sync"].search([("res_id", "=", ann.id), ("model", "=", "res.partner")]))
        with self.assertRaises(UserError):
            self.env["integration.flow"].search([("publish_code", "=", "contacts")]).action_sync_now()


@tagged("post_install", "-at_install")
class TestRights(PublishCase):
    def setUp(self):
        super().setUp()
        self.flow = self.publish()
        self.consumer = self.consume(self.flow)
        self.manager = self.make_user("publish_manager", MANAGER)
        self.user = self.make_user("publish_user", USER)

    def test_a_user_looks_and_changes_nothing(self):
        consumer, flow = self.consumer.with_user(self.user), self.flow.with_user(self.user)
        self.assertEqual(consumer.flow_ids, flow)
        self.token(self.consumer)
        self.assertEqual(consumer.token_ids.mapped("state"), ["valid"])
        for call in (lambda: consumer.write({"name": "x"}), consumer.token_ids.action_revoke, flow.action_refresh_all,
                     lambda: consumer.token_ids.read(["digest"])):
            with self.assertRaises(AccessError):
                call()

    def test_a_manager_switches_off_but_opens_nothing(self):
        consumer = self.consumer.with_user(self.manager)
        text = self.token(self.consumer)
        consumer.contact = "ops@example.com"
        for vals in ({"flow_ids": [(6, 0, [])]}, {"rate_limit": 0}, {"company_id": self.env.company.id}):
            with self.assertRaises(AccessError):
                consumer.write(vals)
        with self.assertRaises(AccessError):
            self.flow.with_user(self.manager).consumer_ids = [(4, consumer.id)]
        with self.assertRaises(AccessError):
            self.env["integration.consumer.filter"].with_user(self.manager).create(
                {"consumer_id": consumer.id, "name": "name", "values": "Ann"})
        with self.assertRaises(AccessError):
            self.env["integration.consumer.token"].with_user(self.manager)._make(consumer, "x")
        with self.assertRaises(AccessError):
            self.env["integration.consumer.token"].with_user(self.manager).create(
                {"consumer_id": consumer.id, "name": "x", "digest": "0" * 64})
        with self.assertRaises(AccessError):
            self.env["integration.consumer"].with_user(self.manager).create(
                {"name": "Mine", "flow_ids": [(4, self.flow.id)]})
        consumer.token_ids.action_revoke()
        self.assertEqual(consumer.token_ids.revoked_by_id, self.manager)
        with self.assertRaises(KeyError):
            self.env["integration.consumer.token"]._access(self.digest(text))
        consumer.active = False
        with self.assertRaises(AccessError):
            consumer.active = True

    def test_the_token_is_kept_nowhere(self):
        wizard = self.env["integration.consumer.token.new"].create({"consumer_id": self.consumer.id, "name": "Till"})
        answer = wizard.action_make()
        text = answer["params"]["message"]
        self.assertTrue(answer["params"]["sticky"])
        self.assertRegex(text, r"^ifp_[\w-]{43}$")
        self.env.flush_all()
        token = self.consumer.token_ids
        self.assertEqual(token.sudo()._access(self.digest(text)).token_id, token.id)
        self.env.cr.execute("SELECT to_jsonb(t)::text FROM integration_consumer_token t WHERE id = %s", [token.id])
        self.assertNotIn(text[8:], self.env.cr.fetchone()[0])
        self.env.cr.execute("SELECT count(*) FROM mail_message WHERE body LIKE %s", [f"%{text[8:]}%"])
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_companies_stay_apart(self):
        other = self.env["res.company"].create({"name": "Other Company"})
        with self.assertRaises(ValidationError):
            self.consumer.company_id = other
        with self.assertRaises(ValidationError):
            self.env["integration.consumer"].create(
                {"name": "Foreign", "company_id": other.id, "flow_ids": [(4, self.flow.id)]})
        stranger = self.make_user("publish_stranger", MANAGER, company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.partner("Ann")
        self.refresh()
        for model in ("integration.consumer", "integration.document"):
            self.assertTrue(self.env[model].with_user(self.manager).search([]))
            self.assertFalse(self.env[model].with_user(stranger).search([]))

    def test_a_copied_database_opens_nothing(self):
        text = self.token(self.consumer)
        self.env.flush_all()
        for query in get_neutralization_queries(["integration_flow"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")
        with self.assertRaises(KeyError):
            self.env["integration.consumer.token"]._access(self.digest(text))


@tagged("post_install", "-at_install")
class TestBlueprint(PublishCase):
    DATA = {
        "format": 1, "name": "Contacts", "publications": [{
            "code": "contacts", "name": "Contacts", "model": "res.partner", "domain": [["ref", "=like", "X%"]],
            "page_size": 50, "rules": [
                {"odoo_path": "ref", "external_path": "ref", "match_key": True},
                {"odoo_path": "city", "external_path": "city", "publish_filter": True}]}],
    }

    def test_a_publication_from_a_file(self):
        flow = self.env["integration.blueprint"]._apply(self.DATA)["contacts"]
        self.assertEqual((flow.direction, flow.publish_code, flow.publish_page_size, flow.state),
                         ("publish", "contacts", 50, "draft"))
        self.assertEqual(flow.rule_ids.mapped("publish_filter"), [False, True])
        flow.action_go_live()
        self.partner("Ann", city="Ghent")
        self.refresh()
        self.assertEqual(self.documents(flow), {"X-Ann": {"ref": "X-Ann", "city": "Ghent"}})
        again = json.loads(json.dumps(self.DATA))
        again["publications"][0]["rules"].pop()
        self.assertEqual(self.env["integration.blueprint"]._apply(again)["contacts"], flow)
        self.assertEqual(flow.rule_ids.mapped("odoo_path"), ["ref"])

    def test_a_wrong_file(self):
        data = json.loads(json.dumps(self.DATA))
        data["publications"][0]["page_sizes"] = 5
        with self.refuses(UserError, "publications/0"):
            self.env["integration.blueprint"]._apply(data)


@tagged("post_install", "-at_install")
class TestDump(PublishCase):
    def test_values_of_odoo_fields(self):
        """Days, moments, files and relations come out as JSON, by the rule alone."""
        flow = self.publish([RULES[0], *(
            {"odoo_path": name, "external_path": name} for name in (
                "create_date", "parent_id", "category_id", "active", "partner_latitude", "color", "comment"))])
        tag = self.env["res.partner.category"].create({"name": "Good"})
        company = self.env["res.partner"].create({"name": "Acme"})
        ann = self.partner("Ann", parent_id=company.id, category_id=[(4, tag.id)], color=3)
        self.refresh()
        document = self.documents(flow)["X-Ann"]
        self.assertEqual(
            {name: document[name] for name in ("parent_id", "category_id", "active", "color", "comment")},
            {"parent_id": "Acme", "category_id": ["Good"], "active": True, "color": 3, "comment": None})
        self.assertEqual(document["create_date"], ann.create_date.isoformat(timespec="seconds") + "Z")
        self.assertEqual(published_documents.dump({"a": b"QQ=="}), '{"a":"QQ=="}')
