"""Guesses at a mapping, on records of real systems."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..suggesting import LEAST_SCORE, Target, concept, suggest

PAYLOADS = Path(__file__).resolve().parents[2] / "tests" / "payloads"
PARTNER = [
    Target("name", "Name", "char", True), Target("email", "Email", "char"), Target("phone", "Phone", "char"),
    Target("street", "Street", "char"), Target("street2", "Street2", "char"), Target("city", "City", "char"),
    Target("zip", "Zip", "char"), Target("country_id", "Country", "many2one"), Target("vat", "Tax ID", "char"),
    Target("is_company", "Is a Company", "boolean"), Target("company_name", "Company Name", "char"),
    Target("color", "Color Index", "integer"), Target("comment", "Notes", "html"), Target("website", "Website", "char")]
LINE = (Target("name", "Description", "text", True), Target("product_uom_qty", "Quantity", "float", True),
        Target("price_unit", "Unit Price", "float"), Target("discount", "Discount (%)", "float"))
ORDER = [
    Target("client_order_ref", "Customer Reference", "char"), Target("date_order", "Order Date", "datetime", True),
    Target("note", "Terms and conditions", "html"), Target("amount_total", "Total", "monetary"),
    Target("currency_id", "Currency", "many2one"), Target("order_line", "Order Lines", "one2many", children=LINE)]
PRODUCT = [
    Target("name", "Name", "char", True), Target("default_code", "Internal Reference", "char"),
    Target("barcode", "Barcode", "char"), Target("list_price", "Sales Price", "float"), Target("weight", "Weight", "float"),
    Target("description_sale", "Sales Description", "text")]
WOO_CUSTOMER = {
    "id": 7, "date_created": "2026-01-01T10:00:00", "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee",
    "billing": {"company": "Lee Ltd", "address_1": "Main 1", "address_2": "", "city": "Ghent", "postcode": "9000",
                "country": "BE", "phone": "+32 1"}, "is_paying_customer": True, "meta_data": []}


def payload(name):
    data = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    for step in ("body", "order", "product", "data"):
        data = data[step] if isinstance(data, dict) and isinstance(data.get(step), dict) else data
    return data


def found(sample, targets, **options):
    return {each.odoo_path: each for each in suggest(sample, targets, **options)}


def test_a_customer_of_a_shop():
    made = found(WOO_CUSTOMER, PARTNER)
    assert {name: each.external_path for name, each in made.items() if each.external_path} == {
        "email": "email", "phone": "billing.phone", "street": "billing.address_1", "street2": "billing.address_2",
        "city": "billing.city", "zip": "billing.postcode", "country_id": "billing.country",
        "company_name": "billing.company"}
    assert (made["name"].transform, made["name"].template) == ("template", "{first_name} {last_name}")
    assert made["country_id"].transform == "country"
    assert [name for name, each in made.items() if each.match_key] == ["email"]


def test_an_order_with_lines():
    sample = {"id": 1, "number": "1001", "date_created": "2026-01-31T10:00:00", "currency": "EUR", "total": "24.20",
              "customer_note": "Ring", "line_items": [{"id": 5, "name": "Lamp", "quantity": 2, "price": 10.0}]}
    made = found(sample, ORDER)
    assert {name: (each.external_path, each.transform) for name, each in made.items()} == {
        "client_order_ref": ("number", "none"), "date_order": ("date_created", "datetime"),
        "note": ("customer_note", "none"), "amount_total": ("total", "number"), "currency_id": ("currency", "currency"),
        "order_line": ("line_items", "none")}
    assert {each.odoo_path: each.external_path for each in made["order_line"].children} == {
        "name": "name", "product_uom_qty": "quantity", "price_unit": "price"}


@pytest.mark.parametrize(("name", "targets", "expected"), [
    ("medusa/order_placed", ORDER, {
        "amount_total": "total", "order_line": "items", "client_order_ref": "display_id", "date_order": "created_at"}),
    ("medusa/order_placed", PARTNER, {"email": "customer.email"}),
    ("medusa/product", PRODUCT, {"name": "title", "weight": "weight"}),
    ("karrio/order", ORDER, {"order_line": "line_items"}),
])
def test_recorded_payloads(name, targets, expected):
    made = found(payload(name), targets)
    assert {field: made[field].external_path for field in expected if field in made} == expected


def test_types_decide():
    assert "color" not in found({"color": "blue"}, PARTNER)
    assert "is_company" not in found({"is_company": "Lee Ltd"}, PARTNER)
    assert found({"is_company": True}, PARTNER)["is_company"].external_path == "is_company"
    assert "date_order" not in found({"created_at": "yesterday"}, ORDER)
    assert found({"listPrice": "9.90"}, PRODUCT)["list_price"].transform == "number"


def test_what_has_a_rule_is_left_alone():
    assert "email" not in found(WOO_CUSTOMER, PARTNER, taken=["email"])
    assert suggest([1, 2], PARTNER) == [] and suggest({}, PARTNER) == []


def test_odd_names_are_quoted():
    assert found({"e-mail": "a@b.co"}, PARTNER)["email"].external_path == '"e-mail"'


@pytest.mark.parametrize(("name", "meaning"), [
    ("EAN-13", "barcode"), ("orderNumber", "clientorderref"), ("Postal Code", "zip"), ("partner_id", "partner")])
def test_concepts(name, meaning):
    assert concept(name) == meaning


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.one_of(st.text(max_size=6), st.sampled_from(["name", "email", "line_items", "total", "sku"])), inner,
        max_size=4)),
    max_leaves=15)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6))
def test_any_payload(sample):
    made = suggest(sample, [*PARTNER, *ORDER])
    fields, paths = [each.odoo_path for each in made], [each.external_path for each in made if each.external_path]
    assert len(fields) == len(set(fields)) and len(paths) == len(set(paths))
    assert all(LEAST_SCORE <= each.score <= 1 for each in made)
