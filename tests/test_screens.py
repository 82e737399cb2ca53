"""The screens: every menu opens for those who see it, the panel stands on the forms it should, and the tours."""

from contextlib import contextmanager

from lxml import etree

from odoo import fields
from odoo.tests import HttpCase, TransactionCase, new_test_user, tagged

from odoo.addons.integration_flow.engine.announcing import insert_test

GROUPS = ("user", "manager", "secrets")
BUTTON = "integration_status_button"
BANNER = "integration_status_banner"
REFUSED = "http://127.0.0.1:9/"  # nothing listens there


class ScreensMixin:
    """A flow of contacts to a system that refuses every connection, and records in it."""

    @classmethod
    def make_screen_data(cls):
        cls.users = {name: new_test_user(
            cls.env, f"screens_{name}", groups=f"integration_flow.group_integration_{name},base.group_partner_manager",
        ) for name in GROUPS}
        cls.outsider = new_test_user(cls.env, "screens_outsider", groups="base.group_user,base.group_partner_manager")
        cls.connection = cls.env["integration.connection"].create({
            "name": "Tour Shop", "base_url": REFUSED, "web_url": "https://shop.example.com", "timeout_connect": 1,
        })
        cls.resource = cls.env["integration.resource"].create({
            "name": "Customers", "code": "customer", "record_url_template": "customers/{id}",
            "operation_ids": [
                fields.Command.create({"kind": "list", "path": "customers"}),
                fields.Command.create({"kind": "create", "path": "customers", "method": "POST"}),
                fields.Command.create({"kind": "update", "path": "customers/{id}", "method": "PUT"}),
            ],
        })
        cls.flow = cls.env["integration.flow"].create({
            "name": "Tour Customers", "connection_id": cls.connection.id, "resource_id": cls.resource.id,
            "model_id": cls.env["ir.model"]._get_id("res.partner"), "direction": "export", "create_in_external": True,
            "timing": "manual", "retry_attempts": 0,
            "rule_ids": [
                fields.Command.create({"odoo_path": "name", "external_path": "name", "required": True}),
                fields.Command.create({"odoo_path": "email", "external_path": "email", "match_key": True}),
            ],
        })
        cls.partner = cls.env["res.partner"].create({"name": "Tour Customer", "email": "tour@example.com"})

    @classmethod
    def make_sync(cls, state="failed", record=None, **vals):
        record = record or cls.partner
        return cls.env["integration.sync"].create({
            "flow_id": cls.flow.id, "connection_id": cls.connection.id, "model": record._name, "res_id": record.id,
            "name": record.display_name, "state": state, "direction": "export",
            **({"error_class": "validation", "error_message": "The shop refuses this e-mail address.",
                "error_hint": "Correct it on the contact.", "attempts": 1} if state == "failed" else {}),
            **vals,
        })


