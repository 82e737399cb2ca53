"""First import of the demo: the shop blueprint against the running sandbox. Run inside an Odoo shell by ``./dev run``.

Reads INTEGRATION_SANDBOX_URL; prints one line ``SUMMARY {json}`` with what was imported and what needs attention.
"""

import base64
import json
import os

import requests

SHOP_PRODUCTS = {
    "SHOP-SHIPPING": "Shipping (shop)", "SHOP-DISCOUNT": "Discount (shop)", "SHOP-FEE": "Fee (shop)",
}
STEPS = ("woo_taxes", "woo_customers", "woo_products", "woo_variants", "woo_variant_prices", "woo_orders")
# What these bring along. The flows that send to the shop stay in Draft until somebody wants to see them.
BROUGHT_ALONG = (
    "woo_guests", "woo_addresses", "woo_items", "woo_attributes", "woo_attribute_values", "woo_templates",
    "woo_variant_values")


def prepare(env):
    """What the shop's flows refer to: a price list in its currency, three service products, one contact tag."""
    euro = env.ref("base.EUR")
    euro.active = True
    for currency in (euro, env.ref("base.USD")):
        name = f"Shop ({currency.name})"
        if not env["product.pricelist"].search([("name", "=", name)], limit=1):
            env["product.pricelist"].create({"name": name, "currency_id": currency.id})
    for code, name in SHOP_PRODUCTS.items():
        if not env["product.product"].search([("default_code", "=", code)], limit=1):
            env["product.product"].create({
                "default_code": code, "name": name, "type": "service", "list_price": 0, "taxes_id": False,
                "invoice_policy": "order"})
    if not env["res.partner.category"].search([("name", "=", "Shop customer")], limit=1):
        env["res.partner.category"].create({"name": "Shop customer"})


def load_troublemakers(sandbox_url):
    """Two orders that cannot be right, as every shop has them, so that there is something to repair: a total that
    does not add up and a currency without a price list."""
    answer = requests.get(
        f"{sandbox_url}/wp-json/wc/v3/orders", params={"per_page": 1, "order": "asc", "orderby": "id"},
        headers={"X-API-Key": "sandbox-api-key"}, timeout=30)
    order = answer.json()[0]
    wrong_total = dict(order, id=9001, number="9001", total=f"{float(order['total']) + 10:.2f}")
    wrong_currency = dict(order, id=9002, number="9002", currency="CHF")
    requests.post(
        f"{sandbox_url}/_control/load", json={"collection": "orders", "records": [wrong_total, wrong_currency]},
        headers={"X-Control-Key": "sandbox-control"}, timeout=30).raise_for_status()


# What the owner of the demo shop expects of a busy day: changed there, changed in Odoo, there in all.
EXPECTED = {
    "woo_taxes": (1, 0, 20), "woo_customers": (20, 10, 500), "woo_products": (10, 0, 300),
    "woo_variants": (10, 0, 600), "woo_variant_prices": (10, 0, 600), "woo_orders": (60, 0, 5000)}


def expect(env, flows):
    """The numbers of the plan, which only people know; once."""
    for code, (there, here, whole) in EXPECTED.items():
        flow = flows[code]
        if not flow.business_owner_id:
            flow.write({
                "business_owner_id": env.uid, "records_in_per_day": there, "records_out_per_day": here,
                "records_in_all": whole})


def publish_stock(env):
    """Stock for others to read, and somebody who may. The button New Token on the consumer makes the token."""
    flow = env["integration.blueprint"]._apply_file("published_stock")["availability"]
    if flow.state == "draft":
        flow.action_go_live()
    if not flow.consumer_ids:
        env["integration.consumer"].create({"name": "Availability Screen", "flow_ids": [(4, flow.id)]})


