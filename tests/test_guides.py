"""The guides inside Odoo: who reads them, that nothing else can be asked for, and that every help leads to a real place."""

from lxml import html

from odoo.tests import HttpCase, TransactionCase, new_test_user, tagged

from odoo.addons.integration_flow.controllers.guides import DOCS, known
from odoo.addons.integration_flow.core import guide_pages, guides
from odoo.addons.integration_flow.models.guided import GUIDES, PAGES

from .test_screens import ScreensMixin


def exists(page):
    """Whether the guides have this page, with this heading."""
    name, _hash, anchor = page.partition("#")
    if name not in known():
        return False
    headings = guides.read(known()[name].read_text(), name, known()).headings
    return not anchor or anchor in [heading.anchor for heading in headings]


@tagged("post_install", "-at_install")
class TestGuideLinks(ScreensMixin, TransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()

    def test_every_place_that_is_named_exists(self):
        self.assertFalse(exists("user-guide.md#no-such-heading"))
        self.assertEqual([page for page in {*PAGES.values(), *guide_pages.pages()} if not exists(page)], [])

    def test_each_menu_leads_to_its_page(self):
        """Of every menu with a list: its help ends with the link of the table."""
        menus = self.env["ir.ui.menu"].search([("id", "child_of", self.env.ref("integration_flow.menu_root").id)])
        seen = {}
        for menu in menus.filtered(lambda menu: menu.action and menu.action._name == "ir.actions.act_window"):
            action = menu.action
            if action.res_model.startswith("integration."):
                shown = action.read(["help", "res_model", "context"])[0]["help"]
                found = html.fromstring(f"<div>{shown}</div>").xpath(f"//a[starts-with(@href, '{GUIDES}')]/@href")
                self.assertEqual(len(found), 1, menu.complete_name)
                seen[menu.complete_name] = found[0]
        self.assertGreater(len(seen), 20)
        self.assertIn("in-the-morning", seen["Integrations/Overview"])
        self.assertIn("from-an-empty-database", seen["Integrations/Configuration/Flows"])
        self.assertNotIn("integration/docs", self.env["res.partner"].get_empty_list_help("") or "")

    def test_a_failure_leads_to_its_page(self):
        user = self.users["user"]
        sync = self.make_sync(error_class="validation", error_code="rejected").with_user(user)
        self.assertEqual(sync.action_open_guide()["url"], GUIDES + guide_pages.MESSAGES)
        sync.sudo().write({"state": "conflict", "error_code": "conflict"})
        self.assertIn("#a-conflict-choose", sync.action_open_guide()["url"])
        issue = self.env["integration.issue"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "fingerprint": "x", "message": "Refused.",
            "error_class": "authentication"}).with_user(user)
        self.assertIn("#when-something-is-wrong", issue.action_open_guide()["url"])

    def test_from_a_test_case_back_to_its_flow(self):
        case = self.env["integration.test.case"].create({"flow_id": self.flow.id, "name": "An example"})
        action = case.with_user(self.users["manager"]).action_open_flow()
        self.assertEqual((action["res_model"], action["res_id"]), ("integration.flow", self.flow.id))


@tagged("post_install", "-at_install")
class TestGuidePages(HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        new_test_user(cls.env, "guide_reader", groups="base.group_user")
        new_test_user(cls.env, "guide_portal", groups="base.group_portal")

    def get(self, path):
        return self.url_open(f"/integration/docs{path}", allow_redirects=False)

    def test_pages_pictures_and_links(self):
        self.authenticate("guide_reader", "guide_reader")
        answer = self.get("")
        self.assertEqual(answer.status_code, 303)
        self.assertTrue(answer.headers["Location"].endswith("/integration/docs/README.md"))
        page = html.fromstring(self.get("/user-guide.md").content)
        self.assertEqual(page.findtext(".//title"), "User guide")
        self.assertTrue(page.xpath("//nav//a[@href='#what-needs-you']"))
        pictures = page.xpath("//main//img/@src")
        self.assertTrue(pictures)
        for source in pictures:
            answer = self.get(f"/{source}")
            self.assertEqual((answer.status_code, answer.headers["Content-Type"]), (200, "image/png"), source)
            self.assertEqual(answer.content[:4], b"\x89PNG")
        concept = html.fromstring(self.get("/concepts/README.md").content)
        self.assertIn("../user-guide.md", concept.xpath("//main//a/@href"))

    def test_nothing_runs_in_a_page(self):
        self.authenticate("guide_reader", "guide_reader")
        answer = self.get("/administrator-guide.md")
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertNotIn("<script", answer.text)

    def test_only_guides_can_be_asked_for(self):
        self.authenticate("guide_reader", "guide_reader")
        self.assertTrue((DOCS.parent / "README.md").exists())
        for path in ("/../README.md", "/%2e%2e/README.md", "/..%2fREADME.md", "/images/..%2f..%2f__manifest__.py",
                     "/concepts/../../__manifest__.py", "//etc/passwd", "/%2fetc%2fpasswd", "/user-guide", "/no.md",
                     "/patterns/shipping_tracking.json", "/images"):
            with self.subTest(path):
                self.assertEqual(self.url_open(f"/integration/docs{path}").status_code, 404)

    def test_who_reads(self):
        self.assertIn("/web/login", self.get("/user-guide.md").headers.get("Location", ""))
        self.authenticate("guide_portal", "guide_portal")
        self.assertEqual(self.get("/user-guide.md").status_code, 404)
        self.assertEqual(self.get("/images/overview.png").status_code, 404)
