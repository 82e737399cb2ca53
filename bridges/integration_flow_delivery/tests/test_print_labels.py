"""One button for the labels of many deliveries."""

import io

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools.pdf import PdfFileReader

from .common import DeliveryCase


@tagged("post_install", "-at_install")
class TestPrintLabels(DeliveryCase):
    def many(self, count, bad=()):
        return self.env["stock.picking"].concat(*[
            self.delivery(self.customer(street="Veldstraat" if number in bad else "Veldstraat 9"))
            for number in range(count)])

    def dialog(self, pickings, user=None):
        action = self.press(pickings.with_user(user or self.env.user).action_integration_print_labels)
        return self.env[action["res_model"]].with_user(user or self.env.user).browse(action["res_id"])

    def printed(self, action):
        attachment = int(action["url"].split("/")[3].partition("?")[0])
        return self.env["ir.attachment"].browse(attachment).raw

    def test_one_bad_address_leaves_the_others(self):
        clerk = new_test_user(self.env, "label_clerk", groups="stock.group_stock_user")
        pickings = self.many(7, bad=(3,))
        dialog = self.dialog(pickings, clerk)
        self.assertEqual((dialog.ready_count, dialog.missing_count), (6, 1))
        self.assertIn(pickings[3].name, dialog.problems)
        self.assertIn("House number is missing", dialog.problems)
        pdf = PdfFileReader(io.BytesIO(self.printed(dialog.action_pdf())))
        self.assertEqual(pdf.getNumPages(), 6)
        zpl = self.printed(dialog.action_zpl())
        self.assertEqual(zpl.count(b"^XA"), 6)
        order = [zpl.index(picking.name.encode()) for picking in dialog.picking_ids if picking.carrier_tracking_ref]
        self.assertEqual(order, sorted(order), "in the order of the list")
        self.assertEqual(dialog.action_missing()["domain"], [("id", "in", pickings[3].ids)])
        pickings[3].partner_id.street = "Veldstraat 9"
        self.press(dialog.action_again)
        self.assertEqual((dialog.ready_count, dialog.problems), (7, ""))
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_printed_again_nothing_is_made(self):
        picking = self.many(1)
        self.dialog(picking)
        self.must("shipping_cancel", picking)
        self.dialog(picking)
        self.shop.clear_counts()
        dialog = self.dialog(picking)
        self.assertFalse(self.shop.requests(method="POST"))
        pdf = PdfFileReader(io.BytesIO(self.printed(dialog.action_pdf())))
        self.assertEqual(pdf.getNumPages(), 1, "not the cancelled one")

    def test_very_many_are_made_in_the_background(self):
        from odoo.addons.integration_flow_delivery.models import stock_picking_label
        self.patch(stock_picking_label, "MOST_AT_ONCE", 2)
        dialog = self.dialog(self.many(3))
        self.assertEqual((dialog.ready_count, dialog.missing_count, dialog.problems), (0, 3, ""))
        self.work()
        self.env.invalidate_all()
        self.assertEqual((dialog.ready_count, dialog.missing_count), (3, 0))

    def test_rights(self):
        outsider = new_test_user(self.env, "label_outsider", groups="base.group_user")
        seller = new_test_user(self.env, "label_seller", groups="sales_team.group_sale_salesman_all_leads")
        picking = self.many(1)
        for user, call in (
                (outsider, "action_integration_print_labels"), (outsider, "send_to_shipper"),
                (seller, "action_integration_print_labels")):
            with self.subTest(user.login, call=call), self.assertRaises(AccessError):
                self.press(getattr(picking.with_user(user), call))
        self.assertFalse(self.carrier_state()["shipments"])

    def test_deliveries_of_other_methods(self):
        picking = self.delivery()
        picking.carrier_id = self.env["delivery.carrier"].create({
            "name": "Ours", "product_id": self.carriers["Economy"].product_id.id})
        self.assertIn("delivery method", self.problem(picking.action_integration_print_labels))


@tagged("post_install", "-at_install")
class TestPrintLabelsTour(DeliveryCase, HttpCase):
    def test_from_the_list(self):
        """Somebody of the warehouse chooses deliveries, reads which label is missing and why, and prints the others."""
        new_test_user(self.env, "label_tour", groups="stock.group_stock_user,base.group_partner_manager")
        self.delivery(self.customer(name="Tour Good"))
        self.delivery(self.customer(name="Tour Bad", street="Veldstraat"))
        self.start_tour("/odoo/deliveries", "integration_shipping_labels", login="label_tour")
        bad = self.env["stock.picking"].search([("partner_id.name", "=", "Tour Bad")])
        self.assertFalse(bad.carrier_tracking_ref)
        good = self.env["stock.picking"].search([("partner_id.name", "=", "Tour Good")])
        self.assertEqual(len(self.labels(good)), 2)
