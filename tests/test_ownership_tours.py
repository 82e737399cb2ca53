"""Owned fields where people work: the badge and the lock in a form, in its lines and in a list, and the way to Why Not?"""

from odoo import Command
from odoo.tests import HttpCase, tagged

from .test_record_ownership import OwnershipMixin


@tagged("post_install", "-at_install")
class TestOwnershipTours(OwnershipMixin, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_ownership_data()

    def view(self, arch, view_type):
        return self.env["ir.ui.view"].create({"name": "tour", "model": "res.partner", "type": view_type, "arch": arch})

    def add_rule(self, name):
        self.env["integration.field.rule"].create({
            "flow_id": self.flow.id, "odoo_path": name, "external_path": name, "owner": "external"})

    def test_locked_in_a_form(self):
        """Without any integration rights: who owns what is seen, and a locked field cannot be edited."""
        self.start_tour(f"/odoo/res.partner/{self.partner.id}", "integration_flow_owned_locked", login="screens_outsider")
        self.assertEqual((self.partner.phone, self.partner.email), ("0800 7", "tour@example.com"))

    def test_locked_in_lines_and_lists(self):
        rule = self.env["integration.field.rule"].create({
            "flow_id": self.flow.id, "kind": "lines", "odoo_path": "child_ids", "external_path": "people",
            "owner": "external", "child_ids": [
                Command.create({"flow_id": self.flow.id, "odoo_path": "function", "external_path": "job"})]})
        mine, theirs = self.env["res.partner"].create([
            {"name": "Mine", "parent_id": self.partner.id},
            {"name": "Theirs", "function": "Chief", "parent_id": self.partner.id}])
        self.link(theirs, "7/1", line_rule_id=rule.id)
        form = self.view(
            "<form><sheet><field name='name'/><field name='child_ids'><list editable='bottom'><field name='name'/>"
            "<field name='function'/></list></field></sheet></form>", "form")
        rows = self.view(
            "<list editable='bottom' multi_edit='1'><field name='name'/><field name='email'/></list>", "list")
        cards = self.view(
            "<kanban default_group_by='type'><field name='type'/><templates><t t-name='card'><field name='name'/></t>"
            "</templates></kanban>", "kanban")
        action = self.env["ir.actions.act_window"].create({
            "name": "Tour", "res_model": "res.partner", "path": "tour-partners",
            "domain": [("id", "in", (self.partner + self.stranger).ids)],
            "view_ids": [Command.create({"view_mode": "list", "view_id": rows.id, "sequence": 1}),
                         Command.create({"view_mode": "kanban", "view_id": cards.id, "sequence": 2}),
                         Command.create({"view_mode": "form", "view_id": form.id, "sequence": 3})]})
        self.start_tour(f"/odoo/{action.path}/{self.partner.id}", "integration_flow_owned_line", login="screens_user")
        self.assertEqual((mine.function, theirs.function), ("Clerk", "Chief"))
        self.add_rule("type")
        self.stranger.type = "delivery"
        self.start_tour(f"/odoo/{action.path}", "integration_flow_owned_list", login="screens_user")
        self.assertEqual((self.stranger.email, self.partner.email), ("both@example.com", "tour@example.com"))
        self.assertEqual(self.partner.type, "contact")

    def test_the_right_and_why_not(self):
        self.flow.action_pause()
        self.start_tour(
            f"/odoo/res.partner/{self.partner.id}", "integration_flow_owned_right_and_why_not", login="screens_manager")
        self.assertEqual(self.partner.email, "manager@example.com")
