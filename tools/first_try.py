"""Go the way of docs/first-flow.md in a browser, at the pace of a person who does it for the first time, and time it.

    python tools/first_try.py --odoo http://127.0.0.1:8069 --sandbox http://127.0.0.1:8169

Everything is found by the words of the guide (``first_try.js``): the label of a field, the text of a button, the heading of
a column; a wrong word in the guide ends the try. Before each step the guide's words are "read" (200 a minute), five
characters are typed a second, and each click takes a second. ``--pace 0`` leaves all of that out, so that only the machine
is timed. Needs a database where the guide's own connection is not there yet (``./dev run --fresh``).
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

from chromium import Browser, Odoo, until

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "first-flow.md"
WORDS_A_MINUTE, CHARACTERS_A_SECOND, SECONDS_A_CLICK = 200, 5, 1.0

EYES = Path(__file__).with_suffix(".js").read_text()


class Reader:
    """Somebody with the guide beside the screen."""

    def __init__(self, browser, pace, pictures=None):
        self.browser, self.pace, self.pictures = browser, pace, pictures
        self.rows, self.begun = [], time.monotonic()
        self.human = {}
        self.steps = re.split(r"^## ", GUIDE.read_text(), flags=re.M)[1:]

    def wait(self, kind, seconds):
        self.human[kind] = self.human.get(kind, 0) + seconds
        time.sleep(seconds * self.pace)

    # -- steps -----------------------------------------------------------------------------------------------

    def step(self, title):
        """The next step of the guide: read it."""
        self.finish()
        text = self.steps[len(self.rows)]
        if not text.startswith(title):
            raise SystemExit(f"The guide's step is '{text.splitlines()[0]}', not '{title}'.")
        self.title, self.started, self.human = text.splitlines()[0], time.monotonic(), {}
        self.wait("reading", 60 * len(re.findall(r"\w+", text)) / WORDS_A_MINUTE)

    def finish(self):
        if not hasattr(self, "title"):
            return
        if self.pictures:
            self.browser.shoot(self.pictures / f"step{len(self.rows) + 1}.png")
        spent = time.monotonic() - self.started
        self.rows.append((self.title, self.human, spent, spent - self.pace * sum(self.human.values())))
        del self.title

    # -- hands -----------------------------------------------------------------------------------------------

    def find(self, kind, what, seconds=20):
        """Where it stands, once it stands still."""
        def look():
            ask = (f"!document.body ? null : window.eyes ? (eyes.quiet() && eyes.{kind}({json.dumps(what)}))"
                   f" : (function() {{ {EYES} return null; }})()")
            first = self.browser.run(ask)
            if not first:
                return None
            time.sleep(0.12)
            return first if self.browser.run(ask) == first else None

        try:
            return until(look, seconds, f"Step '{getattr(self, 'title', '')}': nothing here is called '{what}' ({kind}).")
        except SystemExit:
            self.browser.shoot("/tmp/first_try_stumble.png")
            raise

    def press(self, kind, what):
        x, y = self.find(kind, what)
        self.wait("clicks", SECONDS_A_CLICK)
        for event in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.browser.send(
                "Input.dispatchMouseEvent", type=event, x=x, y=y, clickCount=1,
                button="none" if event == "mouseMoved" else "left")
        # What was pressed may lead elsewhere: nobody acts before it is there.
        time.sleep(0.15 if kind in ("field", "column", "option") else 0.6)

    def menu(self, name, entry):
        """An entry of a menu; a menu that closed because the page became another one is opened again."""
        self.press("menu", name)
        if not self.browser.run(f"!!eyes.menu({json.dumps(entry)})"):
            self.press("menu", name)
        self.press("menu", entry)

    def write(self, text):
        self.wait("typing", len(text) / CHARACTERS_A_SECOND)
        self.browser.run("document.activeElement.select && document.activeElement.select()")
        self.browser.send("Input.insertText", text=text)
        time.sleep(0.15)

    def look_for(self, text):
        """Type into a list that narrows while one types, and look at what is left."""
        self.write(text)
        time.sleep(0.8)

    def fill(self, label, text, kind="field"):
        self.press(kind, label)
        self.write(text)

    def choose(self, label, text, kind="field", typed=None):
        """From a list that opens; ``typed`` is what is typed to find it."""
        self.press(kind, label)
        if typed:
            self.look_for(typed)
        self.press("option", text)

    def see(self, text, seconds=30):
        self.find("shows", text, seconds)

    def count(self, button, number):
        """The button at the top counts so many."""
        self.find("stat", f"{number} {button}", 60)


def go(reader, sandbox):
    """The steps of the guide."""
    reader.step("1. Start")
    reader.browser.size(1366, 850)
    reader.browser.send("Page.navigate", url=reader.browser.odoo.url + "/web/login")
    until(lambda: reader.browser.run("!!document.querySelector('.o_main_navbar, #login')"))
    if reader.browser.run("!!document.querySelector('#login')"):
        reader.press("field", "Email")
        reader.write("admin")
        reader.press("field", "Password")
        reader.write("admin")
        reader.press("button", "Log in")
    until(lambda: reader.browser.run("!!document.querySelector('.o_navbar_apps_menu button')"))
    reader.wait("clicks", SECONDS_A_CLICK)
    reader.browser.run("document.querySelector('.o_navbar_apps_menu button').click()")
    time.sleep(0.3)
    reader.press("menu", "Integrations")
    reader.see("Overview")

    reader.step("2. Say where")
    reader.menu("Configuration", "Connections")
    reader.press("button", "New")
    reader.fill("Name", "My Shop")
    reader.fill("Base URL", f"{sandbox}/wp-json/wc/v3")
    reader.fill("Test Path", "system_status")
    reader.fill("API", "Sandbox shop")
    reader.choose("Authentication", "API Key in a Header")
    reader.fill("Name of the Key", "X-API-Key")
    reader.fill("Secret", "sandbox-api-key")
    reader.press("button", "Test Connection")
    reader.see("Last Test")
    reader.press("tab", "Provider")
    reader.fill("Provider Contact", "The shop's hosting company")

    reader.step("3. Say what")
    reader.press("top", "Resources")
    reader.press("button", "New")
    reader.fill("Name", "Product categories")
    reader.fill("Path of the Name", "name")
    reader.press("button", "Add a line")
    reader.choose("Kind", "List", "column")
    reader.fill("Path", "products/categories", "column")
    reader.choose("Paging Style", "Page Number", "column")
    reader.fill("Size Parameter", "per_page", "column")
    reader.press("button", "Save")

    reader.step("4. Plan")
    reader.menu("Configuration", "Flows")
    reader.press("button", "New")
    reader.fill("Name", "Shop categories")
    reader.choose("Connection", "My Shop", typed="My Shop")
    reader.choose("Resource", "Product categories", typed="Product cat")
    reader.choose("Odoo Records", "Product Category", typed="Product Category")
    reader.press("tab", "Fields")
    reader.press("button", "Add a line")
    reader.press("column", "Odoo Field")
    reader.press("popover", "")
    reader.look_for("Name")
    reader.press("option", "Name")
    reader.fill("External Path", "title", "column")
    reader.press("column", "Match Key")
    reader.press("button", "Save")

    reader.step("5. Try it")
    reader.press("button", "Test")
    reader.press("button", "Sync Now")
    reader.count("Needs Attention", 5)
    reader.menu("Needs Attention", "Issues")
    reader.see("Shop categor")

    reader.step("6. Repair")
    reader.menu("Configuration", "Flows")
    reader.press("cell", "Shop categories")
    reader.press("tab", "Fields")
    reader.press("cell", "title")
    reader.fill("External Path", "name", "column")
    reader.press("button", "Save")
    reader.press("top", "Needs Attention")
    reader.press("box", "")
    reader.press("button", "Retry")
    reader.press("crumb", "Shop categories")
    reader.count("Synced", 5)

    reader.step("7. Prove")
    reader.press("top", "Synced")
    reader.press("row", 0)
    reader.press("button", "Save as Test Case")
    reader.press("button", "Expect Today's Result")
    reader.press("button", "Ok")
    reader.see("as expected")
    reader.press("top", "Flow")

    reader.step("8. Say what only you know")
    reader.see("Before It Goes Live")
    reader.press("tab", "Plan")
    reader.fill("Purpose", "Categories are typed once, in the shop.")
    reader.fill("What Users See", "The shop's categories beside our own.")
    reader.fill("Why This Often", "They change a few times a year.")
    reader.fill("Changed There per Day", "5")
    reader.fill("Records There in All", "50")
    reader.choose("Business Owner", "Mitchell Admin", typed="Mitchell")
    reader.press("button", "Save")

    reader.step("9. Go live")
    reader.press("button", "Agree")
    reader.press("button", "Ok")
    reader.see("Ready to go live")
    reader.press("button", "Go Live")
    reader.press("button", "Ok")
    reader.see("Pause")
    reader.press("menu", "Overview")
    reader.see("Shop categories")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--odoo", default="http://127.0.0.1:8069")
    parser.add_argument("--sandbox", default="http://127.0.0.1:8169")
    parser.add_argument("--pace", type=float, default=1.0, help="1: a person's; 0: no waiting")
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of the end of each step")
    options = parser.parse_args()
    odoo = Odoo(options.odoo)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    browser = Browser(odoo)
    reader = Reader(browser, options.pace, options.pictures)
    try:
        go(reader, options.sandbox.rstrip("/"))
        reader.finish()
    finally:
        browser.close()
        report(reader)


def report(reader):
    """The steps as the table of docs/first-try.md."""
    kinds = ("reading", "typing", "clicks")
    print("| Step | Reading | Typing | Clicking | Waiting for the machine | Together |")
    print("| --- | --- | --- | --- | --- | --- |")
    for title, human, spent, machine in reader.rows:
        human = " | ".join(f"{reader.pace * human.get(kind, 0):.0f} s" for kind in kinds)
        print(f"| {title} | {human} | {machine:.0f} s | {spent:.0f} s |")
    whole, machine = sum(row[2] for row in reader.rows), sum(row[3] for row in reader.rows)
    print(f"| **All** |  |  |  | {machine:.0f} s | **{int(whole // 60)} min {whole % 60:.0f} s** |")


if __name__ == "__main__":
    sys.exit(main())
