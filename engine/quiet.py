"""Work that leaves no trace: everything in the database is rolled back, and nobody outside hears of it.

What a rollback does not undo is held back while it lasts: calls and mails (``models/quiet.py`` and a guard on sockets),
numbers of sequences, and what is done after a commit. Two things remain: the counters behind record ids move on, and a
file that business code puts into the file store stays there until Odoo collects it.
"""

import sys
from contextlib import contextmanager
from contextvars import ContextVar

from odoo.tools.misc import Callbacks

_current: ContextVar = ContextVar("integration_flow_quiet", default=None)
_HOOKS = ("postcommit", "prerollback", "postrollback")
# What Python tells its audit hooks before it looks up a host, connects or sends.
_CALLS = frozenset(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"))


class Quiet:
    """One piece of quiet work. ``numbers`` are those that sequences have given out meanwhile."""

    def __init__(self):
        self.numbers: dict[str, int] = {}
        self.mails = 0

    def number(self, sequence: str, predicted: int, increment: int) -> int:
        """The next number of a sequence, without taking it from the sequence."""
        taken = self.numbers.get(sequence, 0)
        self.numbers[sequence] = taken + 1
        return predicted + taken * increment


def current() -> Quiet | None:
    """The quiet work of this thread; None = what is done here counts."""
    return _current.get()


def _refuse_calls(event: str, _args) -> None:
    if event in _CALLS and _current.get() is not None:
        raise ConnectionRefusedError("This is a dry run: nothing is called.")


def _guard_sockets() -> None:
    """Installed with the first quiet work of a process. It cannot be removed, and costs a look into a set."""
    if not getattr(_guard_sockets, "done", False):
        _guard_sockets.done = True
        sys.addaudithook(_refuse_calls)


@contextmanager
def silent():
    """Within this block nobody is called; what it writes stays. For work that writes nothing, also on unsaved records,
    which a rollback would forget."""
    _guard_sockets()
    token = _current.set(Quiet())
    try:
        yield _current.get()
    finally:
        _current.reset(token)


@contextmanager
def rolled_back(env):
    """Within this block everything is real, and after it nothing of it is left, however it ends."""
    cr = env.cr
    savepoint = cr.savepoint()  # flushes what is pending: that is the caller's
    kept = {name: getattr(cr, name) for name in _HOOKS}
    for name in _HOOKS:
        setattr(cr, name, Callbacks())
    try:
        with silent() as trial:
            yield trial
    finally:
        for name, callbacks in kept.items():
            setattr(cr, name, callbacks)
        savepoint.close(rollback=True)
