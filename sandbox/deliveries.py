"""Deliver webhooks in the background: in order, signed, retried under the same id; badly when asked to."""

import heapq
import http.client
import itertools
import random
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from .messages import dumps
from .signatures import sign

RESOURCES = {"orders": "order", "customers": "customer", "products": "product", "coupons": "coupon"}
KEPT = 1000


class Delivery:
    """One message to one receiver, with everything that was tried."""

    def __init__(self, number, hook, topic, body):
        self.id = f"{number:032x}"
        self.hook = hook
        self.topic = topic
        self.body = body
        self.state = "waiting"
        self.attempts = []
        self.bad_signature = False
        self.is_ping = topic == "ping"

    def describe(self):
        return {
            "id": self.id, "webhook": self.hook["id"], "topic": self.topic, "url": self.hook["delivery_url"],
            "state": self.state, "attempts": self.attempts, "body": self.body.decode("utf-8", "replace"),
        }  # fmt: skip


class Deliveries:
    def __init__(self, store, settings):
        self._store = store
        self._settings = settings
        self._wake = threading.Condition()
        self._due = []  # heap of (time, order, delivery)
        self._order = itertools.count()
        self._numbers = itertools.count(1)
        self._threads = 0
        self._hooks = (None, ())
        self._failures = {}
        self.secrets = {}
        self.reset()
        store.listeners.append(self.heard)

    def reset(self):
        with self._wake:
            self._due.clear()
            self._held = []
            self.hold = False
            self.next_bad = {"duplicate": 0, "drop": 0, "bad_signature": 0}
            self.log = deque(maxlen=KEPT)

    # Outgoing

    def heard(self, name, event, row):
        """Called by the store, inside its lock, after each change."""
        resource = RESOURCES.get(name)
        if not resource:
            return
        topic = f"{resource}.{event}"
        for hook in self._active():
            if hook["topic"] == topic:
                thin = event == "deleted" or hook["payload_style"] == "thin"
                self._send(hook, topic, dumps({"id": row.id}) if thin else row.blob)

    def _active(self):
        version = self._store.webhooks.version
        if self._hooks[0] != version:
            hooks = [hook for hook in self._store.webhooks.records() if hook.get("status") == "active"]
            self._hooks = (version, hooks)
        return self._hooks[1]

    def ping(self, hook):
        """The message without signature that the real shop sends when a webhook is saved."""
        self._send(hook, "ping", f"webhook_id={hook['id']}".encode())

    def post(self, hook, topic, body):
        """Send one message of another system of the sandbox; a hook has ``id``, ``delivery_url``, ``signature_style``."""
        self._send(hook, topic, body)

    def _send(self, hook, topic, body):
        with self._wake:
            delivery = Delivery(next(self._numbers), hook, topic, body)
            self.log.append(delivery)
            copies = 1
            if not delivery.is_ping:
                if self._take("drop"):
                    delivery.state = "dropped"
                    return
                delivery.bad_signature = self._take("bad_signature")
                copies += self._take("duplicate")
            for _ in range(copies):
                if self.hold:
                    delivery.state = "held"
                    self._held.append(delivery)
                else:
                    self._push(delivery, 0)

    def _take(self, kind):
        if self.next_bad[kind] <= 0:
            return False
        self.next_bad[kind] -= 1
        return True

    def _push(self, delivery, seconds):
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), delivery))
        while self._threads < max(1, self._settings.webhook_workers):
            threading.Thread(target=self._work, args=(self._threads,), daemon=True).start()
            self._threads += 1
        self._wake.notify()

    # On demand

    def control(self, values):
        """``hold``, ``release`` (order, reverse or shuffle; ``seed``), ``duplicate``, ``drop``,
        ``bad_signature``,
        ``redeliver`` (a delivery id)."""
        with self._wake:
            self.hold = values.get("hold", self.hold)
            for kind in self.next_bad:
                self.next_bad[kind] = values.get(kind, self.next_bad[kind])
            if "release" in values:
                self._release(values["release"], values.get("seed", 0))
            if "redeliver" in values:
                for delivery in [found for found in self.log if found.id == values["redeliver"]]:
                    self._push(delivery, 0)

    def _release(self, order, seed):
        held, self._held, self.hold = self._held, [], False
        if order == "reverse":
            held.reverse()
        elif order == "shuffle":
            random.Random(seed).shuffle(held)
        for delivery in held:
            self._push(delivery, 0)

    def describe(self):
        with self._wake:
            log = [delivery.describe() for delivery in self.log]
            return {"hold": self.hold, "waiting": len(self._due), "held": len(self._held), **self.next_bad,
                    "deliveries": log}  # fmt: skip

    def forgive(self, hook_id):
        self._failures.pop(hook_id, None)

    # In the background

    def _work(self, number):
        while True:
            with self._wake:
                if number >= max(1, self._settings.webhook_workers):
                    self._threads -= 1
                    self._wake.notify()  # the wake-up that this one took is for another one
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
                delivery = heapq.heappop(self._due)[2]
            self._attempt(delivery)

    def _attempt(self, delivery):
        started = time.time()
        try:
            status, error = self._post(delivery), None
        except Exception as failure:  # whatever the receiver does, the shop goes on
            status, error = None, f"{type(failure).__name__}: {failure}"
        delivered = status is not None and 200 <= status < 300
        with self._wake:
            attempt = {"at": round(started, 3), "status": status, "error": error}
            delivery.attempts.append(attempt)
            if delivered:
                delivery.state = "delivered"
                self._failures.pop(delivery.hook["id"], None)
                return
            failed = sum(1 for entry in delivery.attempts if not 200 <= (entry["status"] or 0) < 300)
            delays = self._settings.webhook_retry_delays
            if failed <= len(delays) and not delivery.is_ping:
                delivery.state = "retrying"
                self._push(delivery, delays[failed - 1])
                return
            delivery.state = "failed"
        if not delivery.is_ping:
            self._given_up(delivery.hook["id"])

    def _given_up(self, hook_id):
        """After some deliveries given up in a row the webhook is disabled, and nobody is told."""
        self._failures[hook_id] = self._failures.get(hook_id, 0) + 1
        limit = self._settings.webhook_disable_after
        if limit and self._failures[hook_id] >= limit:
            with self._store.lock:
                record = self._store.webhooks.get(hook_id)
                if record:
                    record["status"] = "disabled"
                    self._store.stamp(record, "modified")
                    self._store.save("webhooks", record)

    def _post(self, delivery):
        hook, body = delivery.hook, delivery.body
        headers = {"User-Agent": "integration-flow-sandbox Hookshot", "Content-Type": "application/json"}
        if delivery.is_ping:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            resource, _, event = delivery.topic.partition(".")
            headers |= {
                "X-WC-Webhook-Source": f"{self._settings.site_url}/", "X-WC-Webhook-Topic": delivery.topic,
                "X-WC-Webhook-Resource": resource, "X-WC-Webhook-Event": event,
                "X-WC-Webhook-ID": str(hook["id"]), "X-WC-Webhook-Delivery-ID": delivery.id,
            }  # fmt: skip
            if hook["signature_style"] == "shopify":
                headers["X-Shopify-Topic"] = delivery.topic
            secret = "wrong" if delivery.bad_signature else self.secrets.get(hook["id"], "")
            headers |= sign(
                hook["signature_style"], secret, body, delivery.id, int(time.time()), hook["delivery_url"])
        url = urlsplit(hook["delivery_url"])
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname, url.port, timeout=self._settings.webhook_timeout)
        try:
            target = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            answer.read(1024 * 1024)
            return answer.status
        finally:
            connection.close()
