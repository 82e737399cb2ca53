"""Packed deliveries: each package is a parcel with a label of its own, and the delivery is what its parcels are."""

from unittest.mock import patch

from odoo.tests import new_test_user, tagged

from odoo.addons.integration_flow.engine.requesting import Requester

from ..models.integration_parcel import status_of
from .common import DeliveryCase


class Killed(BaseException):
    """What a process that dies leaves behind: nothing is caught, what was not committed is gone."""


US = {"street": "5th Avenue 1", "city": "New York", "zip": "10001"}


@tagged("post_install", "-at_install")
class TestParcels(DeliveryCase):
    def packed(self, weights=(2, 3), loose=0, partner=None, kinds=()):
        """A delivery with a package of one piece for each weight, and ``loose`` pieces in none."""
        picking = self.delivery(partner, quantity=len(weights) + loose)
        picking.action_confirm()
        move = picking.move_ids
        move.move_line_ids.unlink()
        packages = self.env["stock.package"].create([
            {"name": f"{picking.name.split('/')[-1]}-{number}", "shipping_weight": weight,
             "package_type_id": kinds[number - 1].id if kinds else False}
            for number, weight in enumerate(weights, 1)])
        lines = [(package.id, 1) for package in packages] + ([(False, loose)] if loose else [])
        self.env["stock.move.line"].create([{
            "move_id": move.id, "picking_id": picking.id, "product_id": self.goods.id, "quantity": quantity,
            "product_uom_id": self.goods.uom_id.id, "location_id": move.location_id.id, "picked": True,
            "location_dest_id": move.location_dest_id.id, "result_package_id": package} for package, quantity in lines])
        return picking

    def shipments(self, picking=None):
        """Those of the parcels, in the order of their packages."""
        found = [one for one in self.carrier_state()["shipments"]
                 if picking is None or one["reference"].startswith(picking.name)]
        return sorted(found, key=lambda one: (one["reference"], one["id"]))

    def bought(self):
        return self.shop.counts()["creates"].get("postage", {}).get("total", 0)

    def scan(self, parcel, status):
        self.shop.control("POST", "track", {"tracking_code": parcel.carrier_tracking_ref, "status": status})

    def row(self, picking):
        """Where the row of the delivery is: another place after each write."""
        self.env.flush_all()
        self.env.cr.execute("SELECT ctid FROM stock_picking WHERE id = %s", [picking.id])
        return self.env.cr.fetchone()

    def test_each_package_has_its_label(self):
        """With its weight and dimensions, named after it; numbers, files and the sum of the prices are the delivery's."""
        kinds = self.env["stock.package.type"].create([
            {"name": "Small", "packaging_length": 254, "width": 127, "height": 100}, {"name": "Big"}])
        self.carriers["Economy"].write({"margin": 0.5, "fixed_margin": 1})
        picking = self.packed((2, 3), loose=1, kinds=kinds)
        clerk = new_test_user(self.env, "parcel_clerk", groups="stock.group_stock_user")
        self.validate(picking.with_user(clerk))
        self.assertFalse(self.shipments(), "nobody has waited for the carrier")
        self.work()
        parcels = picking.integration_parcel_ids
        first, second, loose = shipments = self.shipments(picking)
        self.assertEqual([one["reference"] for one in shipments], parcels.mapped("reference"))
        self.assertEqual([round(one["parcel"]["weight"] / 35.274, 2) for one in shipments], [2, 3, 2])
        self.assertEqual([first["parcel"].get(name) for name in ("length", "width", "height")], [10.0, 5.0, 3.9])
        self.assertNotIn("length", second["parcel"])
        self.assertEqual(parcels.mapped("carrier_tracking_ref"), [one["tracking_code"] for one in shipments])
        self.assertEqual(parcels[:2].package_id.mapped("integration_tracking_ref"),
                         [first["tracking_code"], second["tracking_code"]])
        self.assertEqual(self.env["stock.package"].search([("integration_tracking_ref", "=", second["tracking_code"])]),
                         parcels[1].package_id)
        self.assertEqual(picking.carrier_tracking_ref, ",".join(one["tracking_code"] for one in shipments))
        price = sum(float(one["selected_rate"]["rate"]) for one in shipments)
        self.assertAlmostEqual(picking.carrier_price, price * 1.5 + 1, 2, "the margins of the method, once")
        self.assertEqual(len(picking.message_ids.filtered(lambda one: "tracking number" in (one.body or ""))), 1)
        names = self.labels(picking).mapped("name")
        self.assertEqual(len(names), 6)
        for parcel, shipment in zip(parcels, shipments, strict=True):
            self.assertEqual([parcel.name in name for name in names if shipment["tracking_code"] in name], [True, True])
        links = picking.get_multiple_carrier_tracking()
        self.assertEqual(links, [[one["tracking_code"], one["tracker"]["public_url"]] for one in shipments])
        self.assertEqual((picking.integration_shipping_status, picking.integration_parcel_notice), ("pre_transit", ""))
        dialog = self.env["integration.label.print"].browse(self.press(picking.action_integration_print_labels)["res_id"])
        self.assertEqual((dialog.ready_count, dialog.missing_count), (3, 0))
        zpl = self.env["ir.attachment"].browse(int(dialog.action_zpl()["url"].split("/")[3].partition("?")[0])).raw
        places = [zpl.index(one["tracking_code"].encode()) for one in shipments]
        self.assertEqual((zpl.count(b"^XA"), places), (3, sorted(places)), "all of them, in the order of the parcels")
        self.work()
        self.assertEqual((self.bought(), len(self.labels(picking))), (3, 6))

    def test_the_cheapest_rate_is_that_of_all_parcels(self):
        """Of the services that take every one of them; nothing is bought, and nothing stays at the parcels."""
        for weights, service, price in (((2, 3), "Local", 2 * 3.2 + 5 * 0.3), ((2, 15), "Economy", 2 * 4.5 + 17 * 0.4)):
            picking = self.packed(weights)
            self.ask("shipping_rates", picking)
            self.assertEqual(picking.carrier_id, self.carriers[service])
            self.assertAlmostEqual(picking.carrier_price, price, 2)
            self.assertFalse(any(picking.integration_parcel_ids.mapped("price")))
        self.assertEqual(self.bought(), 0)
        picking = self.packed((2, 31))
        kind, text = self.ask("shipping_rates", picking)
        self.assertEqual(kind, "danger")
        self.assertIn(f"{picking.integration_parcel_ids[1].name}: ", text)

    def test_a_refused_parcel_is_named(self):
        """Nothing looks shipped of which a part is missing, and it is said what exists."""
        picking = self.packed((2, 25, 3))
        heavy = picking.move_line_ids.result_package_id.sorted("name")[1]
        self.carriers["Economy"].integration_ship_policy = "before"
        text = self.problem(picking.button_validate)
        for piece in (heavy.name, "Express", "2 of 3 parcels"):
            self.assertIn(piece, text)
        self.assertNotEqual(picking.state, "done")
        self.assertEqual(
            (picking.carrier_tracking_ref, picking.carrier_price, picking.integration_shipping_status), (False, 0, False))
        labelled = picking.integration_parcel_ids.filtered("carrier_tracking_ref")
        self.assertEqual(len(labelled), 2)
        for piece in (heavy.name, *labelled.mapped("carrier_tracking_ref"), "2 of 3"):
            self.assertIn(piece, picking.integration_parcel_notice)
        self.assertEqual(self.env["stock.picking"].search([
            ("integration_parcel_ids", "any", [("gone", "=", False), ("carrier_tracking_ref", "=", False)])]), picking)
        dialog = self.env["integration.label.print"].browse(self.press(picking.action_integration_print_labels)["res_id"])
        self.assertEqual((dialog.ready_count, dialog.missing_count, self.bought()), (0, 1, 2))
        self.assertIn(heavy.name, dialog.problems)
        # Packed anew into two packages: their labels are bought, those that exist are kept.
        line = picking.move_line_ids.filtered(lambda one: one.result_package_id == heavy)
        line.result_package_id = self.env["stock.package"].create({"name": "Lighter", "shipping_weight": 9})
        self.validate(picking)
        self.assertEqual((self.bought(), len(picking.carrier_tracking_ref.split(","))), (3, 3))
        self.assertFalse(picking.integration_parcel_notice)
        self.assertAlmostEqual(picking.carrier_price, sum(picking.integration_parcel_ids.mapped("price")), 2)

    def test_what_was_packed_anew_after_its_label_is_said(self):
        picking = self.packed((2, 25))
        self.ask("shipping_label", picking)
        kept = picking.integration_parcel_ids[0].package_id
        line = picking.move_line_ids.filtered(lambda one: one.result_package_id == kept)
        line.result_package_id = self.env["stock.package"].create({"name": "Other", "shipping_weight": 1})
        self.ask("shipping_label", picking)
        self.assertIn("not in the delivery any more", picking.integration_parcel_notice)
        self.assertIn(kept.name, picking.integration_parcel_notice)
        self.press(picking.cancel_shipment)
        self.assertNotIn("any more", picking.integration_parcel_notice)
        bought = [one for one in self.shipments(picking) if one["postage_label"]]
        self.assertEqual([one["refund_status"] for one in bought], ["submitted"] * 2)
        # What the refused draft says does not count any more.
        heavy = picking.integration_parcel_ids.filtered(lambda parcel: parcel.shipping_weight == 25)
        heavy.package_id.shipping_weight = 4
        self.press(picking.action_integration_print_labels)
        self.assertEqual(len(picking.carrier_tracking_ref.split(",")), 2)
        shipment, = [one for one in self.shipments(picking) if one["tracking_code"] == heavy.carrier_tracking_ref]
        self.assertAlmostEqual(shipment["parcel"]["weight"] / 35.274, 4, 2)

    def test_lost_answers_and_crashes_buy_only_what_is_missing(self):
        for path in ("/v2/shipments$", "/buy$", r"/files/.*pdf"):
            with self.subTest(path):
                before, picking = self.bought(), self.packed((2, 3))
                self.shop.fault("cut_after", path=path, times=1)
                self.validate(picking)
                self.work()
                if "files" not in path:  # what only reads is asked again at once
                    self.assertFalse(picking.carrier_tracking_ref, "one of two is no delivery")
                for _again in range(3):
                    self.make_due(self.flows["shipping_parcel_label"])
                    self.work()
                self.assertEqual((len(picking.carrier_tracking_ref.split(",")), self.bought() - before), (2, 2))
                self.assertEqual(len(self.labels(picking)), 4)
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_a_crash_between_two_parcels(self):
        """The process dies when one label is bought and stored, and when one is bought and not stored."""
        for method, when in (("_received_later", 2), ("store_files", 1), ("store_files", 2)):
            with self.subTest(method, when=when):
                before, picking = self.bought(), self.packed((2, 3))
                self.flows["shipping_parcel_label"].batch_size = 1
                self.validate(picking)
                ordinary, calls = getattr(Requester, method), []

                def dying(requester, *args, ordinary=ordinary, calls=calls, when=when):
                    calls.append(args)
                    if len(calls) == when:
                        raise Killed
                    return ordinary(requester, *args)

                with self.assertRaises(Killed), patch.object(Requester, method, dying):
                    self.work()
                self.env.invalidate_all()
                self.assertFalse(picking.carrier_tracking_ref)
                for _again in range(3):
                    self.work()
                    self.make_due(self.flows["shipping_parcel_label"])
                self.assertEqual((len(picking.carrier_tracking_ref.split(",")), self.bought() - before), (2, 2))
                self.assertEqual(len(self.labels(picking)), 4)
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_cancel_takes_all(self):
        picking = self.packed()
        self.validate(picking)
        self.work()
        one, other = parcels = picking.integration_parcel_ids
        self.scan(other, "in_transit")
        text = self.problem(picking.cancel_shipment)
        self.assertIn(other.name, text)
        self.assertIn("on its way", text)
        self.assertIn("1 of 2", picking.integration_parcel_notice)
        self.assertEqual((one.carrier_tracking_ref, picking.carrier_tracking_ref), (False, other.carrier_tracking_ref))
        self.press(picking.action_integration_print_labels)
        self.assertEqual(picking.carrier_tracking_ref, ",".join(parcels.mapped("carrier_tracking_ref")))
        self.assertEqual(self.bought(), 3, "only the cancelled one is bought again")
        self.scan(other, "pre_transit")
        self.press(picking.cancel_shipment)
        self.assertEqual([one["refund_status"] for one in self.shipments(picking)], ["submitted"] * 3)
        self.assertEqual(
            (picking.carrier_tracking_ref, picking.carrier_price, picking.integration_shipping_status), (False, 0, False))
        self.assertEqual(len(picking.message_ids.filtered(lambda message: "was cancelled" in (message.body or ""))), 3)
        self.press(picking.send_to_shipper)
        self.assertEqual((self.bought(), len(picking.carrier_tracking_ref.split(","))), (5, 2))

    def test_return_labels(self):
        self.carriers["Economy"].return_label_on_delivery = True
        picking = self.packed()
        self.validate(picking)
        self.work()
        self.assertEqual([one["is_return"] for one in self.shipments(picking)], [False, True] * 2)
        self.assertEqual(len(picking.return_label_ids), 4)
        for parcel in picking.integration_parcel_ids:
            self.assertEqual(sum(parcel.name in name for name in picking.return_label_ids.mapped("name")), 2)

    def test_it_has_arrived_when_all_parcels_have(self):
        picking = self.packed()
        self.validate(picking)
        self.work()
        one, other = picking.integration_parcel_ids
        self.scan(one, "delivered")
        self.run_flow(self.flows["shipping_parcel_asked"])
        self.assertEqual((one.shipping_status, picking.integration_shipping_status), ("delivered", "in_transit"))
        self.shop.clear_counts()
        self.run_flow(self.flows["shipping_asked"])
        self.assertFalse(self.shop.requests(route="/v2/trackers"), "its parcels are asked about")
        self.scan(other, "out_for_delivery")
        self.run_flow(self.flows["shipping_told"], self.flows["shipping_parcel_told"])
        self.assertEqual({other.shipping_status, picking.integration_shipping_status}, {"out_for_delivery"})
        self.scan(other, "delivered")
        self.run_flow(self.flows["shipping_parcel_asked"])
        self.assertEqual(picking.integration_shipping_status, "delivered")
        before = self.row(picking)
        one.shipping_status = "delivered"
        self.assertNotEqual(self.row(picking), before, "written in any case: two that arrive at once see each other")
        for statuses, expected in (
                (["pre_transit", "pre_transit"], "pre_transit"), (["in_transit", "out_for_delivery"], "in_transit"),
                (["delivered", "failure"], "failure"), (["delivered", "cancelled"], "delivered"),
                (["cancelled", "cancelled"], "cancelled"), (["unknown", "delivered"], "in_transit"), ([], False)):
            self.assertEqual(status_of(statuses), expected, statuses)

    def test_customs_papers_list_what_is_in_the_parcel(self):
        self.goods.write({"hs_code": "4819.10", "country_of_origin": self.env.ref("base.de").id, "list_price": 12.5})
        partner = self.customer(country_id=self.env.ref("base.us").id, state_id=self.env.ref("base.state_us_27").id, **US)
        picking = self.packed((3,), loose=2, partner=partner)
        self.ask("shipping_label", picking)
        self.assertEqual(
            [[(item["quantity"], item["value"], item["description"]) for item in one["customs_info"]["customs_items"]]
             for one in self.shipments(picking)], [[(1, 12.5, "Box")], [(2, 25.0, "Box")]])
        self.goods.hs_code = False
        picking = self.packed((3,), partner=partner)
        _kind, text = self.ask("shipping_label", picking)
        self.assertIn(picking.move_line_ids.result_package_id.name, text)
        self.assertIn("HS Code", text)
        self.assertIn("HS Code", picking.integration_parcel_notice, "also where no label exists at all")

    def test_boxes_in_a_container_are_one_parcel(self):
        kind = self.env["stock.package.type"].create({"name": "Crate", "base_weight": 4})
        picking = self.packed((0, 0))
        crate = self.env["stock.package"].create({"name": "Crate", "package_type_id": kind.id})
        picking.move_line_ids.result_package_id.package_dest_id = crate
        self.validate(picking)
        self.work()
        shipment, = self.shipments(picking)
        self.assertEqual(shipment["reference"], f"{picking.name} Crate")
        self.assertAlmostEqual(shipment["parcel"]["weight"] / 35.274, 8, 2)

    def test_without_flows_on_parcels_it_is_one_parcel(self):
        self.flows["shipping_parcel_label"].active = False
        self.flows["shipping_label"].domain = False
        picking = self.packed((2, 3))
        self.must("shipping_label", picking)
        shipment, = self.shipments(picking)
        self.assertAlmostEqual(shipment["parcel"]["weight"] / 35.274, 5, 1)
