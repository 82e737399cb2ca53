"""What the tests of published data share: contacts whose reference begins with ``X`` under the name ``contacts``."""

import hashlib
import json

from odoo.tests import HttpCase, TransactionCase

from odoo.addons.integration_flow.engine import publish_access, publish_serving

from .common import FlowTools

RULES = [
    {"odoo_path": "ref", "external_path": "ref", "match_key": True, "required": True},
    {"odoo_path": "name", "external_path": "name", "publish_filter": True},
    {"odoo_path": "city", "external_path": "address.city", "publish_filter": True},
]


class PublishTools(FlowTools):
    """Builders for publications, and looks at their documents. Wants ``env``."""

    def publish(self, rules=RULES, model="res.partner", *, live=True, **vals):
        flow = self.env["integration.flow"].create({
            "name": "Contacts", "direction": "publish", "publish_code": "contacts", "tz": "UTC", "lang": "en_US",
            "model_id": self.env["ir.model"]._get_id(model), "company_id": self.env.company.id,
            **({"domain": "[('ref', '=like', 'X%')]"} if model == "res.partner" else {}), **vals})
        self.add_rules(flow, rules)
        if live:
            flow.action_go_live()
        return flow

    def partner(self, name, **vals):
        return self.env["res.partner"].create({"name": name, "ref": f"X-{name}", **vals})

    def consume(self, *flows, limits=(), **vals):
        """A consumer who may read these publications. ``limits``: (filter, values) pairs."""
        return self.env["integration.consumer"].create({
            "name": "Shop", "flow_ids": [(6, 0, [flow.id for flow in flows])],
            "filter_ids": [(0, 0, {"name": name, "values": values}) for name, values in limits], **vals})

    def token(self, consumer, expires_on=False):
        """A new token of a consumer, in clear."""
        return self.env["integration.consumer.token"]._make(consumer, "Test", expires_on)[1]

    @staticmethod
    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()

    def refresh(self):
        """Let the scheduled action compute what has changed, as it does behind a commit."""
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            self.env.ref("integration_flow.ir_cron_publish").method_direct_trigger()
        self.env.invalidate_all()

    def rows(self, flow, **domain):
        return self.env["integration.document"].search(
            [("flow_id", "=", flow.id), *((name, "=", value) for name, value in domain.items())])

    def documents(self, flow):
        """``{key: document}`` of what is published now"""
        return {row.key: json.loads(row.body) for row in self.rows(flow, state="live")}

    def changes(self, flow):
        """``{key: change number}``, removals included"""
        return {row.key: row.change_number for row in self.rows(flow) if row.state != "error"}

    def problems(self, flow):
        """``{record id: sentence}``"""
        return {row.res_id: row.error for row in self.rows(flow, state="error")}


class PublishCase(PublishTools, TransactionCase):
    """A test on one transaction."""


class PublishServerCase(PublishTools, HttpCase):
    """A test over HTTP, with nothing that an earlier one has left in memory."""

    def setUp(self):
        super().setUp()
        self.patch(publish_access, "_counters", {})
        self.patch(publish_serving, "_cache", publish_serving._Cache(publish_serving.CACHE_BYTES))

    def refresh(self):
        self.env.cr.flush()
        self.env.ref("integration_flow.ir_cron_publish").method_direct_trigger()
        self.env.invalidate_all()
