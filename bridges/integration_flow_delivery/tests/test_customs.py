"""Parcels that leave the union, and their dimensions: sent where they are needed, missing pieces said before the call."""

from odoo.tests import tagged

from .common import DeliveryCase

US = {"street": "5th Avenue 1", "city": "New York", "zip": "10001"}


@tagged("post_install", "-at_install")
class TestCustoms(DeliveryCase):
    def over_there(self):
        return self.customer(country_id=self.env.ref("base.us").id, state_id=self.env.ref("base.state_us_27").id, **US)

    def test_customs_items_are_sent(self):
        self.goods.write({"hs_code": "4819.10", "country_of_origin": self.env.ref("base.de").id, "list_price": 12.5})
        picking = self.delivery(self.over_there(), quantity=3)
        self.assertTrue(picking.integration_needs_customs)
        self.must("shipping_label", picking)
        info = self.shipments(picking)[0]["customs_info"]
        self.assertEqual((info["contents_type"], info["customs_certify"]), ("merchandise", True))
        self.assertTrue(info["customs_signer"])
        item, = info["customs_items"]
        self.assertEqual(
            (item["description"], item["quantity"], item["value"], item["hs_tariff_number"], item["origin_country"]),
            ("Box", 3, 37.5, "4819.10", "DE"))
        self.assertAlmostEqual(item["weight"], 211.6, 1)

    def test_within_the_union_nothing_is_declared(self):
        picking = self.delivery(self.customer(country_id=self.env.ref("base.de").id, city="Berlin", zip="10115"))
        self.assertFalse(picking.integration_needs_customs)
        self.must("shipping_label", picking)
        self.assertIsNone(self.shipments(picking)[0]["customs_info"])

    def test_what_customs_miss_is_said_before_anything_is_asked(self):
        partner = self.over_there()
        for values, piece in (
                ({"hs_code": False, "list_price": 5}, "HS Code"), ({"hs_code": "4819.10", "list_price": 0}, "value")):
            with self.subTest(piece):
                self.goods.write(values)
                picking = self.delivery(partner)
                kind, _text = self.ask("shipping_label", picking)
                sync = self.sync_of("shipping_label", picking)
                self.assertEqual((kind, sync.state), ("danger", "failed"))
                self.assertIn(piece.lower(), sync.error_message.lower())
        self.goods.hs_code = False
        picking = self.delivery(partner)
        self.ask("shipping_label", picking)
        self.assertIn("Box", self.sync_of("shipping_label", picking).error_message, "which product it is")
        self.assertFalse(self.shop.requests(method="POST"), "the carrier was told nothing")

    def test_dimensions(self):
        kinds = self.env["stock.package.type"]
        usual = kinds.create({"name": "Usual", "packaging_length": 254, "width": 127, "height": 100})
        self.carriers["Economy"].integration_package_type_id = usual
        picking = self.delivery()
        self.must("shipping_label", picking)
        parcel = self.shipments(picking)[0]["parcel"]
        self.assertEqual((parcel["length"], parcel["width"], parcel["height"]), (10.0, 5.0, 3.9))
        own = kinds.create({"name": "Long", "packaging_length": 1500, "width": 100, "height": 100})
        picking = self.ready(self.delivery())
        picking.move_line_ids.result_package_id = self.env["stock.package"].create({"package_type_id": own.id})
        self.shop.clear_counts()
        self.ask("shipping_label", picking)
        self.assertIn("length", self.sync_of("shipping_parcel_label", picking.integration_parcel_ids).error_message)
        self.assertFalse(self.shop.requests(method="POST"), "too long for this carrier: known before the call")
