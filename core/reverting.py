"""What a run has changed, and whether it can be put back: pure decisions on what the history says.

The history keeps for each change the value before and after, as the run saw them. Sensitive values are masked there, and
what is no plain value over there is kept as a hash: neither can be put back.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .comparison import same_value

MASK = "•••"
_HASH = re.compile(r"[0-9a-f]{32}")


class Step(NamedTuple):
    """One value of one record before and after all that a run did to it."""

    before: Any
    after: Any


def fold(steps: list[Step]) -> Step:
    """Several changes of one value in one run, oldest first, as one.

    Where somebody else changed the value between two of them, only what came after counts: their value is what
    was there before.

    >>> fold([Step("a", "b"), Step("b", "c")])
    Step(before='a', after='c')
    >>> fold([Step("a", "b"), Step("x", "c")])
    Step(before='x', after='c')
    """
    before, after = steps[-1]
    for step in reversed(steps[:-1]):
        if not same_value(step.after, before):
            break
        before = step.before
    return Step(before, after)


def verdict(step: Step, now: Any) -> str:
    """What to do with a value that the run changed.

    'masked': the history does not hold it. 'same': it is already what it was. 'put_back': it still is what the run
    wrote. 'changed': somebody or something has changed it since.

    >>> verdict(Step("a", "b"), "b"), verdict(Step("a", "b"), "c"), verdict(Step("a", "b"), "a")
    ('put_back', 'changed', 'same')
    >>> verdict(Step(None, MASK), "secret")
    'masked'
    """
    if MASK in (step.before, step.after):
        return "masked"
    if same_value(now, step.before):
        return "same"
    return "put_back" if same_value(now, step.after) else "changed"


def is_plain(step: Step) -> bool:
    """Is the value over there kept as it was, so that it can be sent again?

    >>> is_plain(Step("blue", "red")), is_plain(Step("0f343b0931126a20f133d67c2b018a3b", ["a"]))
    (True, False)
    """
    if isinstance(step.after, (list, dict)) or isinstance(step.before, (list, dict)):
        return False
    return not (isinstance(step.before, str) and _HASH.fullmatch(step.before))
