"""The shop for people: an overview and one page a record, so that links from elsewhere land somewhere."""

import struct
import zlib
from html import escape

from .messages import Response
from .resources.base import identifier

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 68rem; padding: 1.5rem; color: #222 }
a { color: #5b3a8e; text-decoration: none } a:hover { text-decoration: underline }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e5e5e5; vertical-align: top }
th { font-weight: 600; color: #666 } .num { text-align: right }
.pill { border-radius: 1rem; padding: 0 .6rem; background: #eee; font-size: .85em }
.processing, .publish, .instock { background: #cdebd0 } .completed { background: #cfe0f5 }
.failed, .cancelled, .outofstock { background: #f5d0d0 } .on-hold, .pending { background: #f8e6b8 }
"""
SHOWN = 25


def page(title, *parts):
    head = f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
    return Response.html(f"{head}<style>{STYLE}</style></head><body><p><a href='/'>Sandbox shop</a></p>"
                         f"<h1>{escape(title)}</h1>{''.join(parts)}</body></html>")  # fmt: skip


def missing():
    return Response.html(
        "<!DOCTYPE html><title>Not found</title><h1>Not found</h1><p><a href='/'>Shop</a></p>", 404
    )


def text(value):
    return escape("" if value is None else str(value))


def pill(status):
    return f"<span class='pill {text(status)}'>{text(status)}</span>"


def addresses(record):
    return [address(part(record, name, dict)) for name in ("billing", "shipping")]


def table(columns, rows):
    head = "".join(f"<th>{text(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def link(record, label, kind="post"):
    target = (
        f"user-edit.php?user_id={record.get('id')}" if kind == "user" else f"post.php?post={record.get('id')}"
    )
    return f"<a href='/wp-admin/{text(target)}'>{text(label) or '(no name)'}</a>"


def part(record, name, kind):
    """A part of a record, blank when hostile data holds something else there."""
    value = record.get(name)
    return value if isinstance(value, kind) else kind()


def full_name(values):
    return f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()


def address(values):
    lines = (
        full_name(values), values.get("company"),
        values.get("address_1"), values.get("address_2"),
        f"{values.get('postcode', '')} {values.get('city', '')} {values.get('country', '')}",
        values.get("email"),
        values.get("phone"),
    )  # fmt: skip
    return "<br>".join(text(entry) for entry in lines if str(entry or "").strip())


def serve(app, request):
    parts = request.segments
    if not parts:
        return home(app)
    if parts == ["wp-admin", "post.php"]:
        return post(app, identifier(request.param("post", "")))
    if parts == ["wp-admin", "user-edit.php"]:
        return customer(app, identifier(request.param("user_id", "")))
    if parts[0] == "product" and len(parts) == 2:
        key = app.store.products.first("slug", parts[1])
        return post(app, key)
    if parts[:2] == ["wp-content", "uploads"] and request.path.endswith(".png"):
        return Response(png(request.path), content_type="image/png")
    return missing()


def home(app):
    store = app.store

    def latest(name):
        return [row.record() for row in store.collections[name].ordered("id", True)[:SHOWN]]

    orders = [
        [link(r, f"#{r.get('number')}"), text(r.get("date_created")),
        address(part(r, "billing", dict)).split("<br>")[0],
         pill(r.get("status")), f"{text(r.get('total'))} {text(r.get('currency'))}"]
        for r in latest("orders")
    ]  # fmt: skip
    customers = [
        [link(r, full_name(r) or r.get("email"), "user"),
         text(r.get("email")), text(part(r, "billing", dict).get("city")), text(r.get("date_modified"))]
        for r in latest("customers")
    ]  # fmt: skip
    products = [
        [link(r, r.get("name")), text(r.get("sku")), pill(r.get("stock_status")),
        text(r.get("stock_quantity")),
         text(r.get("price"))]
        for r in latest("products")
    ]  # fmt: skip
    return page(
        "Sandbox shop",
        f"<h2>Orders ({len(store.orders.rows)})</h2>",
        table(("Order", "Date", "Customer", "Status", "Total"), orders),
        f"<h2>Customers ({len(store.customers.rows)})</h2>",
        table(("Name", "Email", "City", "Changed"), customers),
        f"<h2>Products ({len(store.products.rows)})</h2>",
        table(("Product", "SKU", "Status", "Stock", "Price"), products),
    )


def post(app, key):
    """The page of an order, a product or a variation."""
    for name in ("orders", "products", "variations"):
        record = app.store.collections[name].get(key)
        if record:
            return order(app, record) if name == "orders" else product(app, record)
    return missing()


def order(app, record):
    lines = [
        [text(item.get("name") or item.get("method_title") or item.get("code")), text(item.get("sku")),
         text(item.get("quantity")), text(item.get("total", item.get("discount"))),
         text(item.get("total_tax"))]
        for kind in ("line_items", "shipping_lines", "fee_lines", "coupon_lines")
        for item in part(record, kind, list)
    ]  # fmt: skip
    totals = [(name, text(record.get(field))) for name, field in (
        ("Discount", "discount_total"), ("Shipping", "shipping_total"), ("Tax", "total_tax"), ("Total",
        "total"),
    )] + [("Refund", text(refund.get("total"))) for refund in part(record, "refunds", list)]  # fmt: skip
    notes = app.store.notes.records("parent", record.get("id"))
    return page(
        f"Order #{record.get('number')}",
        f"<p>{pill(record.get('status'))} {text(record.get('date_created'))}</p>",
        table(("Billing", "Shipping"), [addresses(record)]),
        table(("Item", "SKU", "Quantity", "Total", "Tax"), lines),
        table(("", text(record.get("currency"))), totals),
        table(("Note", "Date"), [[text(note["note"]), text(note["date_created"])] for note in notes]),
    )


def product(app, record):
    variations = [
        [
            link(item, item.get("name")),
            text(item.get("sku")),
            text(item.get("price")),
            text(item.get("stock_quantity")),
        ]
        for item in app.store.variations.records("parent", record.get("id"))
    ]
    places = [
        [text(place["warehouse"]), text(place["quantity"])]
        for place in app.stock.places(record.get("sku") or "")
    ]
    return page(
        record.get("name") or "Product",
        f"<p>{pill(record.get('stock_status'))} {text(record.get('sku'))}: {text(record.get('price'))}</p>",
        table(("Warehouse", "Quantity"), places) if places else "",
        table(("Variation", "SKU", "Price", "Stock"), variations) if variations else "",
    )


def customer(app, key):
    record = app.store.customers.get(key)
    if not record:
        return missing()
    placed = app.store.orders.records("customer", record["id"])
    return page(
        full_name(record) or str(record.get("email")),
        f"<p>{text(record.get('email'))}, changed {text(record.get('date_modified'))}</p>",
        table(("Billing", "Shipping"), [addresses(record)]),
        table(
            ("Order", "Status", "Total"),
            [
                [link(item, f"#{item.get('number')}"), pill(item.get("status")), text(item.get("total"))]
                for item in placed
            ],
        ),
    )


def png(name):
    """A small picture of one colour that depends on the name."""
    colour = zlib.crc32(name.encode()).to_bytes(4, "big")[:3]
    size = 64

    def chunk(kind, data):
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = (b"\0" + colour * size) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
