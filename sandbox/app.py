"""The way of one request: counted, delayed, broken on demand, limited, authenticated, answered."""

import threading
import time

from . import auth, faulty, pages
from .carrier.desk import Carrier
from .chat import Chat
from .control import Control
from .crm import Crm
from .deliveries import Deliveries
from .faults import Faults
from .idempotency import Idempotency
from .limits import RateLimit
from .messages import ApiError, Response, no_route
from .metrics import Metrics
from .planner import Planner
from .resources.customers import Customers
from .resources.order_parts import Notes, Refunds
from .resources.orders import Orders
from .resources.products import Products, Variations
from .resources.simple import Categories, Coupons, Taxes
from .resources.stock import Prices, Stock
from .resources.system import SystemStatus, Warehouses
from .resources.webhooks import Webhooks
from .store import Store
from .warehouse import Warehouse

API = ["wp-json", "wc", "v3"]
PARTS = {"batch", "refunds", "notes", "variations", "categories"}


class GraphqlShop:
    """The GraphQL shop, made when it is called for the first time: the rest of the sandbox needs nothing but Python."""

    def __init__(self, app):
        self.app = app
        self.made = None

    def desk(self):
        with self.app.store.lock:
            if self.made is None:
                try:
                    from .graphql_shop.desk import GraphqlShop  # noqa: PLC0415
                except ImportError as error:
                    message = f"This part of the sandbox needs the package graphql-core ({error})."
                    raise ApiError(501, "not_installed", message) from None
                self.made = GraphqlShop(self.app)
            return self.made

    def clear(self):
        if self.made:
            self.made.clear()

    def serve(self, request):
        return self.desk().serve(request)

    def refusal(self, error):
        return Response.error(error) if error.status == 501 else self.desk().refusal(error)


class App:
    """The shop: everything that the threads of the server share."""

    def __init__(self, settings):
        self.settings = settings
        self.holding = threading.Event()  # set: requests held by a fault are let go
        self.store = Store(settings)
        self.metrics = Metrics(settings.keep_requests)
        self.faults = Faults()
        self.limit = RateLimit(settings)
        self.oauth = auth.OAuth(settings)
        self.idempotency = Idempotency()
        self.deliveries = Deliveries(self.store, settings)
        self.seed = "empty"  # what a reset fills the shop with
        self.key = None  # idempotency key of the write under way, inside the store's lock
        self.stock = Stock(self)
        self.resources = {kind.name: kind(self) for kind in (
            Customers, Products, Variations, Categories, Orders, Refunds, Notes, Coupons, Taxes, Webhooks,
        )} | {"stock": self.stock, "prices": Prices(self), "system_status": SystemStatus(self),
              "warehouses": Warehouses(self)}  # fmt: skip
        self.carrier = Carrier(self)
        # Further systems, by the first part of their paths.
        crm = Crm(self)
        self.systems = {"admin": GraphqlShop(self), "chat": Chat(self), "crm": crm, "communication-preferences": crm,
                        "webhooks": crm, "planner": Planner(self), "warehouse": Warehouse(self)}  # fmt: skip
        self.control = Control(self)

    def let_go(self):
        """Requests that a fault holds do not outlive a reset or the end."""
        self.holding.set()
        self.holding = threading.Event()

    def handle(self, request, connection):
        """The answer to one request; None when the connection was cut instead."""
        if request.segments[:1] == ["_control"]:
            return self.control.handle(request)
        started = self.metrics.started(connection.number)
        exchange = Exchange(self, request, connection)
        status = None
        try:
            answer = exchange.answer()
            status = answer.status if answer else None
            self._slow_down(started)
            return answer
        finally:
            self.metrics.finished(started, request, self.route(request), status, exchange.fault)

    def _slow_down(self, started):
        """Latency is what the whole answer takes, not what is added to it."""
        left = started + self.settings.latency_ms / 1000 - time.monotonic()
        if left > 0:
            time.sleep(left)

    def route(self, request):
        """The path without its ids, for counting: ``/orders/<id>/refunds``."""
        parts = request.segments
        if parts[:3] != API:
            return "/" + "/".join(parts[:2])
        known = PARTS | set(self.resources)
        return "/" + "/".join(part if part in known else "<id>" for part in parts[3:])

    def refusal(self, request, error):
        """The answer to a call that is refused, in the shape of the system that was called."""
        system = self.systems.get(request.segments[0]) if request.segments else None
        return system.refusal(error) if system else Response.error(error)

    def respond(self, request):
        """What the shop does for a request when nothing goes wrong."""
        parts = request.segments
        if parts == ["oauth", "token"]:
            if request.method != "POST":
                raise no_route()
            return self.oauth.token(request)
        if parts[:1] == ["v2"]:
            with self.store.lock:
                return self.carrier.serve(request)
        if parts and parts[0] in self.systems:
            return self.systems[parts[0]].serve(request)
        if parts[:1] != ["wp-json"]:
            with self.store.lock:
                return pages.serve(self, request)
        if parts in (["wp-json"], API):
            return Response.of(
                {"name": "Sandbox shop", "namespaces": ["wc/v3"], "routes": sorted(self.resources)}
            )
        if parts[:3] != API:
            raise no_route()
        auth.check(request, self.settings, self.oauth)
        resource = self.resources.get(parts[3])
        if resource is None or parts[3] in ("variations", "notes", "categories"):
            raise no_route()
        with self.store.lock:
            return self._once(request, resource, parts[4:])

    def _once(self, request, resource, parts):
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        self.key = key
        try:
            if not (key and self.settings.idempotency):
                return resource.serve(request, parts)
            kept = self.idempotency.replay(request, key)
            if kept:
                self.metrics.replayed += 1
                return Response(kept.body, kept.status, [*kept.headers, ("Idempotent-Replayed", "true")])
            answer = resource.serve(request, parts)
            self.idempotency.keep(request, key, Response(answer.body, answer.status, answer.headers))
            return answer
        finally:
            self.key = None


class Exchange:
    """One request with its connection, as faults see it."""

    def __init__(self, app, request, connection):
        self.app = app
        self.request = request
        self.connection = connection
        self.fault = None

    def answer(self):
        delay, fault = self.app.faults.pick(self.request)
        if delay:
            self.fault = "delay"
            self.hold(delay)
        try:
            self.app.limit.check()
        except ApiError as error:
            return self.app.refusal(self.request, error)
        if fault is None:
            return self.carry_out()
        self.fault = fault.kind
        return getattr(faulty, f"fault_{fault.kind}")(self, fault.options)

    def carry_out(self, request=None):
        """Let the shop do its work."""
        try:
            return self.app.respond(request or self.request)
        except ApiError as error:
            return self.app.refusal(self.request, error)

    def hold(self, seconds):
        self.app.holding.wait(seconds)

    def cut(self):
        self.connection.cut()

    def send_part(self, answer, stop_at):
        self.connection.write(answer, keep=False, stop_at=stop_at)