@tagged("post_install", "-at_install")
class TestScreens(ScreensMixin, TransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.flow.action_test_mode()

    # -- menus and views -----------------------------------------------------------------------------------

    def _menus(self, user):
        """Our menus with an action that this user can reach from the root, by their names in the data files."""
        tree = self.env["ir.ui.menu"].with_user(user).load_menus(False)
        reached, todo = [], list(tree["root"]["children"])
        while todo:
            node = tree[todo.pop()]
            reached.append(node["id"])
            todo += node["children"]
        data = self.env["ir.model.data"].search([
            ("module", "=", "integration_flow"), ("model", "=", "ir.ui.menu"), ("res_id", "in", reached)])
        menus = {line.name: self.env["ir.ui.menu"].browse(line.res_id) for line in data}
        return {name: menu for name, menu in menus.items() if menu.action}

    def test_menus_by_group(self):
        seen = {name: set(self._menus(user)) for name, user in self.users.items()}
        self.assertEqual(seen["user"], {
            "menu_overview", "menu_attention", "menu_conflicts", "menu_deletions", "menu_sync", "menu_runs", "menu_guides"})
        self.assertLess(seen["user"], seen["manager"])
        self.assertIn("menu_exchanges", seen["manager"])
        self.assertIn("menu_connections", seen["manager"])
        self.assertEqual(seen["manager"], seen["secrets"])
        self.assertFalse(self._menus(self.outsider))

    def test_every_action_opens(self):
        """For each group: load all views of each menu, and read every field that they show."""
        sync = self.make_sync()
        of_record = {"sync_id": sync.id, "flow_id": self.flow.id, "model": "res.partner", "res_id": self.partner.id}
        self.env["integration.conflict"].create({**of_record, "code": "email", "rule_id": self.flow.rule_ids[0].id})
        self.env["integration.deletion"].create({**of_record, "side": "odoo", "what": "archive"})
        self.env["integration.run"].create({"flow_id": self.flow.id, "trigger": "button"})
        self.env["integration.reconciliation"].create({"flow_id": self.flow.id})
        self.env["integration.bulk.action"].create([
            {"user_id": user.id, "action": "retry", "total": 1} for user in self.users.values()])
        self.env["integration.exchange"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "method": "GET", "url": REFUSED})
        self.env["integration.link"].create({
            "connection_id": self.connection.id, "resource_id": self.resource.id, "external_id": "1",
            "model": "res.partner", "res_id": self.partner.id})
        self.env["integration.value.map"].create({"name": "Codes"})
        self.env["integration.test.case"].create({"flow_id": self.flow.id, "name": "An example"})
        self.connection.copy({"name": "Another system"})  # lists have more than one row
        self.env["integration.issue"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "fingerprint": "x", "message": "Refused."})
        self.connection._alert("silence", "Nothing arrives", "Nothing since yesterday.")
        subscriber = self.env["integration.subscriber"].create({"name": "Robot", "url": "https://robot.example.com/"})
        insert_test(self.env, subscriber, {"message": "Hello"})
        channel = self.env["integration.notice.channel"].create({"name": "#sales"})
        alert = self.env["integration.notice.rule"].create({
            "name": "New contact", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "channel_ids": [(4, channel.id)]})
        self.env["integration.notice"].create({"key": "1", "rule_id": alert.id, "channel_id": channel.id, "title": "Ann"})
        self.env["integration.consumer"].create({"name": "Reader"})
        of_connection = {"connection_id": self.connection.id}
        self.env["integration.webhook.event"].create({**of_connection, "body": b"eA==", "state": "done"})
        self.env["integration.webhook.rejection"].create({**of_connection, "reason": "signature_wrong", "count": 1})
        self.env["integration.file"].create({
            **of_connection, "flow_id": self.flow.id, "direction": "in", "name": "a.csv", "state": "read"})
        for name, user in self.users.items():
            for menu_name, menu in self._menus(user).items():
                if menu_name == "menu_guides":
                    continue  # pages beside the screens, see test_guides.py
                with self.subTest(group=name, menu=menu_name):
                    action = menu.action
                    self.assertTrue(action.path, "every screen has an address of its own")
                    self.assertTrue(action.help, "an empty list says how to begin")
                    self._read_all(user, action.res_model, [*action.views, (False, "search")])

    def _read_all(self, user, model_name, views):
        model = self.env[model_name].with_user(user)
        answer = model.get_views(views)
        for view in answer["views"].values():
            self._known_fields(etree.fromstring(view["arch"]), model_name, answer["models"])
        names = set(answer["models"][model_name]["fields"])
        rows = model.web_search_read([], {name: {} for name in names})
        self.assertTrue(rows["records"], f"{model_name} has a record to show")
        line_models = {"integration.log", "integration.field.rule", "integration.operation"}
        for line_model in line_models & set(answer["models"]):
            self.env[line_model].with_user(user).web_search_read([], {
                name: {} for name in answer["models"][line_model]["fields"]})

    def _known_fields(self, node, model_name, models):
        """Every field that a view names is one that the user's browser knows: else the whole page is an error."""
        for child in node:
            if child.tag != "field":
                self._known_fields(child, model_name, models)
                continue
            name = child.get("name")
            self.assertIn(name, models[model_name]["fields"], model_name)
            below = [line for line in child if line.tag in ("list", "form", "kanban")]
            for view in below:
                self._known_fields(view, models[model_name]["fields"][name]["relation"], models)

    def test_opening_a_rule_and_a_log_line(self):
        for model_name in ("integration.field.rule", "integration.operation"):
            for user in self.users.values():
                with self.subTest(model=model_name, user=user.login):
                    self._read_all(user, model_name, [(False, "form")])

    def test_lists_of_the_queue_offer_no_new_records(self):
        for model_name in ("integration.sync", "integration.run", "integration.exchange"):
            arch = etree.fromstring(self.env[model_name].get_view(view_type="list")["arch"])
            self.assertIn(arch.get("create"), ("0", "false", "False"), model_name)

    def test_secrets_are_for_the_secrets_group(self):
        for name, expected in (("user", False), ("manager", False), ("secrets", True)):
            arch = self.env["integration.connection"].with_user(self.users[name]).get_view(view_type="form")["arch"]
            self.assertEqual("auth_secret_input" in arch, expected, name)

    def test_readiness_says_what_is_missing(self):
        self.assertFalse(self.flow.readiness)
        self.flow.rule_ids.unlink()
        self.flow.invalidate_recordset()
        self.assertIn("No field rule yet", self.flow.readiness)

    def test_recent_changes_carry_readable_names(self):
        sync = self.make_sync("synced")
        self.env["integration.log"].create([
            {"sync_id": sync.id, "flow_id": self.flow.id, "outcome": "updated", "direction": "export",
             "create_date": fields.Datetime.now(), "changes": {"email": [None, "tour@example.com"]}},
            {"sync_id": sync.id, "flow_id": self.flow.id, "outcome": "queued", "create_date": fields.Datetime.now()},
        ])
        [entry] = sync.recent_changes
        self.assertEqual(entry["changes"], {"email": [None, "tour@example.com"]})
        self.assertEqual(entry["labels"]["email"], "Email")
        self.assertEqual((entry["outcome"], entry["direction"]), ("Updated", "Export"))

    def test_retry_of_several_connections_at_once(self):
        other = self.connection.copy({"name": "Second Shop"})
        second = self.env["res.partner"].create({"name": "Second Customer"})
        flow = self.flow.copy({"connection_id": other.id, "state": "test"})
        syncs = self.make_sync() + self.make_sync(record=second, flow_id=flow.id, connection_id=other.id)
        with self.enter_registry_test_mode():
            answer = syncs.with_user(self.users["user"]).action_retry()
        self.assertEqual(answer["params"]["type"], "danger")
        self.assertIn("Tour Customer", answer["params"]["message"])
        self.assertIn("Second Customer", answer["params"]["message"])
        self.assertEqual(set(syncs.mapped("error_class")), {"connection"})

    # -- the panel on business records ---------------------------------------------------------------------

    def _widgets(self, user, model_name="res.partner", **options):
        """How often each of the two widgets stands in the form as this user gets it, outside sub-views."""
        arch = etree.fromstring(self.env[model_name].with_user(user).get_view(view_type="form", **options)["arch"])
        return tuple(len(arch.xpath(f".//widget[@name='{name}']")) for name in (BUTTON, BANNER))

    def test_panel_for_members_only(self):
        """Views are cached for all users: whoever comes first must not decide what the next one gets."""
        for _again in range(2):
            self.assertEqual(self._widgets(self.users["user"]), (1, 1))
            self.assertEqual(self._widgets(self.outsider), (0, 0))
        self.env.registry.clear_cache("templates")
        self.assertEqual(self._widgets(self.outsider), (0, 0))
        self.assertEqual(self._widgets(self.users["manager"]), (1, 1))

    def test_panel_for_models_with_a_flow_only(self):
        self.assertEqual(self._widgets(self.users["user"], "res.partner.category"), (0, 0))
        partners = self.env["res.partner"].with_user(self.users["user"])
        self.assertNotIn(BUTTON, partners.get_view(view_type="list")["arch"], "forms only")

    def test_panel_follows_the_flow(self):
        user = self.users["user"]
        self.flow.action_draft()
        self.assertEqual(self._widgets(user), (0, 0), "a draft shows nothing yet")
        self.flow.action_test_mode()
        self.assertEqual(self._widgets(user), (1, 1))
        self.flow.action_pause()
        self.assertEqual(self._widgets(user), (1, 1), "a paused flow still has its failures")
        self.flow.active = False
        self.assertEqual(self._widgets(user), (0, 0))

    @contextmanager
    def _form(self, arch):
        view = self.env["ir.ui.view"].create({"name": "test", "model": "res.partner", "arch": arch})
        yield etree.fromstring(self.env["res.partner"].with_user(self.users["user"]).get_view(view.id, "form")["arch"])

    def test_panel_in_a_form_without_button_box(self):
        with self._form("<form><header/><sheet><field name='name'/></sheet></form>") as arch:
            self.assertEqual([child.get("name") or child.tag for child in arch], ["header", BANNER, "sheet"])
            box = arch.find("sheet")[0]
            self.assertEqual((box.get("name"), box[0].get("name")), ("button_box", BUTTON))

    def test_panel_in_a_form_without_sheet(self):
        with self._form("<form><header/><field name='name'/></form>") as arch:
            names = [child.get("name") or child.tag for child in arch]
            self.assertEqual(names[:4], ["header", BANNER, "button_box", "name"])
        with self._form("<form><field name='name'/></form>") as arch:
            self.assertEqual([child.get("name") for child in arch][:3], [BANNER, "button_box", "name"])

    def test_panel_leaves_subviews_alone(self):
        with self._form("""<form><field name='child_ids'><form><sheet><div name='button_box' class='oe_button_box'/>
                           <field name='name'/></sheet></form></field></form>""") as arch:
            self.assertFalse(arch.xpath(f".//field//widget[@name='{BUTTON}' or @name='{BANNER}']"))
            self.assertEqual(len(arch.xpath(f".//widget[@name='{BUTTON}']")), 1)

    def test_panel_costs_other_models_nothing(self):
        model = self.env["res.partner.category"].with_user(self.users["user"])
        model._get_view_cache_key(view_type="form")
        with self.assertQueryCount(0):
            model._get_view_cache_key(view_type="form")

    def test_record_status(self):
        self.make_sync()
        status = self.env["integration.sync"].with_user(self.users["user"]).get_record_status(
            "res.partner", self.partner.id)
        self.assertEqual([(entry["state"], entry["flow"], entry["can_retry"]) for entry in status],
                         [("failed", "Tour Customers", True)])
        self.assertEqual(status[0]["hint"], "Correct it on the contact.")
        self.assertEqual(self.env["integration.sync"].with_user(self.outsider).get_record_status(
            "res.partner", self.partner.id), [])


