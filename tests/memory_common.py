"""How the memory of a worker grows with the records that it has done, without Python's search for circles."""

import gc
import tracemalloc
from contextlib import contextmanager
from unittest.mock import patch

from odoo.tools import SQL

from odoo.addons.integration_flow.engine.outgoing import Outgoing
from odoo.addons.integration_flow.engine.rows import Row
from odoo.addons.integration_flow.engine.worker import Worker
from odoo.addons.integration_flow.transport.request import Exchange


class Slices:
    """What is held after each slice, and the most that was held during it, in bytes of Python's own memory; and how many
    records and calls are alive then. Other threads and what is done every few seconds make some bytes of noise."""

    def __init__(self):
        self.rows: list[int] = []
        self.held: list[int] = []
        self.peak: list[int] = []
        self.alive: list[int] = []

    def note(self, rows: int) -> None:
        held, peak = tracemalloc.get_traced_memory()
        self.rows.append(rows)
        self.held.append(held)
        self.peak.append(peak)
        self.alive.append(sum(isinstance(each, (Row, Outgoing, Exchange)) for each in gc.get_objects()))
        tracemalloc.reset_peak()  # the list of all objects was ours

    def growth(self) -> float:
        """Bytes for each record that stay, from the second slice on: the first one fills caches."""
        return (self.held[-1] - self.held[1]) / sum(self.rows[2:])

    def peak_growth(self) -> float:
        """The peak of the last slices against that of the slices before, as a ratio."""
        middle = len(self.peak) // 2
        return max(self.peak[middle:]) / max(self.peak[1:middle])


@contextmanager
def measured_slices():
    """The slices of all workers in this block. Nothing but the count of references frees memory meanwhile."""
    slices, work = Slices(), Worker._work

    def measured(worker, ids, due=None):
        done = work(worker, ids, due)
        slices.note(done)
        return done

    gc.collect()
    gc.disable()
    tracemalloc.start(1)
    try:
        with patch.object(Worker, "_work", measured):
            yield slices
    finally:
        tracemalloc.stop()
        gc.enable()


def copy_rows(record, count):
    """``count`` rows more like this record's, made by the database: history that no ORM could write in a test's time."""
    env = record.env
    env.flush_all()
    names = SQL(", ").join(
        SQL.identifier(name) for name, field in record._fields.items()
        if field.store and field.column_type and name != "id")
    env.cr.execute(SQL(
        "INSERT INTO %(table)s (%(names)s) SELECT %(names)s FROM %(table)s CROSS JOIN generate_series(1, %(count)s) "
        "WHERE id = %(id)s", table=SQL.identifier(record._table), names=names, count=count, id=record.id))
    env.invalidate_all()
