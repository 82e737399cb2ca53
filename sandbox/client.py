"""A sandbox server for tests: its own process on a free port, with helpers for ``/_control``.

    with SandboxServer(seed="small", max_per_page=500) as shop:
        shop.fault("rate_limit", path="/orders", retry_after=1, times=2)
        ...
        assert shop.counts()["doubled"] == {}

Needs nothing but the standard library, so that it works inside and outside of Odoo. The server process is
started by path and imports neither the addon nor Odoo.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlencode, urlsplit

READY = "Sandbox ready: "
MAIN = Path(__file__).resolve().parent / "__main__.py"


class SandboxError(RuntimeError):
    """The server did not start, or refused what a test asked of it."""


class SandboxServer:
    """Flags as on the command line, with underscores: ``SandboxServer(latency_ms=20, auth="basic")``."""

    consumer_key = "ck_sandbox"
    consumer_secret = "cs_sandbox"
    api_key = "sandbox-api-key"
    client_id = "sandbox-client"
    client_secret = "sandbox-client-secret"
    control_key = "sandbox-control"

    def __init__(self, seed="small", port=0, wait=30, **flags):
        self.port = port
        self.url = None
        self.output = deque(maxlen=200)
        self._process = None
        self._wait = wait
        self._flags = {"seed": seed, **flags}
        for name in (
            "consumer_key",
            "consumer_secret",
            "api_key",
            "client_id",
            "client_secret",
            "control_key",
        ):
            setattr(self, name, flags.get(name, getattr(self, name)))

    # Life

    def start(self):
        command = [sys.executable, str(MAIN), "--port", str(self.port), "--exit-with-parent"]
        for name, value in self._flags.items():
            flag = f"--{name.replace('_', '-')}"
            command += [flag] if value is True else [] if value in (None, False) else [flag, str(value)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        ready = threading.Event()
        threading.Thread(target=self._read_output, args=(ready,), daemon=True).start()
        ready.wait(self._wait)
        if not self.url:
            self.stop()
            raise SandboxError("The sandbox did not start:\n" + "".join(self.output))
        self.port = urlsplit(self.url).port
        return self

    def _read_output(self, ready):
        for line in self._process.stdout:
            self.output.append(line)
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                ready.set()
        ready.set()

    def stop(self):
        """End the process; what it did not answer stays unanswered. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        process.stdin.close()
        process.stdout.close()

    def kill(self):
        """End it without warning, as a power cut does."""
        if self._process:
            self._process.kill()
            self._process.wait(5)
            self.stop()

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()

    # Addresses

    @property
    def api(self):
        return f"{self.url}/wp-json/wc/v3"

    @property
    def token_url(self):
        return f"{self.url}/oauth/token"

    # Calls

    def call(self, method, path, body=None, headers=None):
        """One plain HTTP call: ``(status, headers, parsed JSON or text)``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            raw = None if body is None else json.dumps(body).encode()
            connection.request(method, path, raw, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode()
            try:
                return answer.status, dict(answer.getheaders()), json.loads(text)
            except ValueError:
                return answer.status, dict(answer.getheaders()), text
        finally:
            connection.close()

    def get(self, path, **params):
        """Read the shop's API as a client with the API key does; returns the parsed answer."""
        query = f"?{urlencode(params)}" if params else ""
        status, _, answer = self.call(
            "GET", f"/wp-json/wc/v3/{path}{query}", headers={"X-API-Key": self.api_key}
        )
        if status != 200:
            raise SandboxError(f"GET {path}: {status} {answer}")
        return answer

    def control(self, method, path, body=None):
        """Call ``/_control/<path>``; an error of the control endpoint is an exception."""
        headers = {"X-Control-Key": self.control_key}
        status, _, answer = self.call(method, f"/_control/{path}", body, headers)
        if status >= 300:
            raise SandboxError(f"{method} /_control/{path}: {status} {answer}")
        return answer

    def fault(self, kind, **options):
        """Order one fault: ``fault("status", status=422, times=3, path="/orders")``; see ``faulty.py``."""
        return self.control("POST", "faults", {"kind": kind, **options})["faults"][0]

    def clear_faults(self):
        self.control("DELETE", "faults")

    def settings(self, **changes):
        """Change settings while the server runs; returns all of them."""
        return self.control("POST", "settings", changes) if changes else self.control("GET", "settings")

    def reset(self, seed=None):
        return self.control("POST", "reset", {"seed": seed} if seed else {})

    def seed(self, **counts):
        return self.control("POST", "seed", counts)

    def create(self, collection, body=None, count=1, parent=None):
        """The shop itself makes records (with webhooks); returns their ids."""
        values = {"collection": collection, "parent": parent}
        values |= {"body": body} if body is not None else {"count": count}
        return self.control("POST", "create", values)["ids"]

    def touch(self, collection="customers", **options):
        """The shop itself changes records: ``count=`` or ``ids=``, ``changes=``; returns their ids."""
        return self.control("POST", "touch", {"collection": collection, **options})["ids"]

    def delete(self, collection, *ids):
        return self.control("POST", "delete", {"collection": collection, "ids": ids})["ids"]

    def load(self, collection, records, **options):
        """Put raw records into a collection as they are."""
        return self.control("POST", "load", {"collection": collection, "records": records, **options})

    def counts(self):
        return self.control("GET", "counts")

    def clear_counts(self):
        self.control("DELETE", "counts")

    def dump(self, collection):
        """All records of one collection."""
        return self.control("GET", f"dump?collection={collection}")[collection]

    def requests(self, last=0, **filters):
        """The last requests that clients sent, oldest first; filters: ``method=``, ``route=``."""
        return self.control("GET", f"requests?{urlencode({'last': last, **filters})}")["requests"]

    def webhooks(self, **orders):
        """State and log of deliveries; orders: ``hold=``, ``release=``, ``duplicate=``, ``drop=``, ..."""
        return self.control("POST", "webhooks", orders)

    def wait_until(self, check, seconds=10, step=0.05):
        """Wait for something to become true; returns it, or raises."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            result = check()
            if result:
                return result
            time.sleep(step)
        raise SandboxError(f"Not true after {seconds} s.")
