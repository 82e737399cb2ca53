"""What happens when the other system refuses, is slow, is away, or loses its answer. See DESIGN.md, section 5."""

import time
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.integration_flow.engine.worker import Worker

from .export_common import CREATE, ExportCase


class FailureCase(ExportCase):
    def setUp(self):
        super().setUp()
        time.sleep(0.05)  # calls that a fault of the test before has held back end now
        self.shop.clear_counts()

    def posts(self):
        """Calls that wanted to create something. One that the shop holds back is noted when it ends."""
        held = sum(fault["hits"] for fault in self.shop.control("GET", "faults")["faults"] if "timeout" in fault["kind"])
        self.shop.wait_until(lambda: sum("timeout" in (call["fault"] or "") for call in self.shop.requests()) >= held)
        return [call for call in self.shop.requests() if call["method"] == "POST" and "/customers" in call["target"]]

    def created(self):
        return self.shop.counts()["creates"].get("customers", {}).get("total", 0)

    def keys(self):
        return {call["headers"].get("idempotency-key") for call in self.posts()}

    def assertDueIn(self, sync, seconds, spread=2):
        left = (sync.due_at - fields.Datetime.now()).total_seconds()
        self.assertTrue(seconds - spread <= left <= seconds + spread, f"due in {left} s, not {seconds} s")


@tagged("post_install", "-at_install")
class TestRefused(FailureCase):
    def test_in_the_words_of_the_other_system(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=422, message="The postcode does not exist.")
        self.work()
        sync = self.sync(flow, partner)
        self.assertFailed(sync, "validation", "The postcode does not exist")
        self.assertFalse(sync.create_sent, "it is known that nothing was created")
        log = self.logs(sync)[-1]
        self.assertEqual((log.outcome, log.exchange_id.status), ("failed", 422))
        result = self.press(sync.action_retry)
        self.assertEqual(result["params"]["type"], "success")
        self.assertState(flow, partner, "synced")

    def test_the_button_shows_the_error_at_once(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=422, message="The postcode does not exist.", times=2)
        self.work()
        result = self.press(self.sync(flow, partner).action_retry)
        self.assertEqual(result["params"]["type"], "danger")
        self.assertIn("The postcode does not exist", result["params"]["message"])
        self.assertEqual(len(self.logs(self.sync(flow, partner), "failed")), 2)

    def test_one_refused_the_others_land(self):
        flow = self.out_flow()
        partners = self.partners(6)
        self.shop.fault("status", status=400, message="Not this one.", match_body="p3@")
        self.work()
        states = [self.sync(flow, partner).state for partner in partners]
        self.assertEqual(states, ["synced"] * 3 + ["failed"] + ["synced"] * 2)

    def test_slow_down(self):
        """429 with Retry-After: exactly so long, and it costs no attempt."""
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("rate_limit", retry_after=90)
        self.work()
        sync = self.assertState(flow, partner, "waiting", "rate_limit")
        self.assertDueIn(sync, 90)
        self.assertEqual(sync.attempts, 0)
        self.assertFalse(self.connection.last_error, "nobody did anything wrong")
        other = self.partner("Bob")
        self.work()
        self.assertEqual(len(self.posts()), 1, "nothing is called before that")
        self.assertState(flow, other, "pending")
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertState(flow, other, "synced")

    def test_slow_down_until_a_date(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("rate_limit", retry_after=120, as_date=True)
        self.work()
        self.assertDueIn(self.assertState(flow, partner, "waiting", "rate_limit"), 120)

    def test_slow_down_without_end_never_fails(self):
        flow = self.out_flow(retry_attempts=2)
        partner = self.partner("Ann")
        self.shop.fault("rate_limit", retry_after=1, times=4)
        for _round in range(4):
            self.work()
            self.assertEqual(self.assertState(flow, partner, "waiting", "rate_limit").attempts, 0)
            self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")

    def test_backoff_until_exhausted(self):
        flow = self.out_flow(retry_attempts=3, retry_first_seconds=60, retry_coefficient=2)
        partner = self.partner("Ann")
        self.shop.fault("status", status=503, times=3)
        for attempt, seconds in ((1, 60), (2, 120)):
            self.work()
            sync = self.assertState(flow, partner, "waiting", "server")
            self.assertEqual(sync.attempts, attempt)
            self.assertDueIn(sync, seconds)
            self.make_due(flow)
        self.work()
        sync = self.sync(flow, partner)
        self.assertFailed(sync, "server")
        self.assertEqual(sync.attempts, 3)
        self.assertEqual(self.logs(sync).mapped("outcome"), ["retry", "retry", "failed"])
        self.press(sync.action_retry)
        self.assertEqual(self.assertState(flow, partner, "synced").attempts, 0)

    def test_a_maintenance_window_is_waited_for_but_not_for_ever(self):
        flow = self.out_flow(retry_attempts=2)
        partner = self.partner("Ann")
        self.shop.fault("status", status=503, retry_after=300, times=2)
        self.work()
        self.assertDueIn(self.assertState(flow, partner, "waiting", "server"), 300)
        self.make_due(flow)
        self.work()
        self.assertFailed(self.sync(flow, partner), "server")

    def test_a_new_change_tries_at_once_and_counts_anew(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=422, message="No.")
        self.work()
        partner.name = "Anne"
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.shop.dump("customers")[0]["first_name"], "Anne")


