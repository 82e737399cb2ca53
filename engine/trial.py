"""What a dry run found: plain values that outlive the rollback."""

from dataclasses import dataclass, field
from typing import Any

from ..core.errors import SyncError

MASK = "•••"
# Purposes of the call that carries what the rules send.
WRITES = ("create", "update", "ask")


@dataclass(slots=True)
class FieldTrial:
    """One field of the record, or of one of its lines."""

    code: str
    label: str
    path: str
    owner: str
    incoming: Any = None  # what the other system sent
    mapped: Any = None  # the same as an Odoo value
    before: Any = None  # what Odoo holds now
    after: Any = None  # what Odoo holds afterwards, with everything that it computes
    written: bool = False
    sent: Any = None
    sends: bool = False
    note: str = ""


@dataclass(slots=True)
class CheckTrial:
    """One check: what Odoo computed against what the other system says."""

    label: str
    odoo: Any
    external: Any
    passed: bool


@dataclass(slots=True)
class CallTrial:
    """One call that would be made. ``body`` as it is; ``shown`` without sensitive values."""

    purpose: str  # find, read, create, update; ask: the first call of a request
    method: str
    path: str
    body: Any = None
    shown: str = ""


@dataclass(slots=True)
class Trial:
    """What would become of one record.

    :ivar outcome: created, updated, linked, unchanged, excluded, archived, deleted, failed, waiting, conflict; of an export
        also ``sent``: something would leave
    """

    direction: str
    outcome: str = ""
    message: str = ""
    hint: str = ""
    error: SyncError | None = None
    external_id: str = ""
    name: str = ""
    res_id: int | None = None  # the Odoo record that exists already
    fields: list[FieldTrial] = field(default_factory=list)
    checks: list[CheckTrial] = field(default_factory=list)
    calls: list[CallTrial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked: Any = None  # what ``look`` has returned

    @property
    def works(self) -> bool:
        return self.outcome not in ("failed", "waiting", "conflict")

    @property
    def write_call(self) -> CallTrial | None:
        """The call that would change something over there, or ask."""
        return next((call for call in self.calls if call.purpose in WRITES), None)
