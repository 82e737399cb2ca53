"""Which statement of a piece of work took longest, and how PostgreSQL carries it out."""

import time
from unittest.mock import patch

from odoo.sql_db import Cursor


class Statements:
    """Within ``with``: all statements of this cursor and their times."""

    def __init__(self, cr):
        self.cr, self.found = cr, []
        self.original = Cursor.execute

    def __enter__(self):
        watched, original, found = self.cr, self.original, self.found

        def execute(cr, query, params=None, log_exceptions=True):
            started = time.perf_counter()
            try:
                return original(cr, query, params, log_exceptions)
            finally:
                if cr is watched:
                    found.append((time.perf_counter() - started, cr._obj.query))

        self.patch = patch.object(Cursor, "execute", execute)
        self.patch.start()
        return self

    def __exit__(self, *_error):
        self.patch.stop()

    def explain(self):
        """The slowest one, its plan, and how much of all statements it was."""
        if not self.found:
            return "no statement"
        self.patch.stop()
        try:
            total = sum(seconds for seconds, _query in self.found)
            seconds, query = max(self.found)
            self.cr.execute(b"EXPLAIN (ANALYZE, BUFFERS) " + query)
            plan = "\n".join("      " + line for (line,) in self.cr.fetchall())
            return f"{len(self.found)} statements in {1000 * total:,.0f} ms, the slowest {1000 * seconds:,.0f} ms:\n" \
                f"      {query.decode()[:1500]}\n{plan}"
        finally:
            self.patch.start()
