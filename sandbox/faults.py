"""Faults on demand: what goes wrong with the next matching requests.

Each kind is a function ``fault_<kind>`` in ``faulty.py``; adding one function there adds the kind.
"""

import random
import re
import threading

from . import faulty
from .messages import invalid_params

KINDS = tuple(sorted(name.removeprefix("fault_") for name in vars(faulty) if name.startswith("fault_")))


class Fault:
    """One ordered fault: which requests it meets, how often, and its own parameters."""

    def __init__(self, number, values):
        self.number = number
        self.kind = values.pop("kind", None)
        problems = {}
        if self.kind not in KINDS:
            problems["kind"] = f"kind is not one of {', '.join(KINDS)}."
        methods = values.pop("method", None)
        self.methods = [methods] if isinstance(methods, str) else methods
        self.path = self._pattern(values.pop("path", ""), "path", problems)
        self.body = self._pattern(values.pop("match_body", ""), "match_body", problems)
        self.left = values.pop("times", 1)  # None: for ever
        self.skip = values.pop("after", 0)
        self.probability = values.pop("probability", 1)
        self.random = random.Random(values.pop("seed", 0))
        self.options = values
        self.hits = 0
        if not (self.left is None or isinstance(self.left, int)):
            problems["times"] = "times is not of type integer."
        if problems:
            raise invalid_params(problems)

    @staticmethod
    def _pattern(value, name, problems):
        try:
            return re.compile(value)
        except (re.error, TypeError):
            problems[name] = f"{name} is not a regular expression."
            return None

    def meets(self, request):
        """Whether this fault happens to this request; counts it when it does."""
        if self.left == 0 or (self.methods and request.method not in self.methods):
            return False
        if not self.path.search(request.target):
            return False
        if self.body.pattern and not self.body.search(request.body.decode("utf-8", "replace")):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        if self.left is not None:
            self.left -= 1
        self.hits += 1
        return True

    def describe(self):
        return {"id": self.number, "kind": self.kind, "method": self.methods, "path": self.path.pattern,
                "left": self.left, "hits": self.hits, **self.options}  # fmt: skip


class Faults:
    """The faults ordered so far. All delays that meet a request add up; of the others the first happens."""

    def __init__(self):
        self._lock = threading.Lock()
        self._faults = []
        self._numbers = 0

    def order(self, values):
        """Order one fault (an object) or several (a list); returns what was ordered."""
        wanted = values if isinstance(values, list) else [values]
        made = []
        for item in wanted:
            if not isinstance(item, dict):
                raise invalid_params({"kind": "A fault is a JSON object."})
            self._numbers += 1
            made.append(Fault(self._numbers, dict(item)))
        with self._lock:
            self._faults += made
        return [fault.describe() for fault in made]

    def clear(self):
        with self._lock:
            self._faults = []

    def describe(self):
        with self._lock:
            return [fault.describe() for fault in self._faults]

    def pick(self, request):
        """Seconds of delay, and the fault that happens to this request (or None)."""
        delay, chosen = 0.0, None
        if not self._faults:
            return delay, chosen
        with self._lock:
            for fault in self._faults:
                if fault.kind == "delay":
                    if fault.meets(request):
                        delay += fault.options.get("seconds", 1)
                elif chosen is None and fault.meets(request):
                    chosen = fault
        return delay, chosen
