"""Deliveries and a carrier, by the shipping blueprint alone: addresses, rates, labels, cancellation, returns."""

from odoo.tests import tagged

from .shipping_common import ShippingCase


@tagged("post_install", "-at_install")
class TestShipping(ShippingCase):
    def test_an_address_is_checked_and_corrected(self):
        partner = self.customer(zip="3511ab", city="Utrecht", street="Oudegracht  7", country_id=self.env.ref("base.nl").id)
        self.must("shipping_address", partner)
        self.assertEqual((partner.zip, partner.street, partner.city), ("3511 AB", "Oudegracht 7", "Utrecht"))
        partner.street = "Oudegracht"
        kind, text = self.ask("shipping_address", partner)
        self.assertEqual(kind, "danger")
        self.assertIn("House number is missing", text + (self.sync_of("shipping_address", partner).error_message or ""))
        self.assertEqual(partner.street, "Oudegracht", "what was refused changes nothing")

    def test_the_cheapest_rate(self):
        picking = self.delivery(service=None)
        self.must("shipping_rates", picking)
        self.assertEqual((picking.carrier_id, picking.carrier_price), (self.carriers["Local"], 3.8))
        self.assertFalse([one for one in self.shipments() if one["postage_label"]], "nothing is bought")

    def test_a_label_as_pdf_and_zpl(self):
        picking = self.delivery(service="Express")
        self.must("shipping_label", picking)
        shipment, = self.shipments(picking)
        self.assertEqual(shipment["selected_rate"]["service"], "Express")
        self.assertAlmostEqual(shipment["parcel"]["weight"], 70.5, 1, "two kilograms in ounces")
        self.assertEqual(picking.carrier_tracking_ref, shipment["tracking_code"])
        self.assertEqual(picking.carrier_price, float(shipment["selected_rate"]["rate"]))
        name = f"Label {picking.carrier_tracking_ref}"
        self.assertEqual(self.labels(picking).mapped("name"), [f"{name}.pdf", f"{name}.zpl"])
        pdf, zpl = self.labels(picking).mapped("raw")
        self.assertTrue(pdf.startswith(b"%PDF-") and zpl.startswith(b"^XA"))
        self.assertIn(picking.name.encode(), zpl)
        self.assertEqual(self.records(self.flows["shipping_label"]), {shipment["id"]: picking})
        self.ask("shipping_label", picking)
        self.assertEqual((len(self.shipments(picking)), len(self.labels(picking))), (1, 2), "asked again, nothing is new")

    def test_what_is_missing_is_said_before_anything_is_asked(self):
        self.goods.write({"hs_code": "4819.10", "list_price": 5})
        cases = [
            (self.delivery(service=None), "Carrier"),
            (self.delivery(self.customer(zip=False)), "Zip"),
            (self.delivery(self.customer(country_id=self.env.ref("base.jp").id)), "country"),
            (self.delivery(quantity=0), "weight"),
            (self.delivery(quantity=20), "weight"),
        ]
        for picking, named in cases:
            with self.subTest(named, weight=picking.shipping_weight):
                kind, _text = self.ask("shipping_label", picking)
                sync = self.sync_of("shipping_label", picking)
                self.assertEqual((kind, sync.state), ("danger", "failed"), sync.error_message)
                self.assertIn(named.lower(), f"{sync.error_message} {sync.error_hint}".lower())
        self.assertFalse(self.shop.requests(method="POST"), "the carrier was told nothing")

    def test_one_bad_address_leaves_the_other_labels(self):
        pickings = self.env["stock.picking"].concat(*[
            self.delivery(self.customer(street="Veldstraat" if number == 2 else "Veldstraat 9")) for number in range(6)])
        self.ask("shipping_label", pickings)
        self.work()
        self.work()
        bad = self.sync_of("shipping_label", pickings[2])
        self.assertFailed(bad, "validation", "House number is missing")
        self.assertEqual([len(self.labels(picking)) for picking in pickings], [2, 2, 0, 2, 2, 2])
        pickings[2].partner_id.street = "Veldstraat 9"
        self.press(bad.action_retry)
        self.assertEqual(len(self.labels(pickings[2])), 2)
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_lost_answers_buy_nothing_twice(self):
        for path in ("/v2/shipments$", "/buy$", "label.file_format", r"/files/.*pdf"):
            with self.subTest(path):
                picking = self.delivery()
                self.shop.fault("cut_after", path=path)
                self.ask("shipping_label", picking)
                for _again in range(3):
                    self.make_due(self.flows["shipping_label"])
                    self.work()
                sync = self.sync_of("shipping_label", picking)
                self.assertEqual(sync.state, "synced", f"{sync.error_message}\n{sync.error_detail}")
                self.assertEqual((len(self.shipments(picking)), len(self.labels(picking))), (1, 2))
        self.assertEqual(self.shop.counts()["doubled"], {})
        self.assertEqual(self.shop.counts()["creates"]["postage"]["total"], 4)

    def test_what_was_corrected_after_a_refused_purchase_is_bought(self):
        picking = self.delivery(self.customer(street="Veldstraat 9"))
        self.shop.fault("status", status=422, path="/buy$", times=1)
        self.ask("shipping_label", picking)
        sync = self.sync_of("shipping_label", picking)
        self.assertEqual(sync.state, "failed")
        old, = self.shipments(picking)
        picking.partner_id.street = "Veldstraat 19"
        picking.carrier_id = self.carriers["Express"]
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "synced", sync.error_message)
        bought, = [one for one in self.shipments(picking) if one["postage_label"]]
        self.assertEqual(
            (bought["to_address"]["street1"], bought["selected_rate"]["service"]), ("Veldstraat 19", "Express"))
        self.assertIn(old["id"], " ".join(line.message or "" for line in sync.log_ids))
        # The draft that is still there is not taken for the next label either.
        self.must("shipping_cancel", picking)
        self.must("shipping_label", picking)
        self.assertNotIn(picking.carrier_tracking_ref, (False, bought["tracking_code"]))
        self.assertEqual(len(self.shipments(picking)), 3)
        self.assertFalse([one for one in self.shipments(picking) if one["id"] == old["id"] and one["postage_label"]])

    def test_cancel_and_buy_again(self):
        picking = self.delivery()
        self.must("shipping_label", picking)
        first = picking.carrier_tracking_ref
        self.must("shipping_cancel", picking)
        self.assertEqual([one["refund_status"] for one in self.shipments(picking)], ["submitted"])
        self.assertFalse(picking.carrier_tracking_ref)
        self.must("shipping_label", picking)
        self.assertNotIn(picking.carrier_tracking_ref, (False, first))
        self.shop.control("POST", "track", {"tracking_code": picking.carrier_tracking_ref, "status": "in_transit"})
        kind, _text = self.ask("shipping_cancel", picking)
        self.assertEqual(kind, "danger")
        self.assertFailed(self.sync_of("shipping_cancel", picking), "validation", "on its way")
        self.assertTrue(picking.carrier_tracking_ref, "the label is still the delivery's")

    def test_a_return_label_beside_the_label(self):
        picking = self.delivery()
        self.must("shipping_label", picking)
        there = picking.carrier_tracking_ref
        self.must("shipping_return", picking)
        self.assertEqual([one["is_return"] for one in self.shipments(picking)], [False, True])
        self.assertEqual(picking.carrier_tracking_ref, there, "the delivery is followed by its own number")
        self.assertEqual(len(self.labels(picking)), 4)
        self.assertEqual(sum(name.startswith("Return label") for name in self.labels(picking).mapped("name")), 2)
