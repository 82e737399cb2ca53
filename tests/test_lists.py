"""Lists with many rows: nothing is asked row by row, forms read the lines they show, searches find what is named."""

from odoo.tests import TransactionCase, tagged

from odoo.addons.integration_flow.models.run_revert import SHOWN_LINES

from .test_screens import ScreensMixin


@tagged("post_install", "-at_install")
class TestLists(ScreensMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.clerk = cls.users["user"]

    def make_conflicts(self, records):
        return self.env["integration.conflict"].create([{
            "sync_id": self.make_sync("conflict", record).id, "flow_id": self.flow.id, "rule_id": self.flow.rule_ids[0].id,
            "code": "name", "label": "Name", "model": "res.partner", "res_id": record.id,
            "shown": {"odoo": "Here", "external": "There", "agreed": "Then"},
        } for record in records])

    def read_list(self, model, fields, domain, user=None):
        self.env.invalidate_all()
        return self.env[model].with_user(user or self.clerk).web_search_read(
            domain, {name: {} for name in fields}, limit=80)["records"]

    def test_conflicts_of_a_deleted_record_stay_in_the_list(self):
        partners = self.env["res.partner"].create([{"name": f"Conflict {number}"} for number in range(3)])
        rows = self.make_conflicts(partners)
        partners[0].unlink()
        found = self.read_list("integration.conflict", ["odoo_text", "external_text"], [("id", "in", rows.ids)])
        texts = {row["id"]: (row["odoo_text"], row["external_text"]) for row in found}
        # Whether the user might see it cannot be asked any more.
        self.assertEqual(texts, {rows[0].id: ("•••", "•••"), rows[1].id: ("Here", "There"), rows[2].id: ("Here", "There")})

    def test_conflicts_are_read_together(self):
        partners = self.env["res.partner"].create([{"name": f"Conflict {number}"} for number in range(40)])
        rows = self.make_conflicts(partners)
        columns = ["sync_id", "label", "agreed_text", "odoo_text", "external_text", "external_url"]
        self.read_list("integration.conflict", columns, [("id", "in", rows.ids)])  # the caches are warm
        counts = []
        for some in (rows[:2], rows):
            before = self.env.cr.sql_log_count
            self.read_list("integration.conflict", columns, [("id", "in", some.ids)])
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1], "more rows cost more queries")

    def test_runs_are_found_by_their_flow(self):
        runs = self.env["integration.run"].create([
            {"flow_id": self.flow.id, "trigger": "button"},
            {"flow_id": self.flow.copy({"name": "Another"}).id, "trigger": "button"}])
        comparison = self.env["integration.reconciliation"].create({"flow_id": self.flow.id})
        clerk = self.env["integration.run"].with_user(self.clerk)
        self.assertEqual(clerk.search([("id", "in", runs.ids), ("display_name", "ilike", "tour cust")]), runs[0])
        sync = self.make_sync(run_id=runs[0].id)
        self.assertEqual(self.env["integration.sync"].search([("run_id", "ilike", "Tour Cust")]), sync)
        self.assertFalse(self.env["integration.sync"].search([("run_id", "ilike", "no such flow")]))
        self.assertIn(comparison.id, [found[0] for found in comparison.name_search("Tour Customers")])
        self.assertFalse(comparison.name_search("no such flow"))

    def test_forms_read_the_lines_that_they_show(self):
        run = self.env["integration.run"].create({"flow_id": self.flow.id, "trigger": "revert", "state": "done"})
        self.env["integration.revert.line"].create([
            {"run_id": run.id, "flow_id": self.flow.id, "name": f"Line {number}"} for number in range(SHOWN_LINES + 5)])
        comparison = self.env["integration.reconciliation"].create({"flow_id": self.flow.id, "state": "done"})
        self.env["integration.reconciliation.line"].create([{
            "reconciliation_id": comparison.id, "flow_id": self.flow.id, "name": f"Line {number}", "kind": "field",
            "cause": "changed_here"} for number in range(SHOWN_LINES + 5)])
        for record, shown, lines in (
                (run, "shown_revert_line_ids", "revert_line_ids"), (comparison, "shown_line_ids", "line_ids")):
            with self.subTest(record._name):
                record = record.with_user(self.users["manager"])
                self.assertEqual(record[shown], record[lines][:SHOWN_LINES])
                view = record.get_view(view_type="form")["models"][record._name]
                self.assertIn(shown, view)
                self.assertNotIn(lines, view)
