"""Business alerts with kill -9 at each step: nothing is told twice, and what may have been told is in doubt, not lost.

Not part of Odoo's standard tests, because they commit; ``./dev test`` runs them.
"""

import signal
from contextlib import nullcontext

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import notice_sending, noticing
from odoo.addons.integration_flow.sandbox.chat import TOKEN
from odoo.addons.integration_flow.transport import Client

from .announce_common import PRIVATE
from .real import RealCase, dying

PARTNERS = 4


def run_alerts(registry, *kill):
    """The scheduled action; ``kill``: where this process dies, see ``dying``."""
    with registry.cursor() as cr, dying(*kill) if kill else nullcontext():
        notice_sending.run(api.Environment(cr, SUPERUSER_ID, {}))


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestAlertCrash(RealCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "True")
        self.addCleanup(self.forget)
        channel = self.env["integration.notice.channel"].create({
            "name": "Crash chat", "kind": "chat", "url_input": f"{self.shop.url}/chat/services/T1/crash/{TOKEN}"})
        self.rule = self.env["integration.notice.rule"].create({
            "name": "Crash", "model_id": self.env["ir.model"]._get_id("res.partner"), "title": "{ref}",
            "domain": "[('ref', '=like', 'CRASH%')]", "limit_count": 0, "channel_ids": [(4, channel.id)]})
        self.rule.action_switch_on()
        self.cr.commit()
        self.registry.clear_cache("stable")

    def forget(self):
        self.look()
        self.env["integration.notice.rule"].search([("name", "=", "Crash")]).unlink()
        self.env["integration.notice.channel"].search([("name", "=", "Crash chat")]).unlink()
        self.env["res.partner"].search([("ref", "=like", "CRASH%")]).unlink()
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "False")
        self.cr.commit()

    def posted(self):
        answer = self.shop.call("GET", "/chat/messages", headers={"X-Control-Key": self.shop.control_key})[2]
        return [message["body"]["blocks"][0]["text"]["text"] for message in answer["messages"]]

    def test_a_button_tells_what_its_own_transaction_does_not_see(self):
        """Odoo's transactions see what was there when they began; what the button sent is newer."""
        subscriber = self.env["integration.subscriber"].create({
            "name": "Crash robot", "url": f"{self.shop.url}/chat/services/T1/crash/{TOKEN}"})
        self.cr.commit()
        # The chat takes no event of a subscriber: that is told, too.
        for records, outcome in ((self.rule.channel_ids, "success"), (subscriber, "danger")):
            with self.subTest(records=records):
                self.cr.execute("SELECT 1")  # from here on it sees no more than now
                self.assertEqual(records.action_test()["params"]["type"], outcome)
                self.cr.commit()
        subscriber.unlink()
        self.env["integration.event"].search([]).unlink()
        self.cr.commit()

    def test_killed_at_each_step(self):
        steps = {
            "stored, not committed": (noticing, "store", "after", 0),
            "folded": (noticing, "throttle", "before", 0),
            "marked, not called": (Client, "send", "before", 1),
            "called, not recorded": (Client, "send", "after", 1),
            "recorded, not committed": (notice_sending.Sender, "_sent", "after", 1),
        }
        first = 0
        for name, (owner, method, when, doubts) in steps.items():
            with self.subTest(step=name):
                hit = 1 if owner is noticing else 2  # with one message on its way already
                refs = [f"CRASH{number}" for number in range(first, first + PARTNERS)]
                first += PARTNERS
                self.env["res.partner"].create([{"name": ref, "ref": ref} for ref in refs])
                self.cr.commit()
                self.assertEqual(self.join(self.fork(run_alerts, owner, method, when, hit)), [signal.SIGKILL])
                for _ in range(2):
                    self.assertEqual(self.join(self.fork(run_alerts)), [0])
                self.look()
                notices = self.env["integration.notice"].search(
                    [("rule_id", "=", self.rule.id), ("record_name", "in", refs)])
                self.assertEqual(sorted(notices.mapped("record_name")), sorted(refs), "each is there, and once")
                states = notices.mapped("state")
                self.assertEqual((states.count("doubtful"), states.count("sent")), (doubts, PARTNERS - doubts))
                told = [title for title in self.posted() if title in refs]
                self.assertEqual(len(told), len(set(told)), "nothing is told twice")
                self.assertLessEqual({notice.title for notice in notices if notice.state == "sent"}, set(told))
