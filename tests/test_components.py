"""The components of the web client, by the HOOT tests in static/tests/*.test.js."""

import re
from pathlib import Path

from odoo.addons.web.tests import test_js
from odoo.tests import HttpCase, no_retry, tagged
from odoo.tools.misc import file_path

SUITE = "@integration_flow"
LEFT_IN = re.compile(r"\b(test|describe)(\.\w+)*\.(only|debug|skip|todo)\b")


@tagged("post_install", "-at_install")
class TestComponents(HttpCase):

    @no_retry
    def test_components(self):
        """All of them, and only them: in the mode of developers, in which the client checks what is registered."""
        suite = test_js.HOOTCommon._generate_hash(None, SUITE)
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&debug=assets&id={suite}", "", "", login="admin",
            timeout=180, success_signal="[HOOT] Test suite succeeded", error_checker=test_js.unit_test_error_checker)

    def test_none_is_left_out(self):
        files = sorted(Path(file_path("integration_flow/static/tests")).glob("*.test.js"))
        self.assertTrue(files)
        for file in files:
            self.assertIsNone(LEFT_IN.search(file.read_text()), file.name)

    def test_each_folder_has_its_tests(self):
        root = Path(file_path("integration_flow/static"))
        imported = " ".join(file.read_text() for file in (root / "tests").glob("*.test.js"))
        for folder in (root / "src").iterdir():
            with self.subTest(folder=folder.name):
                used = f"{SUITE}/{folder.name}/" in imported or any(
                    widget in imported for widget in re.findall(
                        r'add\("(integration_\w+)"', " ".join(file.read_text() for file in folder.glob("*.js"))))
                self.assertTrue(used)
