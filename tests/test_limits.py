"""Limits, circuit, retries and credentials of a connection, on test cursors. With several processes: test_limits_real.py."""

from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine.claim import claims
from odoo.addons.integration_flow.engine.worker import Worker

from .export_common import ExportCase

DEAD = "http://127.0.0.1:9"  # nobody listens there


class LimitsCase(ExportCase):
    def alerts(self, connection=None):
        return self.env["mail.activity"].search([
            ("res_model", "=", "integration.connection"), ("res_id", "=", (connection or self.connection).id)])

    def fail_slices(self, flow, rounds):
        """So many slices, each of which meets one failure, with the time in between gone."""
        for _round in range(rounds):
            self.make_due(flow)
            self.work()

    def circuit(self):
        return self.connection.circuit_state

    def calls(self):
        count = self.shop.counts()["requests"]
        self.shop.clear_counts()
        return count


@tagged("post_install", "-at_install")
class TestCircuit(LimitsCase):
    def test_an_outage_costs_no_record_an_attempt_and_all_go_on_by_themselves(self):
        """Longer than all attempts of a flow: nothing fails, and nobody has to press anything."""
        self.connection.administrator_id = self.env.ref("base.user_admin")
        flow = self.out_flow(retry_attempts=3)
        partners = self.partners(12)
        self.shop.fault("status", status=503, times=None)
        self.work()
        self.assertEqual(self.circuit(), "open")
        self.assertEqual((self.connection.health, self.connection.failures_in_row >= 5), ("trouble", True))
        self.fail_slices(flow, 9)
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertLessEqual(set(syncs.mapped("state")), {"waiting", "pending"})
        self.assertEqual(set(syncs.mapped("attempts")), {0})
        alert = self.alerts()
        self.assertEqual(len(alert), 1, "told once")
        self.assertEqual(alert.user_id, self.connection.administrator_id)
        self.assertIn("does not answer", alert.summary)
        self.assertEqual(self.connection.circuit_rounds, 10)
        self.shop.clear_faults()
        self.env.cr.execute(  # time passes for the circuit only: records wait for theirs
            "UPDATE integration_connection SET circuit_probe_at = now() AT TIME ZONE 'UTC' - interval '1 second' "
            "WHERE id = %s", [self.connection.id])
        self.env.invalidate_all()
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "synced")
        self.assertEqual(self.circuit(), "closed")
        self.assertFalse(self.alerts(), "and told that it is over")
        self.assertEqual(self.connection.health, "ok")
        self.assertFalse(self.connection.circuit_probe_at or self.connection.last_error or self.connection.failures_in_row)

    def test_one_call_is_a_probe(self):
        flow = self.out_flow()
        self.partners(20)
        self.shop.fault("status", status=500, times=None)
        self.work()
        self.calls()
        self.work()
        self.assertEqual(self.calls(), 0, "left alone")
        self.fail_slices(flow, 1)
        self.assertEqual(self.calls(), 1)
        self.assertEqual(self.circuit(), "open")
        self.fail_slices(flow, 1)
        self.assertEqual(self.calls(), 1)

    def test_the_pause_grows(self):
        self.connection.write({"circuit_threshold": 2, "circuit_pause_seconds": 20, "circuit_longest_seconds": 50})
        flow = self.out_flow()
        self.partner("Ann")
        self.connection.base_url = DEAD
        pauses = []
        for _round in range(5):
            self.fail_slices(flow, 1)
            if self.connection.circuit_probe_at:
                pauses.append(round((self.connection.circuit_probe_at - fields.Datetime.now()).total_seconds() / 10) * 10)
        self.assertEqual(pauses, [20, 40, 50, 50])

    def test_a_dead_prober_is_followed_by_the_next_one(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE integration_connection SET circuit_state = 'half_open', circuit_rounds = 1, failures_in_row = 5, "
            "circuit_opened_at = now(), circuit_probe_at = now() AT TIME ZONE 'UTC' - interval '1 minute' WHERE id = %s",
            [self.connection.id])
        self.env.invalidate_all()
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.circuit(), "closed")

    def test_imports_wait_and_resume(self):
        """A run whose pages cannot be read goes on after the outage, with all its records."""
        flow = self.customer_flow(domain="[]")
        self.put_customers(*({"id": number, "email": f"c{number}@example.com", "first_name": f"C{number}"}
                             for number in range(1, 6)))
        self.shop.fault("status", status=502, times=None)
        run = flow._open_run("button", full=True)
        self.work()
        self.fail_slices(flow, 12)
        self.assertEqual((run.state, self.circuit()), ("open", "open"))
        self.assertLessEqual(run.attempts, 5)
        self.shop.clear_faults()
        self.connection.action_try_now()
        self.work()
        self.assertEqual((run.state, run.created_count, self.circuit()), ("done", 5, "closed"))

    def test_stored_pages_are_imported_while_it_probes(self):
        """Records that are here already need no call: not one by one."""
        flow = self.customer_flow(domain="[]", batch_size=100)
        self.put_customers(*({"id": number, "email": f"c{number}@example.com", "first_name": f"C{number}"}
                             for number in range(1, 31)))
        flow._open_run("button", full=True)
        self.env.cr.flush()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:  # one step: the page is stored
            worker = Worker(self.env(cr=cr), self.connection.with_env(self.env(cr=cr)))
            with claims(cr) as held:
                worker._step(held)
            worker._close_client()
        self.env.invalidate_all()
        self.connection.write({
            "circuit_state": "open", "failures_in_row": 5, "circuit_rounds": 1, "circuit_opened_at": fields.Datetime.now(),
            "circuit_probe_at": fields.Datetime.now() - timedelta(seconds=5)})
        slices, original = [], Worker._slice

        def slice_(worker, held, ids, **kwargs):
            slices.append(len(ids))
            return original(worker, held, ids, **kwargs)

        self.patch(Worker, "_slice", slice_)
        self.work()
        self.assertEqual(max(slices), 30)
        self.assertEqual(set(self.states(flow).values()), {"synced"})

    def test_what_is_refused_does_not_count(self):
        flow = self.out_flow()
        partners = self.partners(10)
        self.shop.fault("status", status=422, times=None, message="No.")
        self.work()
        self.assertEqual(self.circuit(), "closed")
        for partner in partners:
            self.assertState(flow, partner, "failed", "validation")

    def test_one_bad_record_among_good_ones_fails_alone(self):
        """Calls that are answered in between keep the circuit closed, and the attempts of the bad one count."""
        flow = self.out_flow(retry_attempts=3)
        self.shop.fault("status", status=503, times=None, match_body="bad@")
        bad = self.partner("Bad", login="bad")
        for number in range(3):
            self.partner(f"Good {number}")
            self.fail_slices(flow, 1)
        self.assertState(flow, bad, "failed", "server")
        self.assertEqual(self.circuit(), "closed")

    def test_a_flow_that_never_retries(self):
        flow = self.out_flow(retry_attempts=0)
        partner = self.partner("Ann")
        self.shop.fault("status", status=503)
        self.work()
        self.assertState(flow, partner, "failed", "server")

    def test_threshold_zero_never_opens(self):
        self.connection.circuit_threshold = 0
        flow = self.out_flow(retry_attempts=4)
        partner = self.partner("Ann")
        self.shop.fault("status", status=503, times=None)
        self.fail_slices(flow, 8)
        self.assertEqual(self.circuit(), "closed")
        self.assertState(flow, partner, "failed", "server")

    @mute_logger("odoo.sql_db")
    def test_settings_without_sense(self):
        for vals in ({"circuit_threshold": -1}, {"circuit_pause_seconds": 0}, {"circuit_longest_seconds": 10}):
            with self.subTest(**vals), self.assertRaises(IntegrityError):
                self.connection.write(vals)
                self.env.flush_all()

    def test_a_button_does_not_wait_for_the_circuit(self):
        """It is the probe: what it finds out counts for all."""
        flow = self.out_flow()
        partners = self.partners(3)
        self.shop.fault("status", status=503, times=None)
        self.fail_slices(flow, 3)
        self.assertEqual(self.circuit(), "open")
        sync = self.sync(flow, partners[0])
        result = self.press(sync.action_retry)
        self.assertEqual(result["params"]["type"], "warning")
        self.assertEqual((self.circuit(), sync.attempts, sync.state), ("open", 0, "waiting"))
        self.shop.clear_faults()
        self.press(sync.action_retry)
        self.assertEqual(self.circuit(), "closed")
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "synced")

    def test_try_now(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=503, times=5)
        self.fail_slices(flow, 5)
        self.assertEqual(self.circuit(), "open")
        user = self.make_user("limits_user", "integration_flow.group_integration_user")
        with self.assertRaises(AccessError):
            self.connection.with_user(user).action_try_now()
        manager = self.make_user("limits_manager", "integration_flow.group_integration_manager")
        self.connection.with_user(manager).action_try_now()
        self.work()
        self.assertState(flow, partner, "synced")

    def test_a_test_that_works_closes_it(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.connection.write({"test_path": "system_status", "base_url": DEAD})
        self.fail_slices(flow, 5)
        self.assertEqual(self.circuit(), "open")
        self.press(self.connection.action_test)
        self.assertEqual((self.circuit(), self.connection.health), ("open", "trouble"))
        self.env.cr.execute(
            "UPDATE integration_connection SET base_url = %s WHERE id = %s", [self.shop.api, self.connection.id])
        self.env.invalidate_all()
        self.press(self.connection.action_test)
        self.assertEqual((self.circuit(), self.connection.health), ("closed", "ok"))
        self.assertFalse(self.alerts())
        self.work()
        self.assertState(flow, partner, "synced")

    def test_a_failed_test_shows(self):
        self.assertEqual(self.connection.health, "new")
        self.connection.base_url = DEAD
        self.press(self.connection.action_test)
        self.assertEqual(self.connection.health, "trouble")
        self.connection.base_url = self.shop.api
        self.connection.test_path = "system_status"
        self.press(self.connection.action_test)
        self.assertEqual(self.connection.health, "ok")
        self.connection.base_url = DEAD
        self.press(self.connection.action_test)
        self.connection.base_url = self.shop.api
        self.out_flow()
        self.partner("Ann")
        self.work()
        self.assertEqual(self.connection.health, "ok", "a call that worked afterwards knows better")
        self.env.cr.execute(  # a minute has not passed since the last success, and then somebody's test fails
            "UPDATE integration_connection SET last_success_at = now() AT TIME ZONE 'UTC' - interval '2 seconds', "
            "tested_at = now() AT TIME ZONE 'UTC' - interval '1 second', test_ok = false WHERE id = %s",
            [self.connection.id])
        self.env.invalidate_all()
        self.assertEqual(self.connection.health, "trouble")
        self.partner("Bob")
        self.work()
        self.assertEqual(self.connection.health, "ok")


@tagged("post_install", "-at_install")
class TestRetries(LimitsCase):
    def test_classes_that_are_not_retried(self):
        cases = (
            ("retry_server", "server", {"kind": "status", "status": 500}),
            ("retry_locked", "locked", {"kind": "status", "status": 423}),
            ("retry_timeout", "timeout", {"kind": "status", "status": 504}),
            ("retry_connection", "connection", {"kind": "cut_before"}),
        )
        for field, error_class, fault in cases:
            with self.subTest(error_class=error_class):
                self.shop.reset("empty")
                self.connection._close_circuit()
                flow = self.out_flow(name=error_class, domain=f"[('ref', '=', 'X-{error_class}')]")
                partner = self.partner(f"Ann {error_class}", ref=f"X-{error_class}")
                self.work()
                partner.name = "First"
                self.shop.fault(**fault)
                self.work()
                self.assertState(flow, partner, "waiting", error_class)
                self.make_due(flow)
                self.work()
                self.assertState(flow, partner, "synced")
                flow[field] = False
                partner.name = "Second"
                self.shop.fault(**fault)
                self.work()
                sync = self.sync(flow, partner)
                self.assertFailed(sync, error_class, "does not retry")
                self.press(sync.action_retry)
                self.assertState(flow, partner, "synced")

    def test_runs_obey_them_too(self):
        flow = self.customer_flow(domain="[]", retry_server=False)
        self.shop.fault("status", status=500)
        run = self.run_flow(flow)
        self.assertEqual((run.state, run.error_class), ("failed", "server"))

    def test_a_create_that_is_not_retried_is_a_persons_turn(self):
        flow = self.out_flow(retry_timeout=False)
        partner = self.partner("Ann")
        self.connection.timeout_read = 0.4
        self.shop.fault("timeout_after", seconds=1.5)
        self.work()
        self.assertState(flow, partner, "unknown", "timeout")

    def test_too_many_calls_never_end_a_run(self):
        """429 without a word how long, more often than a page has attempts."""
        flow = self.customer_flow(domain="[]")
        self.put_customers({"id": 1, "email": "ann@example.com", "first_name": "Ann"})
        self.shop.fault("status", status=429, times=9)
        run = flow._open_run("button", full=True)
        self.work()
        self.fail_slices(flow, 8)
        self.assertEqual((run.state, run.attempts), ("open", 0))
        self.fail_slices(flow, 1)
        self.assertEqual((run.state, run.created_count), ("done", 1))

    def test_blueprint_with_classes(self):
        schema = self.env["integration.blueprint"]._schema()
        for name in ("retry_connection", "retry_timeout", "retry_server", "retry_locked"):
            self.assertIn(name, str(schema))


@tagged("post_install", "-at_install")
class TestCredentials(LimitsCase):
    def refuse_and_release(self, flow, connection, refuse, correct):
        """Refused: all wait, one alert. Corrected: all go on, by themselves."""
        partners = self.partners(6)
        run = flow._open_run("button", full=True)
        refuse()
        self.work(connection)
        self.assertEqual((connection.paused, connection.pause_cause), (True, "credentials"))
        self.assertEqual(len(self.alerts(connection)), 1)
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "in", partners.ids)])
        self.assertLessEqual(set(syncs.mapped("state")), {"waiting", "pending"})
        self.assertEqual(set(syncs.mapped("attempts")), {0})
        self.env.cr.execute(  # as a look-up for parents would leave them
            "UPDATE integration_sync SET due_at = due_at + interval '1 hour' WHERE flow_id = %s AND state = 'waiting'",
            [flow.id])
        self.env.invalidate_all()
        correct()
        self.assertFalse(connection.paused)
        self.assertFalse(self.alerts(connection))
        self.work(connection)
        for partner in partners:
            self.assertState(flow, partner, "synced")
        self.assertEqual(run.state, "done")

    def test_401(self):
        flow = self.out_flow(direction="both")
        self.refuse_and_release(
            flow, self.connection, lambda: self.connection.write({"auth_secret_input": "wrong"}),
            lambda: self.connection.write({"auth_secret_input": self.shop.api_key}))

    def test_403_that_speaks_of_credentials(self):
        def refuse():
            self.shop.fault("status", status=403, message="Invalid API key.", times=None)

        def correct():
            self.shop.clear_faults()
            self.connection.auth_secret_input = self.shop.api_key

        self.refuse_and_release(self.out_flow(direction="both"), self.connection, refuse, correct)

    def test_403_about_a_record_stops_only_that_record(self):
        flow = self.out_flow()
        partners = self.partners(3)
        self.shop.fault("status", status=403, message="You may not see this customer.", match_body="p1@")
        self.work()
        self.assertFalse(self.connection.paused)
        self.assertEqual([self.sync(flow, partner).state for partner in partners], ["synced", "failed", "synced"])

    def test_oauth(self):
        connection = self.make_connection(
            name="By token", auth_type="oauth2_client", auth_user=self.shop.client_id,
            auth_secret_input=self.shop.client_secret, token_url=self.shop.token_url)
        flow = self.out_flow(direction="both", connection_id=connection.id)
        first = self.partner("First")
        self.work(connection)
        self.assertState(flow, first, "synced")
        self.assertTrue(connection.sudo().oauth_token)

        def refuse():
            self.shop.control("POST", "tokens", {"revoke": True})
            self.env.cr.execute(  # the secret was changed over there; here the old one stands
                "UPDATE integration_connection SET auth_secret = 'old' WHERE id = %s", [connection.id])
            self.env.invalidate_all()

        self.refuse_and_release(
            flow, connection, refuse, lambda: connection.write({"auth_secret_input": self.shop.client_secret}))

    def test_a_key_in_the_extra_headers(self):
        self.connection.write({"auth_type": "none", "extra_headers": "X-API-Key: wrong"})
        flow = self.out_flow(direction="both")
        self.refuse_and_release(
            flow, self.connection, lambda: None,
            lambda: self.connection.write({"extra_headers": f"X-API-Key: {self.shop.api_key}"}))

    def test_a_test_that_works_ends_the_pause(self):
        """The credentials were right again over there, or in the server's environment: nothing changed here."""
        self.connection.test_path = "system_status"
        flow = self.out_flow(direction="both")

        def refuse():
            self.shop.fault("status", status=401, message="Invalid key.", times=None)

        def correct():
            self.press(self.connection.action_test)
            self.assertTrue(self.connection.paused, "refused still")
            self.shop.clear_faults()
            self.press(self.connection.action_test)

        self.refuse_and_release(flow, self.connection, refuse, correct)

    def test_a_pause_by_a_person_is_not_ended_by_a_test(self):
        self.connection.test_path = "system_status"
        self.connection.action_pause()
        self.press(self.connection.action_test)
        self.assertTrue(self.connection.paused)
        with self.refuses(UserError, "is paused"):
            self.connection._check_may_run()

    def test_a_token_of_old_credentials_is_nobodys(self):
        connection = self.make_connection(
            name="By token", auth_type="oauth2_client", auth_user=self.shop.client_id,
            auth_secret_input=self.shop.client_secret, token_url=self.shop.token_url)
        for vals in ({"auth_secret_input": "other"}, {"scope": "orders"}, {"base_url": "https://elsewhere.example.com"}):
            with self.subTest(**vals):
                connection.sudo().oauth_token = '{"access_token": "a"}'
                self.assertEqual(connection.sudo()._oauth_token_dict(), {"access_token": "a"})
                connection.write(vals)
                self.assertIsNone(connection.sudo()._oauth_token_dict())
                self.assertFalse(connection._states().oauth_token)