def offer_graphql(env, sandbox_url):
    """The same shop by GraphQL: connected and tested, its flows not started. They would bring the same orders once more."""
    blueprint = env["integration.blueprint"]
    if blueprint._missing_apps(blueprint._shipped("graphql_shop")):
        return
    flows = blueprint._apply_file("graphql_shop", connection_vals={"graphql_shop": {
        "base_url": f"{sandbox_url}/admin/api/2026-04", "auth_secret_input": "sandbox-api-key"}})
    env.cr.commit()
    flows["graphql_orders"].connection_id.action_test()


# Where the other systems of the sandbox are, and with which secret they let in: by blueprint.
SYSTEMS = {
    "crm": ("", "sandbox-api-key"), "planner": ("", "sandbox-api-key"), "reporting": ("", "sandbox-api-key"),
    "shipping": ("/v2", "Basic " + base64.b64encode(b"sandbox-api-key:").decode())}


def connect_systems(env, sandbox_url):
    """Connections of the other blueprints, so that importing one by its card is all that is left to do: an import leaves a
    connection that is there as it is.

    :return: the connections, not tested yet
    """
    blueprint, codes = env["integration.blueprint"], []
    for name, (path, secret) in SYSTEMS.items():
        data = blueprint._shipped(name)
        [connection] = data["connections"]
        codes.append(connection["code"])
        blueprint._apply(
            {"format": data["format"], "name": data["name"], "connections": [connection]},
            connection_vals={connection["code"]: {"base_url": sandbox_url + path, "auth_secret_input": secret}})
    return env["integration.connection"].search([("code", "in", codes)])


def first_import(env, sandbox_url):
    """Apply the blueprint, put its flows into Test and carry out one run of each.

    :return: dict with ``imported`` ({label: count}) and ``attention`` (sentences)
    """
    from odoo.addons.integration_flow.engine.worker import Worker
    from odoo.addons.integration_flow.tools import demo_states

    env = env(user=env.ref("base.user_admin"))  # flows run as whoever makes them, and never as the superuser
    prepare(env)
    load_troublemakers(sandbox_url)
    flows = env["integration.blueprint"]._apply_file("woocommerce", connection_vals={"woo": {
        "base_url": f"{sandbox_url}/wp-json/wc/v3", "web_url": sandbox_url, "auth_secret_input": "sandbox-api-key"}})
    connection = flows["woo_orders"].connection_id
    expect(env, flows)
    for code in (*STEPS, *BROUGHT_ALONG):
        if flows[code].state == "draft":
            flows[code].action_test_mode()
    for code in STEPS:
        flows[code]._open_run("button")
    env.cr.commit()
    Worker(env, connection).run()
    env.cr.commit()
    publish_stock(env)
    offer_graphql(env, sandbox_url)
    others = connect_systems(env, sandbox_url)
    env.cr.commit()
    for other in others:
        other.action_test()
    env.cr.commit()
    demo_states.show(env, sandbox_url, Worker)
    counts = env["integration.sync"]._read_group(
        [("connection_id", "=", connection.id), ("state", "=", "synced")], ["flow_id"], ["__count"])
    failed = env["integration.sync"].search(
        [("connection_id", "=", connection.id), ("state", "in", ["failed", "conflict", "unknown", "held"])])
    waiting = env["integration.sync"].search_count([("connection_id", "=", connection.id), ("state", "=", "waiting")])
    attention = [f"{sync.flow_id.name} {sync.display_name}: {sync.error_message}" for sync in failed[:10]]
    if len(failed) > 10:
        attention.append(f"... and {len(failed) - 10} more")
    if waiting:
        attention.append(f"{waiting} records wait for others")
    for run in env["integration.run"].search([("connection_id", "=", connection.id), ("state", "=", "failed")]):
        attention.append(f"{run.flow_id.name}: {run.message}")
    attention += demo_states.summary(env)
    return {"imported": {flow.name: count for flow, count in counts}, "attention": attention}


if "env" in globals() and os.environ.get("INTEGRATION_SANDBOX_URL"):
    print("SUMMARY " + json.dumps(first_import(globals()["env"], os.environ["INTEGRATION_SANDBOX_URL"])))
