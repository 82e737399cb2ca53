"""Why Not? A record that passes every gate, and for each gate one that stops exactly there."""

from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.integration_flow.engine import why_not

from .test_screens import ScreensMixin


@tagged("post_install", "-at_install")
class TestWhyNot(ScreensMixin, TransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.flow.write({
            "direction": "both", "timing": "live", "rule_ids": [Command.clear()] + [Command.create(vals) for vals in (
                {"odoo_path": "name", "external_path": "name", "owner": "external"},
                {"odoo_path": "email", "external_path": "email", "owner": "odoo"},
            )]})
        cls.flow.action_test_mode()
        cls.env["integration.link"].create({
            "connection_id": cls.connection.id, "resource_id": cls.resource.id, "external_id": "7",
            "model": "res.partner", "res_id": cls.partner.id})
        # Both sides agreed on another e-mail: Odoo has changed it since.
        cls.sync = cls.make_sync(
            "synced", external_id="7", last_synced_at="2026-01-05 09:12:00", agreed={
                "name": {"o": "Tour Customer", "e": "Tour Customer"},
                "email": {"o": "old@example.com", "e": "old@example.com"}})
        cls.env.cr.execute("DELETE FROM integration_capture")  # what making these records has left

    def setUp(self):
        super().setUp()
        self.now = fields.Datetime.now()

    def verdict(self, record=None, **named):
        if not named:
            named = {"res_id": (record if record is not None else self.partner).id}
        return why_not.evaluate(self.flow.sudo(), now=self.now, **named)

    def stops(self, code, *pieces, record=None, **named):
        """It stops at this gate and no other, and a person reads why and what to do."""
        verdict = self.verdict(record, **named)
        stopped = {gate.code: f"{gate.text} {gate.todo}" for gate in verdict.gates if gate.ok is False}
        self.assertEqual(set(stopped), {code}, stopped)
        self.assertEqual(verdict.stops_at, code)
        for piece in pieces:
            self.assertIn(piece, stopped[code])
        return verdict

    def unlinked(self, **vals):
        """A contact that was captured just now and that the other system does not know."""
        record = self.env["res.partner"].create({"name": "Unlinked", "email": "unlinked@example.com", **vals})
        self.env.cr.flush()
        self.env.cr.precommit.run()
        return record

    # -- nothing stands in the way -------------------------------------------------------------------------

    def test_everything_passes(self):
        for named in ({"res_id": self.partner.id}, {"external_id": "7"}):
            verdict = self.verdict(**named)
            self.assertIsNone(verdict.stops_at, verdict)
            self.assertIn("Nothing stands in its way", verdict.summary)
            self.assertTrue(all(gate.ok for gate in verdict.gates))
            changed = next(gate for gate in verdict.gates if gate.code == "changed")
            self.assertIn("Email", changed.text)

    def test_a_new_contact_passes(self):
        verdict = self.verdict(self.unlinked())
        self.assertIsNone(verdict.stops_at, verdict)

    # -- one gate after the other --------------------------------------------------------------------------

    def test_flow(self):
        self.flow.action_pause()
        self.stops("flow", "paused", "Resume")
        self.flow.action_draft()
        self.stops("flow", "draft", "Test or Live")
        self.flow.active = False
        self.stops("flow", "archived")

    def test_connection(self):
        self.connection.action_pause()
        self.stops("connection", "Paused by", "Resume the connection")
        self.connection._pause_for_credentials("401")
        self.connection.action_resume()
        self.connection._pause_for_credentials("Refused: 401")
        self.stops("connection", "Refused: 401", "new credentials")
        self.connection.write({"paused": False, "pause_cause": False, "retry_at": self.now + timedelta(minutes=5)})
        self.stops("connection", "left alone")
        self.connection.write({
            "retry_at": False, "circuit_state": "open", "circuit_probe_at": self.now + timedelta(minutes=5),
            "last_error": "No route"})
        self.stops("connection", "No route", "Try Now")
        self.connection.circuit_probe_at = self.now - timedelta(minutes=5)
        self.assertIsNone(self.verdict().stops_at, "the next call is made")

    def test_worker(self):
        self.connection.cron_id.active = False
        self.stops("worker", "deactivated", "administrator")

    def test_record(self):
        verdict = self.stops("record", "has not seen", "“404”", "Sync All", external_id="404")
        self.assertIn("The record is known", verdict.summary)
        gone = self.unlinked()
        self.env.cr.execute("DELETE FROM integration_capture")
        gone_id = gone.id
        gone.unlink()
        self.stops("record", "no longer exists", res_id=gone_id)

    def test_filter(self):
        self.flow.domain = "[('ref', '=like', 'X%')]"
        self.stops("filter", "does not fit", "=like")
        self.partner.ref = "X1"
        self.assertIsNone(self.verdict().stops_at)
        self.flow.domain = "[('active', '=', True), ('ref', '=like', 'X%')]"
        self.partner.active = False
        self.stops("filter", "does not fit")

    def test_filter_of_the_other_side(self):
        self.flow.external_filter = "status == 'active'"
        self.sync.payload = '{"id": 7, "status": "draft"}'
        self.stops("filter", "As last received", "status ==", external_id="7")

    def test_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.env.user.company_ids += other
        self.partner.company_id = other
        self.stops("company", "Elsewhere", "Another flow")

    def test_the_user_of_the_flow(self):
        weak = new_test_user(self.env, "why_not_weak", groups="base.group_portal")
        self.flow.user_id = weak
        self.stops("company", "why_not_weak", "may not see")

    def test_owner(self):
        self.sync.agreed = {
            "name": {"o": "Before", "e": "Before"}, "email": {"o": "tour@example.com", "e": "tour@example.com"}}
        self.stops("owner", "Name", "Tour Shop")

    def test_owner_that_has_switched(self):
        """The condition of the rule counts, as it does for the worker."""
        self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "email").write({
            "owner_switch_domain": "[('function', '=', 'Theirs')]", "owner_after": "external"})
        self.assertIsNone(self.verdict().stops_at)
        self.partner.function = "Theirs"
        self.assertIsNone(self.verdict().stops_at, "changed before it switched: it still counts")
        self.sync.agreed = dict(self.sync.agreed, email={"o": "old@example.com", "e": "old@example.com", "s": True})
        self.stops("owner", "Email", "Tour Shop")

    def test_owner_allows_some(self):
        self.sync.agreed = {"name": {"o": "Before", "e": "Before"}, "email": {"o": "old", "e": "old"}}
        verdict = self.verdict()
        self.assertIsNone(verdict.stops_at)
        self.assertIn("Name", next(gate.text for gate in verdict.gates if gate.code == "owner"))

    def test_creation(self):
        record = self.unlinked()
        self.flow.create_in_external = False
        self.stops("owner", "may not create records in Tour Shop", record=record)
        self.flow.direction = "import"
        self.stops("owner", "only brings records", record=record)

    def test_creation_in_odoo(self):
        self.make_sync("pending", record=self.env["res.partner"], external_id="8", res_id=False, import_pending=True,
                       direction="import", due_at=self.now, name="Eight")
        self.assertIsNone(self.verdict(external_id="8").stops_at)
        self.flow.create_in_odoo = False
        self.stops("owner", "may not create records in Odoo", external_id="8")

    def test_changed(self):
        self.sync.agreed = {
            code: {"o": value, "e": value} for code, value in (("name", "Tour Customer"), ("email", "tour@example.com"))}
        verdict = self.stops("changed", "Nothing has changed", "Resync")
        self.assertIn("Both sides agree", verdict.summary)
        untouched = self.unlinked()
        self.env.cr.execute("DELETE FROM integration_capture")
        self.stops("changed", "was not changed since the flow runs", "Export All", record=untouched)

    def test_left_alone(self):
        for state, piece in (("held", "guardrail"), ("skipped", "Skipped"), ("excluded", "Left out")):
            self.sync.write({"state": state, "error_message": "Because of this."})
            self.stops("left", piece, "Because of this.")

    def test_left_alone_by_its_history(self):
        self.sync.state = "skipped"
        self.sync._log("skipped", "Skipped by Ann")
        self.stops("left", "Skipped by Ann")

    def test_decision(self):
        self.sync.write({"state": "conflict", "conflicts": {"email": {}}})
        self.stops("decision", "email", "Decide the conflict")
        self.sync.write({"state": "unknown", "conflicts": False, "error_message": "No answer to the create."})
        self.stops("decision", "No answer to the create.", "whether it was created")

    def test_parents(self):
        self.sync.write({
            "state": "waiting", "waiting_for": f"{self.resource.id}:12", "due_at": self.now + timedelta(hours=1),
            "error_message": "Waits for Customer 12."})
        self.stops("parents", "Waits for Customer 12.")
        self.sync.write({"state": "synced", "waiting_for": False, "due_at": False, "error_message": False})
        self.env["integration.field.rule"].create({
            "flow_id": self.flow.id, "kind": "relation", "odoo_path": "parent_id", "external_path": "parent",
            "owner": "odoo", "relation_flow_id": self.flow.id})
        self.partner.parent_id = self.env["res.partner"].create({"name": "Its Company"})
        self.stops("parents", "Its Company", "Tour Customers")

    def test_failure(self):
        self.sync.write({"state": "failed", "error_message": "The shop refuses this.", "error_hint": "Correct it."})
        self.stops("failure", "The shop refuses this.", "Correct it.")

    def test_retry(self):
        self.sync.write({
            "state": "waiting", "export_pending": True, "attempts": 3, "due_at": self.now + timedelta(hours=1),
            "error_message": "Busy."})
        self.stops("retry", "3", "Busy.", "at once")

    def test_time(self):
        self.sync.write({"state": "pending", "export_pending": True, "due_at": self.now + timedelta(hours=1)})
        self.stops("time", "runs again at", "Sync Now")
        self.sync.due_at = False
        self.stops("time", "manual", "Sync Now")
        self.flow.timing = "manual"
        self.stops("time", "manual", record=self.unlinked())

    def test_a_rule_that_cannot_be_read(self):
        self.env.cr.execute(
            "UPDATE integration_field_rule SET odoo_path = 'nowhere' WHERE flow_id = %s AND code = 'email'", [self.flow.id])
        self.env.invalidate_all()
        self.stops("changed", "could not be compared", "field rules")

    # -- the dialog ----------------------------------------------------------------------------------------

    def dialog(self, user, **vals):
        wizard = self.env["integration.why.not"].with_user(self.users.get(user, self.outsider)).new(vals)
        return str(wizard.result)

    def test_on_a_business_record(self):
        self.flow.action_pause()
        html = self.dialog("user", res_model="res.partner", res_id=self.partner.id)
        self.assertIn("data-gate='flow' data-ok='no'", html)
        self.assertIn("data-gate='connection' data-ok='yes'", html)
        self.assertIn("✗", html)
        self.assertIn("Tour Customers", html)

    def test_without_a_sync_record_and_without_a_flow(self):
        stranger = self.unlinked()
        self.assertFalse(self.env["integration.sync"].search([("res_id", "=", stranger.id), ("model", "=", "res.partner")]))
        self.assertIn("Nothing stands in its way", self.dialog("user", res_model="res.partner", res_id=stranger.id))
        category = self.env["res.partner.category"].create({"name": "A"})
        self.assertIn("No flow synchronises", self.dialog("user", res_model="res.partner.category", res_id=category.id))

    def test_on_a_sync_record(self):
        self.sync.write({"state": "failed", "error_message": "Wrong <b>tag</b>"})
        html = self.dialog("user", sync_id=self.sync.id)
        self.assertIn("Wrong &lt;b&gt;tag&lt;/b&gt;", html, "what others wrote is no markup")

    def test_by_external_id(self):
        self.assertIn("has not seen", self.dialog("manager", flow_id=self.flow.id, external_id="404"))
        self.assertIn("Nothing stands", self.dialog("manager", flow_id=self.flow.id, external_id=" 7 "))
        self.assertIn("Enter the identifier", self.dialog("manager", flow_id=self.flow.id))
        with self.assertRaises(AccessError):
            self.dialog("user", flow_id=self.flow.id, external_id="7")

    def test_only_of_records_that_one_may_see(self):
        self.env["ir.rule"].create({
            "name": "not this one", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "domain_force": f"[('id', '!=', {self.partner.id})]"})
        with self.assertRaises(AccessError):
            self.dialog("user", res_model="res.partner", res_id=self.partner.id)
        with self.assertRaises(AccessError):
            self.dialog("outsider", sync_id=self.sync.id)
