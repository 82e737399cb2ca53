"""A person's wait in a real browser: from the click on a menu to the rows on the screen, with the tables full.

Chromium without a window opens a server of its own, logged in as a user of integrations; the overview is shown, then the
menu is clicked. The first click of a session counts: it loads the program of the views, too; later ones are answered from
what Odoo's client remembers, while the server looks again. Without Chromium there is no figure.
"""

import shutil
import statistics
import sys
from pathlib import Path

from bench_publish import server
from common import figure, say

TIMES = 5
MENUS = (
    # name, menus to click one after the other, what is there when the rows are
    ("Sync Records", ("menu_sync",), ".o_list_view .o_data_row"),
    ("Needs Attention", ("menu_needs_attention", "menu_attention"), ".o_list_view .o_data_row"),
)
CLICK = """
new Promise((done, failed) => {
    const menu = (name) => document.querySelector(`[data-menu-xmlid="integration_flow.${name}"]`);
    const names = %(menus)r, began = performance.now();
    let at = 0, clicked = 0;
    const look = () => {
        const now = performance.now();
        if (now - began > 60000) return failed("nothing came");
        if (at < names.length) {
            const found = menu(names[at]);
            if (found) { found.click(); at += 1; clicked = performance.now(); }
        } else if (document.querySelector(%(rows)r)) {
            return requestAnimationFrame(() => done(performance.now() - clicked));
        }
        requestAnimationFrame(look);
    };
    look();
})
"""


def measure(context, login, limit, rows):
    """Figures, or none where no browser is."""
    if not shutil.which("chromium"):
        say("no Chromium: the wait in a browser is not measured")
        return []
    # The program that takes the pictures of the documents knows how to drive a browser.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
    from screenshots import Browser
    found = []
    with server(context.database) as port:
        browser = Browser(Session(f"http://127.0.0.1:{port}", context.database, login))
        try:
            browser.open("/odoo/integrations", ".o_kanban_record", width=1600, height=900)
            for name, menus, selector in MENUS:
                times = [clicked(browser, menus, selector) for _time in range(1 + TIMES)]
                ms = statistics.median(times[1:])
                say(f"browser, {name}: first {times[0]:,.0f} ms, then {ms:,.0f} ms")
                found += [
                    figure(f"browser, first click to rows, {name}", times[0], f"ms ({rows:,} rows)", f"≤ {limit}",
                           times[0] <= limit),
                    figure(f"browser, later clicks, {name}", ms, "ms")]
        finally:
            browser.close()
    return found


def clicked(browser, menus, selector):
    """Milliseconds from the last click to the rows; before, the overview is there again, and no list."""
    answer = browser.send("Runtime.evaluate", expression=CLICK % {"menus": list(menus), "rows": selector},
                          awaitPromise=True, returnByValue=True)
    if "exceptionDetails" in answer:
        raise SystemExit(f"the browser did not show the rows: {answer['exceptionDetails']}")
    back = CLICK % {"menus": ["menu_overview"], "rows": ".o_kanban_view .o_kanban_record"}
    browser.send("Runtime.evaluate", expression=back, awaitPromise=True, returnByValue=True)
    return answer["result"]["value"]


class Session:
    """Logged in, as the browser of ``tools/screenshots.py`` wants it."""

    def __init__(self, url, database, login):
        import requests
        self.url, self.http = url, requests.Session()
        self.http.post(f"{url}/web/session/authenticate", timeout=120, json={
            "jsonrpc": "2.0", "params": {"db": database, "login": login, "password": login}}).raise_for_status()