@tagged("post_install", "-at_install")
class TestLostAnswer(FailureCase):
    """A create whose answer is lost: it is never carried out twice, and never forgotten."""

    def setUp(self):
        super().setUp()
        self.connection.timeout_read = 0.6

    def plain_create(self):
        return {name: value for name, value in CREATE.items() if name != "idempotency_header"}

    def lossy_flow(self, *kinds, header=True):
        operations = self.operations(*kinds)
        operations["create"] = CREATE if header else self.plain_create()
        return self.out_flow(operations=operations)

    def test_the_same_key_again(self):
        flow = self.lossy_flow("list", "read", "update")
        partner = self.partner("Ann")
        self.shop.fault("timeout_after", seconds=1, method="POST")
        self.work()
        sync = self.assertState(flow, partner, "waiting", "timeout")
        self.assertTrue(sync.create_sent)
        self.assertEqual(self.created(), 1)
        self.make_due(flow)
        self.work()
        sync = self.assertState(flow, partner, "synced")
        self.assertEqual((len(self.posts()), len(self.keys()), self.created()), (2, 1, 1))
        self.assertEqual(len(self.shop.dump("customers")), 1)
        self.assertFalse(sync.create_sent or sync.idempotency_key)

    def test_looked_up_first(self):
        flow = self.lossy_flow("list", "find", "read", "update", header=False)
        partner = self.partner("Ann")
        self.shop.fault("timeout_after", seconds=1, method="POST")
        self.work()
        self.assertState(flow, partner, "waiting", "timeout")
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual((len(self.posts()), self.created()), (1, 1))

    def test_looked_up_and_not_there(self):
        flow = self.lossy_flow("list", "find", "read", "update", header=False)
        partner = self.partner("Ann")
        self.shop.fault("timeout_before", seconds=1, method="POST")
        self.work()
        self.assertState(flow, partner, "waiting", "timeout")
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual((len(self.posts()), self.created()), (2, 1))

    def test_nothing_can_tell(self):
        flow = self.lossy_flow("list", "read", "update", header=False)
        partner = self.partner("Ann")
        self.shop.fault("timeout_before", seconds=1, method="POST")
        self.work()
        sync = self.assertState(flow, partner, "unknown", "timeout")
        self.assertFalse(sync.due_at)
        partner.name = "Anne"
        self.work()
        self.assertState(flow, partner, "unknown", "timeout")
        self.assertEqual(len(self.posts()), 1, "a new change does not send it again either")
        result = self.press(sync.action_was_not_created)
        self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.shop.dump("customers")[0]["first_name"], "Anne", "with today's values")

    def test_exhausted_is_unknown_and_not_failed(self):
        flow = self.lossy_flow("list", "read", "update")
        flow.retry_attempts = 2
        partner = self.partner("Ann")
        self.shop.fault("timeout_after", seconds=1, method="POST", times=2)
        self.work()
        self.make_due(flow)
        self.work()
        sync = self.assertState(flow, partner, "unknown", "timeout")
        self.press(sync.action_retry)
        self.assertState(flow, partner, "synced")
        self.assertEqual((len(self.keys()), self.created()), (1, 1))

    def test_cut_connection(self):
        for kind, created in (("cut_before", 0), ("cut_after", 1)):
            with self.subTest(kind=kind):
                self.shop.reset("empty")
                flow = self.lossy_flow("list", "read", "update")
                partner = self.partner("Ann", login=f"ann{flow.id}")
                self.shop.fault(kind, method="POST")
                self.work()
                self.assertState(flow, partner, "waiting", "timeout")
                self.assertEqual(self.created(), created)
                self.make_due(flow)
                self.work()
                self.assertState(flow, partner, "synced")
                self.assertEqual((len(self.keys()), self.created()), (1, 1))
                flow.state = "draft"

    def test_answer_without_sense(self):
        """The create was carried out, and the answer is empty or broken: known to nobody, never sent twice."""
        for kind in ("empty_body", "malformed_json", "truncated_json"):
            with self.subTest(kind=kind):
                self.shop.reset("empty")
                flow = self.lossy_flow("list", "read", "update")
                partner = self.partner("Ann", login=f"ann{flow.id}")
                self.shop.fault(kind, method="POST")
                self.work()
                sync = self.sync(flow, partner)
                self.assertIn(sync.state, ("waiting", "unknown"), sync.error_message)
                self.press(sync.action_retry)
                self.assertState(flow, partner, "synced")
                self.assertEqual((len(self.keys()), self.created()), (1, 1))
                flow.state = "draft"

    def test_changed_meanwhile(self):
        """The key belongs to what was sent: that is repeated, and the change follows."""
        flow = self.lossy_flow("list", "read", "update")
        partner = self.partner("Ann")
        self.shop.fault("timeout_after", seconds=1, method="POST")
        self.work()
        partner.name = "Anne"
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual((len(self.keys()), self.created()), (1, 1))
        self.assertEqual(self.shop.dump("customers")[0]["first_name"], "Anne")

    def test_the_repeat_is_refused_for_another_reason(self):
        """Without keys the shop answers 'e-mail exists' to the repeat: that is no proof of anything, and no failure to
        correct on the record."""
        flow = self.lossy_flow("list", "read", "update")
        self.shop.settings(idempotency=False)
        self.addCleanup(self.shop.settings, idempotency=True)
        partner = self.partner("Ann")
        self.shop.fault("timeout_after", seconds=1, method="POST")
        self.work()
        self.make_due(flow)
        self.work()
        sync = self.assertState(flow, partner, "unknown", "timeout")
        self.assertIn("already registered", sync.error_message)
        self.assertEqual(self.created(), 1)

    def test_update_times_out(self):
        """An update may be repeated without asking."""
        flow = self.lossy_flow("list", "read", "update")
        partner = self.partner("Ann")
        self.work()
        partner.name = "Anne"
        self.shop.fault("timeout_after", seconds=1, method="PUT")
        self.work()
        self.assertState(flow, partner, "waiting", "timeout")
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.shop.dump("customers")[0]["first_name"], "Anne")


