"""Which page of the guides helps with which failure."""

MESSAGES = "user-guide.md#what-the-messages-mean"
_SETUP = "administrator-guide.md#when-something-is-wrong"
_OWNERS = "concepts/ownership.md"
_STATUSES = "concepts/statuses.md"

_BY_STATE = {
    "conflict": "user-guide.md#a-conflict-choose",
    "unknown": "user-guide.md#did-it-arrive",
    "held": "user-guide.md#held-too-much-would-change-at-once",
    "waiting": "concepts/sync-record.md",
    "pending": "concepts/sync-record.md",
}
_BY_CODE = {
    "unmapped_status": _STATUSES, "status_forbidden": _STATUSES, "status_refused": _STATUSES,
    "status_not_reached": _STATUSES,
    "no_create": _OWNERS, "outcome_unknown": _BY_STATE["unknown"], "conflict": _BY_STATE["conflict"],
}
_BY_CLASS = {
    "authentication": _SETUP, "connection": _SETUP, "server": _SETUP, "timeout": _SETUP, "rate_limit": _SETUP,
    "access": _SETUP, "schema": _SETUP, "parent_missing": _BY_STATE["waiting"],
}


def page_for(error_class=None, code=None, state=None):
    """The page, with its heading, that says more about a failure."""
    return _BY_STATE.get(state) or _BY_CODE.get(code) or _BY_CLASS.get(error_class) or MESSAGES


def pages():
    """Every page that can be named."""
    return {MESSAGES, *_BY_STATE.values(), *_BY_CODE.values(), *_BY_CLASS.values()}
