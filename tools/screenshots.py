"""Take the pictures of the documents anew, from a running ``./dev run``.

    python tools/screenshots.py --odoo http://127.0.0.1:8069 --sandbox http://127.0.0.1:8169

Needs Chromium and the packages requests and websocket-client (requirements-test.txt). It changes a telephone number in
the demo data so that one record fails; take the pictures on a database that you can throw away (``./dev run --fresh``).
"""

import argparse
from pathlib import Path

import requests
from chromium import Browser, Odoo, until

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
NEEDS_ME = ".o_integration_attention_button"


def fail_one(odoo, sandbox):
    """A contact whose telephone number the shop refuses once; returns its id."""
    flow = odoo.one("integration.flow", ("code", "=", "woo_customers"))
    domain = [("flow_id", "=", flow), ("name", "=", "Ben Becker")]
    sync = odoo.call("integration.sync", "search_read", domain, ["res_id", "state"])[0]
    if sync["state"] == "synced":
        requests.post(f"{sandbox}/_control/faults", headers={"X-Control-Key": "sandbox-control"}, timeout=30, json={
            "kind": "status", "method": ["PUT", "PATCH", "POST"], "path": "/customers", "status": 400,
            "message": "Invalid parameter: billing.phone is not a valid telephone number."}).raise_for_status()
        odoo.call("res.partner", "write", [sync["res_id"]], {"phone": "+43 1 23"})
        until(lambda: odoo.call("integration.sync", "search_count", [*domain, ("state", "=", "failed")]), 120)
    return sync["res_id"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--odoo", default="http://127.0.0.1:8069")
    parser.add_argument("--sandbox", default="http://127.0.0.1:8169")
    parser.add_argument("names", nargs="*", help="only these pictures")
    options = parser.parse_args()
    odoo = Odoo(options.odoo)
    partner = fail_one(odoo, options.sandbox)
    orders = odoo.one("integration.flow", ("code", "=", "woo_orders"))
    failed = odoo.one("integration.sync", ("flow_id", "=", orders), ("state", "=", "failed"))
    synced = odoo.one("integration.sync", ("flow_id", "=", orders), ("state", "=", "synced"))
    run = odoo.one("integration.run", ("flow_id", "=", orders), ("state", "=", "done"))
    connection = odoo.one("integration.connection", ("code", "=", "woo"))
    conflict = odoo.one("integration.sync", ("state", "=", "conflict"))
    unknown = odoo.one("integration.sync", ("state", "=", "unknown"))
    held = odoo.one("integration.run", ("state", "=", "held"))
    pictures = (  # name, address, what to wait for, height, what to click
        ("overview", "integrations", ".o_kanban_record", 900, ()),
        ("needs_me", "integrations", NEEDS_ME, 420, [(NEEDS_ME, "")]),
        ("sync_records", "integration-issues", ".o_data_row", 520, ()),
        ("sync_record", f"integration-records/{failed}", ".o_form_sheet", 720, ()),
        ("record_panel", f"res.partner/{partner}", ".o_integration_status_banner", 560, ()),
        ("conflict", f"integration-records/{conflict}", ".o_form_sheet", 720, ()),
        ("unknown", f"integration-records/{unknown}", ".o_form_sheet", 520, ()),
        ("deletions", "integration-deletions", ".o_data_row", 300, ()),
        ("held", f"integration-runs/{held}", ".o_form_sheet", 720, ()),
        ("bulk", "integration-records", ".o_data_row", 460, [("thead .o_list_record_selector input", "")]),
        ("why_not", f"integration-records/{failed}", ".o_form_sheet", 720, [(".o_statusbar_buttons button", "Why Not?")]),
        ("dry_run", f"integration-records/{synced}", ".o_form_sheet", 860, [
            ("button[name=action_dry_run]", ""), (".modal button[name=action_preview]", "")]),
        ("specification", f"integration-flows/{orders}", ".o_form_sheet", 900, [("button[name=action_specification]", "")]),
        ("flow_plan", f"integration-flows/{orders}", ".o_form_sheet", 980, ()),
        ("flow_fields", f"integration-flows/{orders}", ".o_form_sheet", 860, [(".nav-link", "Fields")]),
        ("connection_test", f"integration-connections/{connection}", ".o_form_sheet", 720, [("button", "Test Connection")]),
        ("run", f"integration-runs/{run}", ".o_form_sheet", 640, ()),
        ("phone", "integration-issues", ".o_kanban_record", 844, ()),
    )
    IMAGES.mkdir(exist_ok=True)
    browser = Browser(odoo)
    try:
        for name, address, selector, height, click in pictures:
            if options.names and name not in options.names:
                continue
            browser.open(f"/odoo/{address}", selector, width=390 if name == "phone" else 1280, height=height)
            for selector, text in click:
                browser.click(selector, text)
                if selector == ".nav-link":
                    browser.run("document.querySelector('.o_notebook .nav-link.active')?.scrollIntoView()")
            if name == "specification":  # a page in the page
                until(lambda: browser.run("!!document.querySelector('iframe')?.contentDocument?.querySelector('.page svg')"))
            browser.shoot(IMAGES / f"{name}.png")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