@tagged("post_install", "-at_install")
class TestConnectionTrouble(FailureCase):
    def activities(self):
        return self.env["mail.activity"].search([
            ("res_model", "=", "integration.connection"), ("res_id", "=", self.connection.id)])

    def test_refused_credentials(self):
        flow = self.out_flow()
        partners = self.partners(8)
        self.connection.auth_secret_input = "wrong"
        self.work()
        self.assertTrue(self.connection.paused)
        self.assertEqual(self.connection.health, "paused")
        self.assertEqual(len(self.activities()), 1)
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "in", partners.ids)])
        states = {(sync.state, sync.attempts) for sync in syncs}
        self.assertLessEqual(states, {("waiting", 0), ("pending", 0)}, "nothing burns attempts")
        self.shop.clear_counts()
        partners[0].name = "Other"
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0, "paused")
        self.connection.auth_secret_input = self.shop.api_key
        self.assertFalse(self.connection.paused)
        self.assertFalse(self.activities())
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "synced")
        self.assertEqual(self.created(), 8)

    def test_credentials_changed_while_the_worker_runs(self):
        """Refused with the old ones, while the new ones are in place already: no pause."""
        self.out_flow()
        self.connection.auth_secret_input = "wrong"
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            worker = Worker(self.env(cr=cr), self.connection.with_env(self.env(cr=cr)))
            exchange = worker.client().send(self.any_request())
            self.assertEqual(exchange.error.error_class, "authentication")
            worker.connection.auth_secret_input = self.shop.api_key
            worker._note_health([exchange])
            self.assertFalse(worker.connection.paused)
            self.assertIsNone(worker.client().send(self.any_request()).error, "the next call uses the new ones")
            worker._client.close()

    def any_request(self):
        from odoo.addons.integration_flow.transport import Request
        return Request("GET", "customers")

    def test_expired_token_is_renewed_in_silence(self):
        connection = self.make_connection(
            name="By token", auth_type="oauth2_client", auth_user=self.shop.client_id,
            auth_secret_input=self.shop.client_secret, token_url=self.shop.token_url)
        self.shop.clear_counts()
        flow = self.out_flow(connection_id=connection.id)
        first = self.partner("Ann")
        self.work(connection)
        self.assertState(flow, first, "synced")
        issued = self.shop.counts()["tokens_issued"]
        second = self.partner("Bob")
        self.work(connection)
        self.assertState(flow, second, "synced")
        self.assertEqual(self.shop.counts()["tokens_issued"], issued, "the token was kept for the next worker")
        self.shop.control("POST", "tokens", {"expire": True})
        third = self.partner("Carl")
        self.work(connection)
        sync = self.assertState(flow, third, "synced")
        self.assertEqual(self.shop.counts()["tokens_issued"], issued + 1)
        self.assertEqual(self.logs(sync).mapped("outcome"), ["created"], "no word about it")
        self.assertFalse(connection.paused)

    def test_away_and_back(self):
        flow = self.out_flow()
        partners = self.partners(20)
        self.connection.base_url = "http://127.0.0.1:9"  # nobody listens there
        self.work()
        self.assertEqual(self.connection.health, "trouble")
        self.make_due(flow)
        self.work()  # the first connect that fails halts a slice: too few to open the circuit
        self.assertEqual(self.connection.circuit_state, "open")
        self.assertGreater(self.connection.circuit_probe_at, fields.Datetime.now() + timedelta(seconds=30))
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertLessEqual(sum(syncs.mapped("attempts")), 12, "what was not even tried has burnt no attempt")
        self.assertLessEqual(set(syncs.mapped("state")), {"waiting", "pending"})
        failures = self.connection.failures_in_row
        self.work()
        self.assertEqual(self.connection.failures_in_row, failures, "left alone")
        self.connection.base_url = self.shop.api
        self.make_due(flow)
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "synced")
        self.assertFalse(self.connection.last_error or self.connection.failures_in_row)
        self.assertEqual(self.connection.health, "ok")

    def test_longer_pauses(self):
        flow = self.out_flow()
        self.partners(3)
        self.connection.base_url = "http://127.0.0.1:9"
        pauses = []
        for _round in range(20):
            self.work()
            if self.connection.circuit_probe_at:
                pauses.append(round((self.connection.circuit_probe_at - fields.Datetime.now()).total_seconds(), -1))
            self.make_due(flow)
        self.assertEqual(pauses[0], 60)
        self.assertGreater(pauses[-1], 60)
        self.assertLessEqual(pauses[-1], 900)

    def test_hanging_system_costs_one_slice(self):
        """A system that takes calls and never answers: a few calls, and the rest waits untouched."""
        self.connection.write({"timeout_read": 0.3, "parallel_calls": 2})
        flow = self.out_flow()
        self.partners(30)
        self.shop.fault("timeout_before", seconds=2, times=None)
        self.work()
        self.assertLessEqual(self.shop.counts()["requests"], 10)
        self.assertEqual(self.connection.circuit_state, "open")
        self.shop.clear_faults()
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertNotIn("processing", syncs.mapped("state"))

    def test_paused_connection_does_nothing(self):
        flow = self.out_flow()
        self.connection.action_pause()
        partner = self.partner("Ann")
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0)
        self.connection.action_resume()
        self.work()
        self.assertState(flow, partner, "synced")

    def test_paused_flow_does_nothing(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        flow.action_pause()
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0)
        self.assertState(flow, partner, "pending")
        with self.assertRaisesRegex(Exception, "is Paused"):
            self.press(self.sync(flow, partner).action_retry)
        flow.action_resume()
        self.work()
        self.assertState(flow, partner, "synced")
