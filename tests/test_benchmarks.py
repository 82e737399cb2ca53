"""Small versions of the benchmarks that prove something besides their figures: they run, and what they require holds.

In a database and processes of their own, because they commit. The full sizes: ``./dev bench retention load million``.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name

from .odoo_process import odoo_environment
from .second_odoo import SecondOdoo

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SECONDS = 600


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestBenchmarks(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.installed = SecondOdoo(f"{get_db_name()}_installed")
        cls.addClassCleanup(cls.installed.stop)
        cls.installed.create_database()
        cls.installed.run("server", "-i", "integration_flow", "--stop-after-init", "--no-http")

    def setUp(self):
        super().setUp()
        self.place = SecondOdoo(f"{get_db_name()}_bench")
        self.addCleanup(self.place.stop)
        self.place.create_database(template=self.installed.database)

    def bench(self, name, **sizes):
        """``{figure: {value, passed, ...}}`` of one benchmark."""
        with tempfile.TemporaryDirectory() as folder:
            figures = Path(folder) / "figures.json"
            options = [option for option in self.place.command("server", "--no-http") if option.startswith("--")]
            done = subprocess.run(
                [sys.executable, str(FOLDER / "runner.py"), str(FOLDER / f"bench_{name}.py"), "--figures", str(figures),
                 "--", *options],
                env={**odoo_environment(), **{f"BENCH_{key}": str(value) for key, value in sizes.items()},
                     "PGOPTIONS": os.environ.get("PGOPTIONS", "")},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-3000:])
            return {figure["name"]: figure for figure in json.loads(figures.read_text())}

    def test_retention_beside_a_writer(self):
        """50,000 lines go, and a process that writes all the time waits half a second at most."""
        figures = self.bench("retention", RETENTION_LINES=50_000)
        self.assertGreater(figures["lines removed"]["value"], 49_000)
        waited = figures["a writer beside it, longest transaction"]
        self.assertTrue(waited["passed"], waited)

    def test_load(self):
        """2,000 records in and 500 live writes out: the same on both sides, and the memory stays."""
        figures = self.bench("load", LOAD_INBOUND=2_000, LOAD_LIVE=500)
        self.assertEqual(figures["load, differences between both sides"]["value"], 0)
        above = figures["load, memory above the idle worker"]
        self.assertTrue(above["passed"], above)

    def test_lists(self):
        """Its rows fit the tables and its questions the views; what they take means something in full size only."""
        figures = self.bench(
            "lists", LISTS_ROWS=600, LISTS_TIMES=1, LISTS_ONLY="Sync Records,Needs Attention/Issues,systray,form run")
        self.assertTrue(figures)
        for name, found in figures.items():
            self.assertTrue(found["passed"], name)

    def test_many_rows(self):
        """The benchmark of a million rows works; its ratios mean something only in full size on a quiet machine."""
        figures = self.bench("million", MILLION_SMALL=1_000, MILLION_LARGE=5_000, MILLION_ROUNDS=1, MILLION_SLICE=100)
        for kind in ("new", "changed", "unchanged", "export"):
            self.assertGreater(figures[f"{kind}, 5,000 rows"]["value"], 0)