@tagged("post_install", "-at_install")
class TestScreensOfLimits(LimitsCase):
    def test_who_sees_the_state(self):
        """The token is nobody's; the numbers are shown on the connection to all who see it."""
        states = self.env["integration.connection.state"]
        state = states.search([("connection_id", "=", self.connection.id)])
        self.assertEqual(len(state), 1)
        for group, may_read in (("user", False), ("manager", False), ("secrets", True)):
            user = self.make_user(f"state_{group}", f"integration_flow.group_integration_{group}")
            with self.subTest(group=group):
                self.assertEqual(states.with_user(user).has_access("read"), may_read)
                self.assertFalse(states.with_user(user).has_access("write"))
                values = self.connection.with_user(user).read(["rate_used", "rate_left", "calls_today", "circuit_state"])[0]
                self.assertEqual(values["circuit_state"], "closed")
                if may_read:
                    with self.assertRaises(AccessError):
                        state.with_user(user).read(["oauth_token"])

    def test_states_of_other_companies(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.connection.company_id = other
        user = self.make_user("state_company", "integration_flow.group_integration_secrets")
        self.assertFalse(self.env["integration.connection.state"].with_user(user).search(
            [("connection_id", "=", self.connection.id)]))

    def test_a_copy_starts_anew(self):
        self.connection.write({"circuit_state": "open", "failures_in_row": 7})
        copy = self.connection.copy()
        self.assertEqual((copy.circuit_state, copy.failures_in_row, len(copy._states())), ("closed", 0, 1))

    def test_the_state_goes_with_its_connection(self):
        state = self.connection._states()
        connection = self.make_connection(name="Short")
        gone = connection._states()
        connection.unlink()
        self.assertTrue(state.exists())
        self.assertFalse(gone.exists())

    def test_connections_from_before_get_a_state(self):
        self.connection._states().unlink()
        self.env["integration.connection.state"].init()
        self.assertEqual(len(self.connection._states()), 1)

    def test_usage_in_the_present_period(self):
        self.connection.write({"rate_calls": 10, "rate_period": 60})
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_connection_state SET day = (clock_timestamp() AT TIME ZONE 'UTC')::date, calls_today = 7, "
            "leases = '[[' || floor(extract(epoch FROM clock_timestamp()) * 1000 - 90000) || ', 2], [' "
            "|| floor(extract(epoch FROM clock_timestamp()) * 1000) || ', 4]]', "
            "resume_at = clock_timestamp() AT TIME ZONE 'UTC' + interval '30 seconds' WHERE connection_id = %s",
            [self.connection.id])
        self.env.invalidate_all()
        connection = self.connection
        self.assertEqual((connection.rate_used, connection.rate_left, connection.calls_today), (4, 6, 7))
        self.assertAlmostEqual(connection.asked_to_wait, 30, delta=2)
        self.env.cr.execute(
            "UPDATE integration_connection_state SET day = day - 1 WHERE connection_id = %s", [connection.id])
        self.env.invalidate_all()
        self.assertEqual(connection.calls_today, 0, "of yesterday")
