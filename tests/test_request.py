"""Requests: somebody asks about a record and the answer fills it. A carrier over real HTTP, contacts as its parcels."""

import json

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .carrier import Carrier
from .common import FlowCase


@tagged("post_install", "-at_install")
class TestRequest(FlowCase):
    def setUp(self):
        super().setUp()
        self.carrier = Carrier()
        self.addCleanup(self.carrier.stop)
        self.connection.base_url = self.carrier.url
        self.parcel = self.env["res.partner"].create({"name": "Parcel", "city": "Ghent", "ref": "P1"})

    def request_flow(self, resource, steps, rules, **vals):
        flow = self.make_flow("res.partner", rules, resource, state="draft", direction="request", **vals)
        for number, step in enumerate(steps):
            step = dict(step)
            name = step.pop("operation")
            operation = resource.operation_ids.filtered(lambda operation, name=name: operation.name == name)
            self.env["integration.request.step"].create({
                "flow_id": flow.id, "sequence": number, "operation_id": operation.id, **step})
        flow.action_test_mode()
        return flow

    def shipments(self, **changes):
        operations = {
            "draft": {"method": "POST", "path": "shipments"},
            "buy": {"method": "POST", "path": "shipments/{id}/buy"},
            "label": {"method": "GET", "path": "{+label_url}", "format": "binary"},
            "cancel": {"method": "POST", "path": "shipments/{id}/cancel", "idempotent": True},
            **changes,
        }
        resource = self.make_resource("shipments", {"read": {"path": "shipments/{id}"}, "find": {
            "path": "shipments", "query": {"reference": "{value}"}}})
        for name, vals in operations.items():
            self.env["integration.operation"].create({
                "resource_id": resource.id, "kind": "action", "name": name, "error_paths": "message", **vals})
        return resource

    def label_flow(self, resource=None, draft=None, **vals):
        return self.request_flow(resource or self.shipments(), [
            {"operation": "draft", **(draft or {})},
            {"operation": "buy", "body": json.dumps({"rate": "{=rates[?service=='{sent.service}'].id | [0]}"}),
             "done_path": "status != 'draft'"},
            {"operation": "label", "name": "label", "attach_path": "@", "attach_name": "Label {tracking}"},
        ], [
            ("city", "to.city", {"direction": "export"}),
            ("ref", "reference", {"direction": "export", "match_key": True}),
            ("function", "service", {"direction": "export", "default_value": "std"}),
            ("street", "tracking", {"direction": "import"}),
            ("website", "label.content_type", {"direction": "import"}),
        ], request_effect="create", name="Create Label", **vals)

    def ask(self, flow, records=None):
        """Press the entry in the Action menu; returns the notification's kind and text."""
        records = self.parcel if records is None else records
        action = flow.request_action_id.with_context(
            active_model=records._name, active_ids=records.ids, active_id=records[:1].id)
        result = self.press(action.run)
        return result["params"]["type"], result["params"]["message"]

    def labels(self, record=None):
        return self.env["ir.attachment"].search([
            ("res_model", "=", "res.partner"), ("res_id", "=", (record or self.parcel).id)])

    def test_rates_fill_the_record(self):
        rates = self.make_resource("rates", {})
        self.env["integration.operation"].create({
            "resource_id": rates.id, "kind": "action", "name": "rates", "method": "GET", "path": "rates"})
        flow = self.request_flow(rates, [{"operation": "rates"}], [
            ("zip", "zip", {"direction": "export"}),
            ("street", "sort_by(rates, &price)[0].service", {"direction": "import"}),
            ("street2", "zip[0]", {"direction": "import"}),
        ], request_label="Get Rates")
        self.parcel.zip = "9000"
        kind, text = self.ask(flow)
        self.assertEqual(kind, "success", text)
        self.assertEqual((self.parcel.street, self.parcel.street2), ("std", "9000"))
        self.assertFalse(self.env["integration.link"].search([("connection_id", "=", self.connection.id)]))
        self.parcel.zip = "1000"
        self.ask(flow)
        self.assertEqual(self.parcel.street2, "1000", "asked again, the new answer counts")

    def test_buttons_on_the_record(self):
        """For users of integrations who may read the record; of running request flows of its model only."""
        flow = self.label_flow(request_label="Create Label")
        clerk = new_test_user(self.env, "carrier_clerk", groups="base.group_user,integration_flow.group_integration_user")
        outsider = new_test_user(self.env, "carrier_outsider", groups="base.group_user")
        flows = self.env["integration.flow"]
        self.assertEqual(flows.with_user(clerk).get_record_requests("res.partner", self.parcel.id), [
            {"id": flow.id, "label": "Create Label", "system": self.connection.name}])
        self.assertEqual(flows.with_user(clerk).get_record_requests("res.users", clerk.id), [])
        self.assertEqual(flows.with_user(outsider).get_record_requests("res.partner", self.parcel.id), [])
        with self.assertRaises(AccessError):
            flow.with_user(outsider).action_request_record(self.parcel.id)
        result = self.press(lambda: flow.with_user(clerk).action_request_record(self.parcel.id))
        self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
        self.assertEqual(self.parcel.street, "T-s1")
        flow.action_pause()
        self.assertEqual(flows.with_user(clerk).get_record_requests("res.partner", self.parcel.id), [])

    def test_a_label_is_bought_once(self):
        self.parcel.function = "fast"
        flow = self.label_flow()
        kind, text = self.ask(flow)
        self.assertEqual(kind, "success", text)
        self.assertEqual(self.parcel.street, "T-s1")
        self.assertEqual(self.carrier.shipments["s1"]["service"], "fast")
        self.assertEqual(self.labels().mapped("name"), ["Label T-s1.pdf"])
        self.assertEqual(self.labels().raw, b"%PDF-1.4\n")
        self.assertEqual(self.records(flow), {"s1": self.parcel})
        self.ask(flow)
        self.assertEqual((len(self.carrier.shipments), self.carrier.bought(), len(self.labels())), (1, 1, 1))

    def test_lost_answers_make_nothing_twice(self):
        resource = self.shipments()
        flow = self.label_flow(resource)
        for lost, calls in (("POST /shipments$", 1), ("POST /shipments/\\w+/buy", 1), ("GET /labels", 1)):
            with self.subTest(lost=lost):
                parcel = self.env["res.partner"].create({"name": lost, "city": "Ghent", "ref": lost})
                before = self.carrier.bought()
                self.carrier.lose = lost
                kind, text = self.ask(flow, parcel)
                self.assertNotEqual(kind, "success", text)
                self.make_due(flow)
                self.work()
                self.work()
                sync = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", parcel.id)])
                self.assertEqual(sync.state, "synced", sync.error_message)
                self.assertEqual(self.carrier.bought() - before, calls)
                self.assertEqual(len([one for one in self.carrier.shipments.values() if one["reference"] == lost]), 1)
                self.assertEqual(len(self.labels(parcel)), 1)

    def test_without_a_way_to_look_a_person_decides(self):
        resource = self.shipments()
        resource.operation_ids.filtered(lambda operation: operation.kind == "read").unlink()
        flow = self.label_flow(resource)
        self.carrier.lose = "buy"
        self.ask(flow)
        sync = self.syncs(flow)["s1"]
        self.assertEqual(sync.state, "unknown")
        self.work()
        self.ask(flow)
        self.assertEqual((sync.state, self.carrier.bought()), ("unknown", 1), "it is not bought again by itself")

    def test_one_bad_address_does_not_stop_the_others(self):
        flow = self.label_flow()
        parcels = self.env["res.partner"].create([
            {"name": f"Parcel {number}", "city": number != 3 and "Ghent", "ref": f"B{number}"} for number in range(7)])
        kind, text = self.ask(flow, parcels)
        self.assertIn("7", text)
        self.work()
        self.work()
        bad = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", parcels[3].id)])
        self.assertFailed(bad, "validation", "to.city is missing")
        self.assertEqual([len(self.labels(parcel)) for parcel in parcels], [1, 1, 1, 0, 1, 1, 1])
        parcels[3].city = "Bruges"
        self.press(bad.action_retry)
        self.assertEqual(len(self.labels(parcels[3])), 1)

    def test_cancel_ends_it_and_a_new_one_can_be_made(self):
        resource = self.shipments()
        flow = self.label_flow(resource)
        cancel = self.request_flow(resource, [{"operation": "cancel"}], [], request_effect="end", name="Cancel Label")
        kind, text = self.ask(cancel)
        self.assertEqual(kind, "danger")
        self.assertIn("nothing was made", text)
        self.ask(flow)
        kind, text = self.ask(cancel)
        self.assertEqual(kind, "success", text)
        self.assertEqual(self.carrier.shipments["s1"]["status"], "cancelled")
        self.assertFalse(self.records(flow))
        self.ask(flow)
        self.assertEqual(self.records(flow), {"s2": self.parcel})

    def refused_draft(self, discard, resource=None):
        """A draft whose purchase was refused: its flow and its sync record."""
        resource = resource or self.shipments()
        cancel = resource.operation_ids.filtered(lambda operation: operation.name == "cancel")
        flow = self.label_flow(resource, {"is_draft": True, "discard_operation_id": discard and cancel.id})
        self.parcel.city = "Nowhere"
        self.ask(flow)
        sync = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", self.parcel.id)])
        self.assertFailed(sync, "validation", "nobody drives")
        return flow, sync

    def drafts(self):
        """City and status of what the carrier has for the parcel, in the order in which it was made."""
        return [(one["city"], one["status"]) for one in self.carrier.shipments.values()
                if one["reference"] == self.parcel.ref]

    def test_a_draft_is_made_anew_when_its_record_has_changed(self):
        resource = self.shipments()
        for discard, old, said in ((True, "cancelled", "it was cancelled"), (False, "draft", "stays over there")):
            with self.subTest(said):
                self.parcel = self.env["res.partner"].create({"name": said, "city": "Ghent", "ref": said})
                flow, sync = self.refused_draft(discard, resource)
                draft = sync.external_id
                self.press(sync.action_retry)
                self.assertEqual(self.drafts(), [("Nowhere", "draft")], "the same draft, asked again")
                self.parcel.city = "Bruges"
                self.press(sync.action_retry)
                self.assertEqual(sync.state, "synced", sync.error_message)
                self.assertEqual(self.drafts(), [("Nowhere", old), ("Bruges", "bought")])
                self.assertEqual(self.parcel.street, f"T-{sync.external_id}")
                self.assertEqual(self.records(flow)[sync.external_id], self.parcel)
                told = " ".join(line.message or "" for line in sync.log_ids)
                self.assertIn(f"Draft {draft}", told)
                self.assertIn(said, told)
                self.parcel.city = "Ghent"
                self.ask(flow)
                self.assertEqual(len(self.drafts()), 2, "what is bought is no draft any more")

    def test_a_draft_that_was_bought_over_there_is_kept(self):
        _flow, sync = self.refused_draft(discard=True)
        self.carrier.shipments["s1"]["city"] = "Ghent"
        self.carrier.change(self.carrier.shipments["s1"], "buy", {"rate": "r1"})
        self.parcel.city = "Bruges"
        self.press(sync.action_retry)
        self.assertEqual((sync.state, self.parcel.street, self.drafts()), ("synced", "T-s1", [("Ghent", "bought")]))

    def test_a_refused_cancellation_and_a_lost_answer_stop_no_new_draft(self):
        flow, sync = self.refused_draft(discard=True)
        self.parcel.city = "Bruges"
        self.carrier.shipments["s1"]["locked"] = True
        self.carrier.lose = "POST /shipments$"  # the new draft is made, and nobody hears of it
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "waiting", sync.error_message)
        self.assertFalse(self.records(flow), "the old draft is not this record's any more")
        self.parcel.city = "Ghent"
        self.make_due(flow)
        self.work()
        self.assertEqual(sync.state, "synced", sync.error_message)
        self.assertEqual(self.drafts(), [("Nowhere", "draft"), ("Bruges", "cancelled"), ("Ghent", "bought")])
        self.assertIn("locked", " ".join(line.detail or "" for line in sync.log_ids))

    def test_live_requests_ask_by_themselves(self):
        flow = self.label_flow(timing="live", domain="[('ref', '=like', 'L%')]")
        parcel = self.env["res.partner"].create({"name": "Live", "city": "Ghent"})
        self.work()
        self.assertFalse(self.carrier.calls)
        parcel.ref = "L1"
        self.work()
        self.assertEqual(parcel.street, "T-s1")
        self.assertEqual(self.states(flow), {"s1": "synced"})

    def test_scheduled_requests_ask_about_every_record(self):
        flow = self.label_flow(timing="scheduled", domain="[('ref', '=like', 'P%')]")
        self.run_flow(flow)
        self.assertEqual(self.states(flow), {"s1": "synced"})

    def test_who_may_ask(self):
        flow = self.label_flow()
        self.assertEqual(flow.request_action_id.binding_model_id.model, "res.partner")
        plain = self.make_user("plain", "base.group_user")
        user = self.make_user("clerk", "base.group_user,integration_flow.group_integration_user")
        with self.refuses(UserError, "Integrations: User"):
            flow.with_user(plain).sudo(False)._request_records(self.parcel.with_user(plain))
        with self.assertRaises(AccessError):
            flow.request_action_id.with_user(plain).with_context(
                active_model="res.partner", active_ids=self.parcel.ids, active_id=self.parcel.id).run()
        result = self.press(lambda: flow.with_user(user)._request_records(self.parcel.with_user(user)))
        self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
        flow.action_pause()
        self.assertFalse(flow.request_action_id, "a paused flow offers nothing")
        with self.refuses(UserError, "Paused"):
            flow._request_records(self.parcel)

    def test_what_is_missing_is_said(self):
        resource = self.shipments()
        flow = self.make_flow("res.partner", [("city", "to.city", {"direction": "export"})], resource,
                              state="draft", direction="request")
        text = " ".join(flow._problems())
        self.assertIn("Calls", text)
        self.assertIn("answer fills nothing", text)
        flow = self.label_flow(resource, {"is_draft": True})
        self.assertFalse(flow._problems())
        flow.request_step_ids[-1].is_draft = True
        self.assertIn("can be drafts", " ".join(flow._problems()))
        cancel = resource.operation_ids.filtered(lambda operation: operation.name == "cancel")
        flow.request_step_ids[0].discard_operation_id = cancel
        with self.refuses(UserError, "Take it out of their calls"):
            cancel.unlink()
