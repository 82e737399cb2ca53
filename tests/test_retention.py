"""Retention: what goes, what stays, and that it goes on where it had to stop."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.integration_flow.engine import retention

from .common import FlowCase
from .export_common import ExportTools


class RetentionTools:
    """Rows of a given age, straight into the tables."""

    def setUp(self):
        super().setUp()
        self.env["integration.retention"].search([]).unlink()

    def ago(self, days):
        return fields.Datetime.now() - timedelta(days=days)

    def add_sync(self, state="synced", **vals):
        return self.env["integration.sync"].create({
            "flow_id": self.flow.id, "connection_id": self.flow.connection_id.id, "model": "res.partner",
            "external_id": f"r{self.env['integration.sync'].search_count([])}", "state": state, **vals})

    def add_line(self, days, outcome="updated", sync=None, **vals):
        return self.env["integration.log"].create({
            "flow_id": self.flow.id, "sync_id": (sync or self.add_sync()).id, "outcome": outcome,
            "create_date": self.ago(days), **vals})

    def add_exchange(self, days, size=10, **vals):
        return self.env["integration.exchange"].create({
            "connection_id": self.flow.connection_id.id, "flow_id": self.flow.id, "create_date": self.ago(days),
            "method": "GET", "url": "https://shop.example/x", "request_body": "q" * size, "response_body": "a" * size,
            **vals})

    def purge(self, **options):
        """One call of the scheduled action. Returns whether it came to its end."""
        return self.committing(lambda env: env["integration.retention"]._cron_purge(**options))

    def committing(self, work):
        """Do what commits, on a test cursor."""
        self.env.flush_all()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            result = work(self.env(cr=cr))
        self.env.invalidate_all()
        return result

    def keep(self, **days):
        for name, number in days.items():
            self.env["ir.config_parameter"].set_param(f"integration_flow.keep_{name}", str(number))


@tagged("post_install", "-at_install")
class TestRetention(RetentionTools, FlowCase):
    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow()

    # -- log lines -----------------------------------------------------------------------------------------

    def test_lines_go_by_what_they_tell(self):
        self.keep(unchanged_days=10, failures_days=20, changes_days=30)
        changes = {"name": [1, 2]}
        kinds = {
            "unchanged": [("unchanged", None), ("excluded", None), ("linked", None), ("updated", None)],
            "failures": [(outcome, None) for outcome in ("failed", "retry", "waiting", "conflict", "unknown")],
            "changes": [("updated", changes), ("created", changes), ("deleted", None), ("queued", None), ("resolved", None)],
        }
        lines = {
            (kind, age): [self.add_line(age, outcome, changes=values) for outcome, values in outcomes]
            for kind, outcomes in kinds.items() for age in (9, 11, 19, 21, 29, 31)}
        self.assertTrue(self.purge())
        limits = {"unchanged": 10, "failures": 20, "changes": 30}
        for (kind, age), found in lines.items():
            for line in found:
                self.assertEqual(bool(line.exists()), age < limits[kind], (kind, age))

    def test_a_flow_has_its_own_times_and_zero_is_for_ever(self):
        self.keep(changes_days=10)
        of_the_settings = self.add_line(11)
        self.flow.write({"own_retention": True, "keep_changes_days": 0, "keep_unchanged_days": 5})
        kept, quiet = self.add_line(3000, "created"), self.add_line(6, "unchanged")
        of_the_settings.flow_id = self.make_flow("res.partner", [("name", "first_name")], self.flow.resource_id)
        of_the_settings.changes = {"name": [1, 2]}
        self.purge()
        self.assertTrue(kept.exists())
        self.assertFalse(quiet.exists())
        self.assertFalse(of_the_settings.exists())

    def test_an_archived_flow_is_not_forgotten(self):
        line = self.add_line(3000)
        self.flow.active = False
        self.purge()
        self.assertFalse(line.exists())

    def test_what_needs_attention_keeps_its_last_line_and_exchange(self):
        for state in ("failed", "conflict", "unknown", "held", "waiting", "pending"):
            sync = self.add_sync(state)
            first, last = self.add_exchange(2000), self.add_exchange(1999)
            lines = [
                self.add_line(2000, "retry", sync, exchange_id=first.id),
                self.add_line(1999, "failed", sync, exchange_id=last.id),
                self.add_line(1998, "queued", sync)]
            settled = self.add_sync("synced")
            gone = self.add_line(1999, "failed", settled, exchange_id=self.add_exchange(1999).id)
            self.purge()
            self.assertEqual([bool(line.exists()) for line in lines], [False, True, True], state)
            self.assertFalse(first.exists())
            self.assertEqual(last.exists().response_body, "a" * 10)
            self.assertFalse(gone.exists())
            sync.state = "synced"
            self.purge()
            self.assertFalse(lines[1].exists() or lines[2].exists() or last.exists(), "once it is settled all of it goes")

    # -- exchanges -----------------------------------------------------------------------------------------

    def test_bodies_go_before_their_exchange(self):
        self.keep(bodies_days=10, exchanges_days=20)
        young, old, ancient = self.add_exchange(9), self.add_exchange(11), self.add_exchange(21)
        line = self.add_line(1, "failed", exchange_id=ancient.id)
        without_flow = self.add_exchange(21, flow_id=False)
        self.purge()
        self.assertEqual((young.request_body, young.bodies_pruned), ("q" * 10, False))
        self.assertEqual((old.request_body, old.response_body, old.bodies_pruned), (False, False, True))
        self.assertEqual((old.url, old.method), ("https://shop.example/x", "GET"))
        self.assertFalse(ancient.exists() or without_flow.exists())
        self.assertFalse(line.exchange_id)
        self.assertTrue(line.exists())

    def test_size_limit_of_a_connection(self):
        self.keep(bodies_mb=2)
        half = 512 * 1024 // 2
        exchanges = [self.add_exchange(1, half) for _number in range(8)]
        needed = self.add_sync("failed")
        self.add_line(1, "failed", needed, exchange_id=exchanges[0].id)
        other = self.make_connection(name="Other", keep_bodies_mb=100)
        of_other = [self.add_exchange(1, half, connection_id=other.id) for _number in range(8)]
        self.purge()
        self.assertEqual(
            [bool(exchange.response_body) for exchange in exchanges],
            [True, False, False, False, True, True, True, True], "the oldest go, what is needed stays")
        self.assertTrue(all(exchange.response_body for exchange in of_other), "it has a limit of its own")
        self.keep(bodies_mb=0)
        more = [self.add_exchange(1, half) for _number in range(8)]
        self.purge()
        self.assertTrue(all(exchange.response_body for exchange in more))

    # -- payloads ------------------------------------------------------------------------------------------

    def test_payloads_of_settled_records(self):
        self.keep(payloads_days=10)
        self.receive(self.flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"},
                     {"id": 2, "first_name": "Bob", "email": "bob@example.com"})
        syncs = self.syncs(self.flow)
        before = {key: (sync.content_hash, sync.state, sync.agreed) for key, sync in syncs.items()}
        self.purge()
        self.assertTrue(all(sync.payload for sync in syncs.values()), "they are not old yet")
        self.env.cr.execute(
            "UPDATE integration_sync SET write_date = write_date - interval '11 days', "
            "create_date = create_date - interval '11 days' WHERE flow_id = %s", [self.flow.id])
        syncs["2"].state = "failed"
        self.purge()
        self.assertFalse(syncs["1"].payload)
        self.assertTrue(syncs["2"].payload, "it is needed for the next attempt")
        syncs["2"].state = "synced"
        self.assertEqual({key: (sync.content_hash, sync.state, sync.agreed) for key, sync in syncs.items()}, before)
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.unchanged_count, run.failed_count), (2, 0), "they are still known")
        self.assertFalse(syncs["1"].payload)

    def prune(self, *syncs):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_sync SET payload = NULL WHERE id = ANY(%s)", [[sync.id for sync in syncs]])
        self.env.invalidate_all()

    def test_a_pruned_record_is_read_again(self):
        self.receive(self.flow, *({"id": number, "first_name": f"P{number}", "email": f"p{number}@example.com"}
                                  for number in range(1, 9)))
        syncs, records = self.syncs(self.flow), self.records(self.flow)
        for press in ("action_retry", "action_resync"):
            with self.subTest(one=press):
                self.prune(syncs["1"])
                records["1"].name = "Moved"
                self.press(getattr(syncs["1"], press))
                self.assertEqual((syncs["1"].state, records["1"].name), ("synced", "P1"), syncs["1"].error_message)
                self.assertTrue(syncs["1"].payload)
            with self.subTest(many=press):
                several = self.env["integration.sync"].union(*syncs.values())
                self.prune(*syncs.values())
                records["7"].name = "Moved"
                getattr(several, press)()
                self.work()
                self.assertEqual(set(several.mapped("state")), {"synced"}, several.mapped("error_message"))
                self.assertEqual(records["7"].name, "P7")

    def test_a_pruned_record_that_cannot_be_read(self):
        self.receive(self.flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        sync = self.syncs(self.flow)["1"]
        self.prune(sync)
        self.shop.fault("status", status=503, path="/customers/1", times=9)
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "waiting", "the system is down: it is tried again by itself")
        self.shop.reset("empty")
        self.make_due(self.flow)
        self.work()
        self.assertFailed(sync, "validation")
        self.flow.resource_id.operation_ids.filtered(lambda operation: operation.kind == "read").unlink()
        self.press(sync.action_retry)
        self.assertFailed(sync, "validation", "removed", "Read Everything")

    # -- runs and leftovers --------------------------------------------------------------------------------

    def test_runs_that_nothing_refers_to(self):
        runs = self.env["integration.run"].create([{
            "flow_id": self.flow.id, "trigger": "schedule", "state": state, "started_at": self.ago(400),
            "ended_at": self.ago(400)} for state in ("done", "failed", "open", "done", "done", "done")])
        recent = self.env["integration.run"].create({"flow_id": self.flow.id, "trigger": "button", "state": "done"})
        self.add_sync(run_id=runs[3].id)
        self.add_line(1, run_id=runs[4].id)
        self.add_exchange(1, run_id=runs[5].id)
        self.purge()
        self.assertEqual([bool(run.exists()) for run in runs], [False, False, True, True, True, True])
        self.assertTrue(recent.exists())

    def test_unknown_outcomes(self):
        """An outcome that another module adds counts as a change: rather too long than too short."""
        self.keep(changes_days=20, unchanged_days=5, failures_days=5)
        line = self.add_line(10)
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_log SET outcome = 'new_kind' WHERE id = %s", [line.id])
        self.purge()
        self.assertTrue(line.exists())

    # -- the round -----------------------------------------------------------------------------------------

    def test_it_stops_in_time_and_goes_on(self):
        self.env.cr.execute(
            """INSERT INTO integration_log (flow_id, sync_id, outcome, create_date)
               SELECT %s, %s, 'unchanged', now() - interval '100 days' FROM generate_series(1, 4000)""",
            [self.flow.id, self.add_sync().id])
        cron = self.env.ref("integration_flow.cron_retention")
        self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).unlink()
        rounds, left = 0, 4000
        with patch.object(retention.Time, "is_over", property(lambda self: True)):
            finished = self.purge()
        self.assertFalse(finished)
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]), "it is called again")
        while not finished and rounds < 1000:
            rounds += 1
            finished = self.purge(seconds=0.02)
            now_left = self.env["integration.log"].search_count([("flow_id", "=", self.flow.id)])
            self.assertLessEqual(now_left, left)
            left = now_left
        self.assertEqual((finished, left), (True, 0))
        self.assertGreater(rounds, 1, "so little time is not enough for all of it")
        line = self.env["integration.retention"].search([("kind", "=", "log_lines")])
        self.assertEqual((line.last_count, line.finished), (4000, True), "counted over the whole round")

    def test_by_the_scheduled_action_itself(self):
        line = self.add_line(3000)
        with self.enter_registry_test_mode():
            self.env.ref("integration_flow.cron_retention").method_direct_trigger()
        self.env.invalidate_all()
        self.assertFalse(line.exists())

    def test_rows_of_any_table_by_any_condition(self):
        lines = [self.add_line(3000) for _number in range(3)]
        result = self.committing(lambda env: retention.delete_in_chunks(
            env, "integration_log", "r.id = ANY(%s)", [[lines[0].id, lines[2].id]], chunk=1))
        self.assertEqual((result.count, result.finished), (2, True))
        self.assertEqual([bool(line.exists()) for line in lines], [False, True, False])

    # -- screens -------------------------------------------------------------------------------------------

    def test_settings(self):
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.integration_keep_unchanged_days, retention.DEFAULTS["keep_unchanged_days"])
        settings.integration_keep_unchanged_days = 0
        settings.integration_keep_bodies_mb = 5
        settings.execute()
        again = self.env["res.config.settings"].create({})
        self.assertEqual((again.integration_keep_unchanged_days, again.integration_keep_bodies_mb), (0, 5))
        self.assertIn("has not run", again.integration_retention_summary)
        self.purge()
        again.invalidate_recordset()
        self.assertIn("History: ", again.integration_retention_summary)
        self.assertIn("ran last on", again.integration_retention_summary)
        again.integration_keep_runs_days = -1
        with self.refuses(ValidationError, "Runs: -1 is less than zero"):
            again.execute()
        with Form(self.env["res.config.settings"]) as form:
            self.assertEqual(form.integration_keep_bodies_mb, 5)

    def test_flow_form_begins_with_what_holds(self):
        self.keep(changes_days=77)
        with Form(self.flow) as form:
            form.own_retention = True
            self.assertEqual(form.keep_changes_days, 77)
            form.keep_changes_days = 78
        self.assertEqual(self.flow.keep_changes_days, 78)

    def test_rights(self):
        self.purge()
        rows = self.env["integration.retention"].search([])
        self.assertEqual(len(rows), len(rows._tasks()))
        user = self.make_user("ret_user", "integration_flow.group_integration_user")
        manager = self.make_user("ret_manager", "integration_flow.group_integration_manager")
        secrets = self.make_user("ret_secrets", "integration_flow.group_integration_secrets")
        with self.assertRaises(AccessError):
            rows.with_user(user).mapped("kind")
        for reader in (manager, secrets):
            self.assertTrue(rows.with_user(reader).mapped("kind"))
            with self.assertRaises(AccessError):
                rows.with_user(reader).write({"last_count": 0})
            with self.assertRaises(AccessError):
                rows.with_user(reader).unlink()


@tagged("post_install", "-at_install")
class TestLeftovers(RetentionTools, ExportTools, FlowCase):
    def test_changes_without_a_worker_are_folded(self):
        self.flow = flow = self.out_flow()
        partners = self.partners(3)
        self.env.cr.flush()
        self.connection.active = False
        for number in range(5):
            partners.write({"name": f"N{number}"})
            self.env.cr.flush()
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 18)
        self.purge()
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 18, "a worker may still come")
        self.env.cr.execute("UPDATE integration_capture SET captured_at = captured_at - interval '2 days'")
        self.purge()
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 0)
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertEqual((syncs.mapped("state"), syncs.mapped("export_pending")), (["pending"] * 3, [True] * 3))
        self.connection.active = True
        self.connection.cron_id.active = True
        self.work()
        self.assertEqual({customer["first_name"] for customer in self.shop.dump("customers")}, {"N4"})