@tagged("post_install", "-at_install")
class TestTours(ScreensMixin, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.flow.action_test_mode()

    def test_retry_from_the_list(self):
        """A failed record is seen in the list, its reason is read, and Retry shows the new error at once."""
        sync = self.make_sync()
        self.start_tour("/odoo/integration-records", "integration_flow_retry_from_list", login="screens_user")
        sync.invalidate_recordset()
        self.assertEqual((sync.state, sync.error_class), ("failed", "connection"))
        self.assertIn("failed", sync.log_ids.mapped("outcome"))

    def test_retry_from_the_banner(self):
        sync = self.make_sync()
        self.start_tour(
            f"/odoo/res.partner/{self.partner.id}", "integration_flow_retry_from_banner", login="screens_user")
        sync.invalidate_recordset()
        self.assertEqual(sync.error_class, "connection")
        self.assertEqual(self.partner.phone, "0800 1", "what was typed is saved before the record is tried again")

    def test_overview_banner(self):
        self.connection._alert("credentials", "Credentials refused", "Enter new ones.")
        self.start_tour("/odoo/integrations", "integration_flow_overview_banner", login="screens_user")

    def test_first_flow(self):
        """An administrator makes a connection, a resource and a flow by the screens alone."""
        self.start_tour("/odoo/integration-connections", "integration_flow_first_flow", login="admin")
        flow = self.env["integration.flow"].search([("name", "=", "My First Flow")])
        self.assertEqual(flow.connection_id.base_url, "http://127.0.0.1:9/api")
        self.assertEqual(flow.resource_id.operation_ids.mapped("path"), ["contacts"])
        self.assertEqual(flow.model_name, "res.partner")
        self.assertEqual([(rule.odoo_path, rule.external_path, rule.owner) for rule in flow.rule_ids],
                         [("email", "email", "external")])
        self.assertEqual(flow.state, "test")
