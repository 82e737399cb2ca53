"""Take the pictures of the documents anew, from a running ``./dev run``.

    python tools/screenshots.py --odoo http://127.0.0.1:8069 --sandbox http://127.0.0.1:8169

Needs Chromium and the packages requests and websocket-client (requirements-test.txt). It changes a telephone number in
the demo data so that one record fails; take the pictures on a database that you can throw away (``./dev run --fresh``).
"""

import argparse
import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import requests
import websocket

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*", "about:blank")


class Odoo:
    """Odoo's own JSON calls, as the web client makes them."""

    def __init__(self, url):
        self.url, self.http = url.rstrip("/"), requests.Session()
        database = self._post("/web/database/list", {})[0]
        self._post("/web/session/authenticate", {"db": database, "login": "admin", "password": "admin"})

    def _post(self, path, params):
        answer = self.http.post(self.url + path, json={"jsonrpc": "2.0", "params": params}, timeout=60).json()
        if "error" in answer:
            raise SystemExit(answer["error"])
        return answer.get("result")

    def call(self, model, method, *args, **kwargs):
        return self._post(f"/web/dataset/call_kw/{model}/{method}", {
            "model": model, "method": method, "args": args, "kwargs": kwargs})

    def one(self, model, *domain):
        return self.call(model, "search", domain, limit=1)[0]


class Browser:
    """Chromium by its own protocol: open, do, take a picture."""

    def __init__(self, odoo):
        self.odoo, self.number, self.profile = odoo, 0, tempfile.mkdtemp()
        self.process = subprocess.Popen(
            ["chromium", f"--user-data-dir={self.profile}", *FLAGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = Path(self.profile, "DevToolsActivePort")
        self._until(lambda: port_file.exists() and port_file.read_text().strip())
        pages = requests.get(f"http://127.0.0.1:{port_file.read_text().split()[0]}/json", timeout=10).json()
        page = next(page for page in pages if page["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=30)
        for cookie in odoo.http.cookies:
            self.send("Network.setCookie", name=cookie.name, value=cookie.value, url=odoo.url)

    @staticmethod
    def _until(ready, seconds=30):
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise SystemExit("The page did not become what it should be.")
            time.sleep(0.2)

    def send(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        return answer.get("result", {})

    def run(self, script):
        return self.send("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def open(self, path, wait, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.send("Page.navigate", url=self.odoo.url + path)
        self._until(lambda: self.run(f"!!document.querySelector({wait!r})"))
        time.sleep(1.5)

    def click(self, selector, text=""):
        self.run(f"[...document.querySelectorAll({selector!r})].find(e => e.textContent.includes({text!r})).click()")
        time.sleep(1.5)

    def shoot(self, name):
        picture = self.send("Page.captureScreenshot", format="png")["data"]
        (IMAGES / f"{name}.png").write_bytes(base64.b64decode(picture))

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


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
        Browser._until(lambda: odoo.call("integration.sync", "search_count", [*domain, ("state", "=", "failed")]), 120)
    return sync["res_id"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--odoo", default="http://127.0.0.1:8069")
    parser.add_argument("--sandbox", default="http://127.0.0.1:8169")
    options = parser.parse_args()
    odoo = Odoo(options.odoo)
    partner = fail_one(odoo, options.sandbox)
    orders = odoo.one("integration.flow", ("code", "=", "woo_orders"))
    failed = odoo.one("integration.sync", ("flow_id", "=", orders), ("state", "=", "failed"))
    run = odoo.one("integration.run", ("flow_id", "=", orders), ("state", "=", "done"))
    connection = odoo.one("integration.connection", ("code", "=", "woo"))
    conflict = odoo.one("integration.sync", ("state", "=", "conflict"))
    pictures = (  # name, address, what to wait for, height, what to click
        ("overview", "integrations", ".o_kanban_record", 640, ()),
        ("sync_records", "integration-issues", ".o_data_row", 440, ()),
        ("sync_record", f"integration-records/{failed}", ".o_form_sheet", 720, ()),
        ("record_panel", f"res.partner/{partner}", ".o_integration_status_banner", 560, ()),
        ("flow_plan", f"integration-flows/{orders}", ".o_form_sheet", 980, ()),
        ("conflict", f"integration-records/{conflict}", ".o_form_sheet", 720, ()),
        ("flow_fields", f"integration-flows/{orders}", ".o_form_sheet", 860, (".nav-link", "Fields")),
        ("connection_test", f"integration-connections/{connection}", ".o_form_sheet", 720, ("button", "Test Connection")),
        ("run", f"integration-runs/{run}", ".o_form_sheet", 640, ()),
        ("phone", "integration-issues", ".o_kanban_record", 844, ()),
    )
    IMAGES.mkdir(exist_ok=True)
    browser = Browser(odoo)
    try:
        for name, address, selector, height, click in pictures:
            browser.open(f"/odoo/{address}", selector, width=390 if name == "phone" else 1280, height=height)
            if click:
                browser.click(*click)
                browser.run("document.querySelector('.o_notebook .nav-link.active')?.scrollIntoView()")
            browser.shoot(name)
    finally:
        browser.close()


if __name__ == "__main__":
    main()
