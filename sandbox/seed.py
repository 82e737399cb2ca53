"""Deterministic data: the same after every start and every reset."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from . import seed_catalog, seed_orders
from .resources.customers import BILLING_BLANK, SHIPPING_BLANK, avatar

KINDS = ("small", "large", "empty")
FIRST_DAY = datetime(2024, 1, 8, 8, 0, tzinfo=UTC)
STEP = timedelta(minutes=37)

FIRST = (
    "Anna", "Ben", "Clara", "David", "Elif", "Finn", "Greta", "Hannah", "Ivan", "Julia", "Karl", "Lena",
    "Mehmet",
    "Nora", "Oskar", "Paula", "Quirin", "Rosa", "Samuel", "Tilda", "Umut", "Vera", "Wanda", "Xaver", "Yara",
    "Zoë",
    "Łukasz", "Søren", "François", "José",
)  # fmt: skip
LAST = (
    "Müller", "Schmidt", "Nguyen", "Fischer", "Weber", "Kowalski", "Wagner", "Becker", "Rossi", "Hoffmann",
    "Koch",
    "Dubois", "Richter", "Klein", "Wolf", "García", "Neumann", "Schwarz", "O'Brien", "Øster", "Krüger",
    "Dvořák",
    "Lindström", "Yılmaz", "Smith", "Martin", "de Vries", "Ivanova", "Kaya",
)  # fmt: skip
PLACES = (
    ("DE", "BE", "10115", "Berlin"), ("DE", "HH", "20095", "Hamburg"), ("DE", "BY", "80331", "München"),
    ("AT", "", "1010", "Wien"), ("FR", "", "75001", "Paris"), ("US", "CA", "94103", "San Francisco"),
    ("GB", "", "SW1A 1AA", "London"), ("PL", "", "30-001", "Kraków"), ("DE", "NW", "50667", "Köln"),
    ("ES", "M", "28001", "Madrid"), ("CH", "ZH", "8001", "Zürich"),
)  # fmt: skip
STREETS = (
    "Hauptstraße",
    "Lindenweg",
    "Rue de la Paix",
    "Market Street",
    "Gartenstraße",
    "Ringstraße",
    "Seeweg",
)
COMPANIES = ("", "", "", "Nordlicht GmbH", "Atelier Soleil SARL", "Bäcker & Söhne KG", "Acme Ltd.", "")


def ascii_text(text):
    """
    >>> ascii_text("Dvořák O'Brien")
    'dvorakobrien'
    """
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("ø", "o").replace("ı", "i").lower())
    return re.sub(r"[^a-z0-9]", "", plain.encode("ascii", "ignore").decode())


def person(number):
    """One customer by number; every number is somebody else."""
    first, last = FIRST[number % len(FIRST)], LAST[(number * 7 + number // len(FIRST)) % len(LAST)]
    country, state, postcode, city = PLACES[number * 3 % len(PLACES)]
    email = f"{ascii_text(first)}.{ascii_text(last)}.{number}@example.com"
    address = {
        "first_name": first, "last_name": last, "company": COMPANIES[number % len(COMPANIES)],
        "address_1": f"{STREETS[number % len(STREETS)]} {number % 180 + 1}",
        "address_2": f"Floor {number % 6}" if number % 5 == 0 else "", "city": city, "state": state,
        "postcode": postcode, "country": country,
    }  # fmt: skip
    phone = f"+49 30 {1000000 + number * 37 % 8999999}"
    return {
        "email": email, "first_name": first, "last_name": last, "username": email.split("@", maxsplit=1)[0],
        "billing": {**address, "email": email, "phone": phone}, "shipping": {**address, "phone": ""},
    }  # fmt: skip


SPECIAL = (
    {"email": "only.email@example.com"},
    {
        "email": "html@example.com",
        "first_name": "<b>Bold</b>",
        "last_name": "O’Neil & Söhne <script>alert(1)</script>",
    },
    {"email": "unicode@example.com", "first_name": "王小明 🎉", "last_name": "עברית العربية"},
    {
        "email": "long@example.com",
        "first_name": "Maximiliane " * 12,
        "last_name": "von und zu Hohenlohe-Langenburg",
    },
    {"email": "UPPER.Case+tag@Example.com", "first_name": "Upper", "last_name": "Case"},
)


def add_customer(app, values, told=False):
    """Straight into the store: this is how 100,000 of them come in seconds."""
    store = app.store
    key = store.next_id("customer")
    record = {
        "id": key, "date_created": None, "date_created_gmt": None, "date_modified": None,
        "date_modified_gmt": None,
        "email": values["email"], "first_name": values.get("first_name", ""),
        "last_name": values.get("last_name", ""),
        "role": "customer", "username": values.get("username", values["email"].split("@")[0].lower()),
        "billing": {**BILLING_BLANK, **values.get("billing", {})},
        "shipping": {**SHIPPING_BLANK, **values.get("shipping", {})},
        "is_paying_customer": False, "avatar_url": avatar(values["email"]), "meta_data": [],
    }  # fmt: skip
    moment = None if told else FIRST_DAY + STEP * (key % 8000) + timedelta(seconds=key // 8000)
    store.stamp(record, "created", "modified", when=moment)
    store.save("customers", record, event="created" if told else None)


def customers(app, count, told=False):
    """``count`` more; their numbers go on where the last ones ended."""
    for _ in range(count):
        number = app.store.next_id("person")
        while app.store.customers.first("email", person(number)["email"]) is not None:
            number = app.store.next_id("person")
        add_customer(app, person(number), told)


GENERATORS = {"customers": customers, "products": seed_catalog.products, "orders": seed_orders.orders}


def reset(app, kind):
    """Forget everything, then fill the shop anew."""
    app.faults.clear()
    app.let_go()
    app.limit.reset()
    app.oauth.revoke()
    with app.store.lock:
        app.deliveries.reset()
        app.store.clear()
        app.idempotency.clear()
        app.carrier.reset()
        for system in app.systems.values():
            system.clear()
        app.seed = kind
        _quietly(app, lambda: _fill(app, kind))
    app.metrics.reset()


def more(app, counts):
    with app.store.lock:
        _quietly(app, lambda: [GENERATORS[name](app, number) for name, number in counts.items()])


def _quietly(app, work):
    """Nothing is counted, and no webhook is sent."""
    listeners, app.store.listeners = app.store.listeners, []
    app.metrics.muted = True
    try:
        work()
    finally:
        app.store.listeners, app.metrics.muted, app.store.moment = listeners, False, None


def _fill(app, kind):
    app.store.moment = FIRST_DAY
    seed_catalog.taxes(app)
    if kind == "empty":
        return
    seed_catalog.base(app)
    small = kind == "small"
    customers(app, 20 if small else 1000)
    for values in SPECIAL:
        add_customer(app, values)
    seed_catalog.products(app, 0 if small else 480)
    seed_orders.cases(app, FIRST_DAY + timedelta(days=120), timedelta(hours=5))
    seed_orders.orders(app, 6 if small else 2000, start=FIRST_DAY + timedelta(days=140))
