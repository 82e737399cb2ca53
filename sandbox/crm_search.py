"""Searches of the CRM: groups of filters (OR between groups, AND within one), sorted, by pages."""

from datetime import UTC, datetime

from .messages import ApiError

MOST_RESULTS = 10_000


def refuse(message):
    return ApiError(400, "VALIDATION_ERROR", message)


def comparable(value):
    """What filters and sorting compare: moments as milliseconds, numbers as numbers, else texts without case.

    >>> comparable("1970-01-01T00:00:01.500Z"), comparable("7"), comparable("Bob")
    ((0, 1500.0, ''), (0, 7.0, ''), (1, 0.0, 'bob'))
    """
    text = str(value)
    try:
        return (0, float(text), "")
    except ValueError:
        pass
    if len(text) >= 20 and text[4] == "-" and text.endswith("Z"):
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
            return (0, round(moment.timestamp() * 1000, 3), "")
        except ValueError:
            pass
    return (1, 0.0, text.casefold())


OPERATORS = {
    "EQ": lambda mine, rule: mine is not None and comparable(mine) == comparable(rule["value"]),
    "NEQ": lambda mine, rule: mine is None or comparable(mine) != comparable(rule["value"]),
    "LT": lambda mine, rule: mine is not None and comparable(mine) < comparable(rule["value"]),
    "LTE": lambda mine, rule: mine is not None and comparable(mine) <= comparable(rule["value"]),
    "GT": lambda mine, rule: mine is not None and comparable(mine) > comparable(rule["value"]),
    "GTE": lambda mine, rule: mine is not None and comparable(mine) >= comparable(rule["value"]),
    "BETWEEN": lambda mine, rule: mine is not None
    and comparable(rule["value"]) <= comparable(mine) <= comparable(rule["highValue"]),
    "IN": lambda mine, rule: mine is not None
    and comparable(mine) in [comparable(value) for value in rule["values"]],
    "NOT_IN": lambda mine, rule: mine is None
    or comparable(mine) not in [comparable(value) for value in rule["values"]],
    "HAS_PROPERTY": lambda mine, rule: mine is not None,
    "NOT_HAS_PROPERTY": lambda mine, rule: mine is None,
    "CONTAINS_TOKEN": lambda mine, rule: str(rule["value"]).strip("*").casefold() in str(mine or "").casefold(),
}


def _meets(record, rule):
    operator = OPERATORS.get(rule.get("operator"))
    if operator is None:
        raise refuse(f"Invalid input JSON: unknown operator {rule.get('operator')}")
    try:
        return operator(record["properties"].get(rule.get("propertyName")), rule)
    except KeyError as missing:
        raise refuse(f"Invalid input JSON: {missing.args[0]} is missing in a filter") from None


def search(crm, kind, body):
    """The answer to ``POST /crm/v3/objects/<kind>/search``."""
    groups = body.get("filterGroups") or []
    if not isinstance(groups, list) or len(groups) > 5:
        raise refuse("Invalid input JSON: at most 5 filterGroups are supported")
    limit, after = body.get("limit") or 10, body.get("after") or 0
    if not str(limit).isdigit() or not 0 < int(limit) <= 200 or not str(after).isdigit():
        raise refuse("Invalid input JSON: limit is at most 200, after is what paging.next.after said")
    start, end = int(after), int(after) + int(limit)
    if end > MOST_RESULTS:
        raise refuse(f"A search hands out at most {MOST_RESULTS:,} results")
    found = [
        record
        for record in crm.objects[kind].values()
        if not groups
        or any(all(_meets(record, rule) for rule in group.get("filters") or ()) for group in groups)
    ]
    found.sort(key=lambda record: int(record["id"]))
    for order in reversed(body.get("sorts") or []):
        order = order if isinstance(order, dict) else {"propertyName": order}
        name = order.get("propertyName")
        found.sort(
            key=lambda record: comparable(record["properties"].get(name) or ""),  # noqa: B023 - called at once
            reverse=order.get("direction") == "DESCENDING",
        )
    asked = body.get("properties") or ()
    answer = {"total": len(found), "results": [crm.shown(kind, record, asked) for record in found[start:end]]}
    if end < len(found):
        answer["paging"] = {"next": {"after": str(end)}}
    return answer
