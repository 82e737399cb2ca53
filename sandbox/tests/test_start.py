"""Starting: by path and as a module, without Odoo, and ending with its parent."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from integration_flow.sandbox import client


def test_started_by_path_imports_neither_odoo_nor_the_addon():
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{str(client.MAIN)!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(client.MAIN)!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "bad = {name.split('.')[0] for name in sys.modules} & {'odoo', 'integration_flow', 'werkzeug'}\n"
        "assert not bad, bad\n"
        "assert 'integration_flow_sandbox.app' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--max-per-page" in done.stdout


def test_no_file_of_the_server_names_odoo_as_an_import():
    for path in Path(client.MAIN).parent.rglob("*.py"):
        if "tests" not in path.parts:
            lines = path.read_text().splitlines()
            assert not [line for line in lines if line.startswith(("import odoo", "from odoo"))], path


def test_stops_at_once_although_a_request_is_held():
    with client.SandboxServer(seed="empty") as shop:
        shop.fault("timeout_before", seconds=60)
        waiting = socket.create_connection(("127.0.0.1", shop.port))
        waiting.sendall(b"GET /wp-json/wc/v3/orders HTTP/1.1\r\nHost: shop\r\n\r\n")
        shop.wait_until(lambda: shop.counts()["max_parallel"])
        started = time.monotonic()
        shop.stop()
        assert time.monotonic() - started < 3
        waiting.close()
    assert shop.pid is None


def test_ends_when_its_parent_ends():
    code = (
        f"import sys; sys.path.insert(0, {str(client.MAIN.parent)!r})\n"
        "import client, os\n"
        "shop = client.SandboxServer(seed='empty').start()\n"
        "print(shop.pid, flush=True)\n"
        "os._exit(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )
    pid = int(done.stdout)
    for _ in range(100):
        if not _alive(pid):
            return
        time.sleep(0.1)
    pytest.fail("The sandbox outlived its parent.")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except OSError:
        return os.path.exists(f"/proc/{pid}")


def test_a_port_in_use_is_said():
    with (
        client.SandboxServer(seed="empty") as shop,
        pytest.raises(client.SandboxError, match="another --port"),
    ):
        client.SandboxServer(seed="empty", port=shop.port).start()


def test_flags_reach_the_server():
    flags = {"rate_limit": "7/60", "no_idempotency": True, "currency": "USD", "api_key": "other"}
    with client.SandboxServer(seed="empty", **flags) as shop:
        settings = shop.settings()
        assert settings["rate_limit"] == {"requests": 7, "period": 60.0}
        assert settings["idempotency"] is False
        assert shop.get("system_status")["settings"]["currency"] == "USD"
        assert "api_key" not in settings
