"""Webhooks: who is told about what. Delivery itself is in ``deliveries.py``."""

import ipaddress
from urllib.parse import urlsplit

from ..listing import Spec
from ..messages import ApiError
from ..signatures import STYLES
from ..validation import one_of, string
from .base import Resource

RESOURCES = ("order", "customer", "product", "coupon")
EVENTS = ("created", "updated", "deleted")


def is_loopback(host):
    """
    >>> is_loopback("127.0.0.1"), is_loopback("shop.localhost"), is_loopback("example.com")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Webhooks(Resource):
    name = "webhooks"
    label = "Webhook"
    sequence = "webhook"
    not_found = ("woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    exists_code = "woocommerce_rest_shop_webhook_exists"
    fields = {
        "name": string, "status": one_of("active", "paused", "disabled"), "topic": string,
        "delivery_url": string,
        "secret": string, "signature_style": one_of(*STYLES), "payload_style": one_of("full", "thin"),
    }  # fmt: skip
    required = ("topic", "delivery_url")
    spec = Spec(statuses=("any", "all", "active", "paused", "disabled"), search=("name", "delivery_url"))

    def build(self, values, parent):
        record = {
            "id": 0, "name": "", "status": "active", "topic": "", "resource": "", "event": "", "hooks": [],
            "delivery_url": "", "date_created": None, "date_created_gmt": None, "date_modified": None,
            "date_modified_gmt": None, "signature_style": "woocommerce", "payload_style": "full",
        }  # fmt: skip
        self._secret = values.setdefault("secret", f"secret_{self.store.random.getrandbits(128):032x}")
        self.change(record, values, parent)
        return record

    def change(self, record, values, parent):
        secret = values.pop("secret", None)
        record.update(values)
        resource, _, event = record["topic"].partition(".")
        if resource not in RESOURCES or event not in EVENTS:
            raise ApiError(400, "woocommerce_rest_invalid_webhook_topic", "Webhook topic must be valid.")
        url = urlsplit(record["delivery_url"])
        if url.scheme not in ("http", "https") or not url.hostname:
            message = "Webhook delivery URL must be valid URL starting with http:// or https://."
            raise ApiError(400, "woocommerce_rest_invalid_webhook_delivery_url", message)
        if not (self.settings.allow_remote_webhooks or is_loopback(url.hostname)):
            message = "This sandbox delivers webhooks to this machine only (see --allow-remote-webhooks)."
            raise ApiError(400, "sandbox_delivery_url_not_loopback", message)
        record["name"] = record["name"] or f"Webhook: {record['topic']}"
        record.update(resource=resource, event=event, hooks=[f"woocommerce_{resource}_{event}"])
        if secret is not None and record["id"]:
            self.app.deliveries.secrets[record["id"]] = secret

    def finish(self, record, before):
        record.pop("meta_data", None)

    def after_save(self, record, before):
        if before is None:
            self.app.deliveries.secrets[record["id"]] = self._secret
            if record["status"] == "active" and self.settings.webhook_ping:
                self.app.deliveries.ping(record)
        else:
            self.app.deliveries.forgive(record["id"])
