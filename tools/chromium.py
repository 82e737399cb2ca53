"""A Chromium without a window, driven by its own protocol, and Odoo's JSON calls: for pictures and for tries of the guide.

Needs Chromium and the packages requests and websocket-client (requirements-test.txt).
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import requests
import websocket

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*", "about:blank")


class Odoo:
    """Odoo's own JSON calls, as the web client makes them."""

    def __init__(self, url, login="admin"):
        self.url, self.http = url.rstrip("/"), requests.Session()
        database = self._post("/web/database/list", {})[0]
        self._post("/web/session/authenticate", {"db": database, "login": login, "password": login})

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


def until(ready, seconds=30, what="The page did not become what it should be."):
    """What ``ready`` answers, as soon as that is something."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > end:
            raise SystemExit(what)
        time.sleep(0.1)
    return found


class Browser:
    """Open, do, take a picture."""

    def __init__(self, odoo):
        self.odoo, self.number, self.profile = odoo, 0, tempfile.mkdtemp()
        self.process = subprocess.Popen(
            ["chromium", f"--user-data-dir={self.profile}", *FLAGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = Path(self.profile, "DevToolsActivePort")
        until(lambda: port_file.exists() and port_file.read_text().strip())
        pages = requests.get(f"http://127.0.0.1:{port_file.read_text().split()[0]}/json", timeout=10).json()
        page = next(page for page in pages if page["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=30)
        for cookie in odoo.http.cookies:
            self.send("Network.setCookie", name=cookie.name, value=cookie.value, url=odoo.url)

    def send(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        return answer.get("result", {})

    def run(self, script):
        return self.send("Runtime.evaluate", expression=script, returnByValue=True).get("result", {}).get("value")

    def size(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def open(self, path, wait, width, height):
        self.size(width, height)
        self.send("Page.navigate", url=self.odoo.url + path)
        until(lambda: self.run(f"!!document.querySelector({wait!r})"), what=f"{path} shows no {wait}.")
        time.sleep(1.5)

    def click(self, selector, text=""):
        found = self.run(f"""(() => {{
            const found = [...document.querySelectorAll({selector!r})].find(e => e.textContent.includes({text!r}));
            found?.click();
            return !!found;
        }})()""")
        if not found:
            raise SystemExit(f"There is no {selector} with the text {text!r}.")
        time.sleep(1.5)

    def shoot(self, file):
        Path(file).write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
