"""When is a system that does not answer left alone, and when is it tried again: a circuit breaker as pure values.

```
            threshold failures in a row                 its time has come: ONE call
   closed ──────────────────────────────→ open ──────────────────────────────→ half_open
      ↑                                     ↑                                      │ │
      │                                     └────────── it failed: open longer ────┘ │
      └────────────────────────────────────────────── it was answered ───────────────┘
```

That only one worker probes at a time is not told by this state but by a database lock that dies with the worker: a
half-open circuit whose worker was killed is simply probed by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

State = Literal["closed", "open", "half_open"]
Permission = Literal["all", "probe", "none"]
MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Policy:
    """When a circuit opens and for how long. ValueError for values that make no sense."""

    threshold: int = 5
    """Failures in a row that open it; 0 = it never opens."""
    pause_seconds: float = 60
    """How long it stays open at first; twice as long after each probe that failed."""
    longest_seconds: float = 900
    """No pause of ours is longer. What the system itself asks for counts whatever it is."""

    def __post_init__(self) -> None:
        if self.threshold < 0 or self.pause_seconds <= 0 or self.longest_seconds < self.pause_seconds:
            raise ValueError(f"a circuit needs a pause, and the longest one cannot be shorter: {self}")


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of one connection. Moments are naive UTC."""

    state: State = "closed"
    failures: int = 0
    """Failures since the last answer."""
    rounds: int = 0
    """How often it was opened since the last answer."""
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    """No call before this moment; None while it is closed."""


def permission(circuit: Circuit, now: datetime) -> Permission:
    """What may be called now: everything, one call by one worker, nothing.

    >>> moment = datetime(2026, 1, 31, 12, 0)
    >>> permission(Circuit(), moment)
    'all'
    >>> opened = Circuit("open", 5, 1, moment, moment + timedelta(seconds=60))
    >>> permission(opened, moment), permission(opened, moment + timedelta(seconds=60))
    ('none', 'probe')
    """
    if circuit.state == "closed":
        return "all"
    return "none" if circuit.probe_at is not None and now < circuit.probe_at else "probe"


def begin_probe(circuit: Circuit) -> Circuit:
    """A worker makes the one call of an open circuit."""
    return circuit if circuit.state == "closed" else replace(circuit, state="half_open")


def succeeded(circuit: Circuit, now: datetime) -> Circuit:
    """The system answered, be it with a refusal.

    An answer to a call that left before the circuit opened does not close it, or a system that answers every tenth
    call would never be left alone; but it is worth a probe at once.

    >>> moment = datetime(2026, 1, 31, 12, 0)
    >>> succeeded(Circuit("half_open", 9, 3, moment, moment), moment)
    Circuit(state='closed', failures=0, rounds=0, opened_at=None, probe_at=None)
    >>> succeeded(Circuit("open", 9, 3, moment, moment + timedelta(hours=1)), moment).probe_at == moment
    True
    """
    if circuit.state == "open":
        return replace(circuit, probe_at=min(circuit.probe_at or now, now))
    return Circuit()


def failed(circuit: Circuit, policy: Policy, now: datetime, *, retry_after: float | None = None) -> Circuit:
    """A call did not reach the system, or was not answered as it should.

    :param retry_after: seconds that the system asked us to wait

    >>> moment = datetime(2026, 1, 31, 12, 0)
    >>> opened = failed(Circuit(failures=4), Policy(threshold=5), moment)
    >>> opened.state, opened.probe_at - moment
    ('open', datetime.timedelta(seconds=60))
    >>> again = failed(begin_probe(opened), Policy(threshold=5), moment)
    >>> again.state, again.rounds, again.opened_at == moment, again.probe_at - moment
    ('open', 2, True, datetime.timedelta(seconds=120))
    """
    failures = circuit.failures + 1
    opens = circuit.state == "half_open" or circuit.state == "closed" and 0 < policy.threshold <= failures
    if not opens:
        asked = circuit.probe_at
        if circuit.state == "open" and retry_after:
            asked = max(asked or now, now + timedelta(seconds=retry_after))
        return replace(circuit, failures=failures, probe_at=asked)
    rounds = circuit.rounds + 1
    seconds = min(policy.pause_seconds * 2 ** min(rounds - 1, MOST_DOUBLINGS), policy.longest_seconds)
    return Circuit(
        "open", failures, rounds, circuit.opened_at or now, now + timedelta(seconds=max(seconds, retry_after or 0)))
