"""Progress on the terminal, and failures that a person can act on."""

import sys
import time
from contextlib import contextmanager


class Problem(Exception):
    """A step failed for a reason that can be explained.

    :param what: what could not be done, one line
    :param why: what was seen: the last lines of a tool's output, or the reason in words
    :param remedy: what the reader can do about it
    """

    def __init__(self, what, why="", remedy=""):
        super().__init__(what)
        self.what = what
        self.why = str(why).strip()
        self.remedy = remedy

    def render(self):
        """The text for the terminal.

        >>> print(Problem("No browser.", "chromium is not installed", "apt-get install chromium").render())
        FAILED: No browser.
          why:        chromium is not installed
          what to do: apt-get install chromium
        """
        lines = [f"FAILED: {self.what}"]
        for label, text in (("why:", self.why), ("what to do:", self.remedy)):
            for number, line in enumerate(text.splitlines()):
                lines.append(f"  {label if number == 0 else '':<11} {line}")
        return "\n".join(lines)


def duration(seconds):
    """
    >>> duration(4.24), duration(75)
    ('4.2 s', '1 min 15 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


class Progress:
    """Numbered steps: ``[2/7] Virtual environment ... 14.2 s``.

    A step inside a step prints nothing of its own, so that each command decides what its reader counts.
    """

    def __init__(self, total, stream=None):
        self.total = total
        self.number = 0
        self.stream = stream or sys.stdout
        self.started = time.monotonic()

    @property
    def elapsed(self):
        return time.monotonic() - self.started

    @contextmanager
    def step(self, title):
        """Time one step.  The body may set ``note`` on the yielded object, it is shown behind the title."""
        self.number += 1
        step = Step(f"[{self.number}/{self.total}] {title}", self.stream)
        step.begin()
        try:
            yield step
        except BaseException:
            step.end("failed")
            raise
        step.end(step.note)


class Step:
    def __init__(self, label, stream):
        self.label = label
        self.stream = stream
        self.note = ""
        self.started = time.monotonic()
        self.broken = False

    def begin(self):
        print(f"{self.label} ...", end="", flush=True, file=self.stream)

    def say(self, text):
        """One more line while the step goes on, for what takes long."""
        print(f"{'' if self.broken else chr(10)}      {text}", flush=True, file=self.stream)
        self.broken = True

    def end(self, note):
        took = duration(time.monotonic() - self.started)
        start = f"{self.label} ..." if self.broken else ""
        print(f"{start} {took}{f' ({note})' if note else ''}", flush=True, file=self.stream)
