"""Pictures of what is configured: one flow, a whole integration, the transitions between statuses.

Pure: the caller gives texts in the user's language and gets SVG text (see ``svg.py``). Drawings are narrow and grow
downwards, so that they can be read on a phone. Odoo always stands left, the other system right, as in the lists of rules.
"""

from __future__ import annotations

from .diagram_transitions import transition_diagram
from .svg import EDGE, WIDTH, Drawing, Text, height

__all__ = ["flow_diagram", "landscape_diagram", "transition_diagram"]

SYSTEM = 136.0  # width of a system's box
ODOO = 96.0  # of Odoo's where it stands beside many
ARROWS = {"import": "←", "export": "→", "both": "⇄"}  # in words for readers of screens
# Owners in the order of the bar, and the colour of each.
OWNER_COLOURS = {
    "external": "import", "external_unless_blank": "import", "external_at_creation": "import", "odoo": "export",
    "newest": "other", "ask": "attention", "nobody": "plain",
}


# -- one flow --------------------------------------------------------------------------------------------------------


def flow_diagram(spec: dict) -> str:
    """One flow: systems, direction and trigger, order of creation, owners, failure path and who is told.

    All texts of ``spec`` are the caller's; parts that are missing or empty are left out.

    - ``title``, ``description``: for readers of screens
    - ``odoo``, ``external``: ``{"name", "detail", "note", "badge"}``, a system's box
    - ``direction``: 'import', 'export' or 'both'
    - ``lanes``: ``{"import": {"label", "trigger"}, "export": {...}}``, what moves and when
    - ``order``: ``{"title", "before": [names], "this": name, "after": [names]}``
    - ``owners``: ``{"title", "items": [{"label", "count", "kind"}]}``
    - ``failure``: ``{"title", "steps": [texts], "told_title", "told": [names]}``

    >>> flow_diagram({"title": "Orders", "odoo": {"name": "Odoo"}, "external": {"name": "Shop"}, "direction": "import"})[:4]
    '<svg'
    """
    drawing = Drawing(WIDTH)
    y = _systems(drawing, EDGE, spec)
    if spec.get("order"):
        y = _order(drawing, y + 20, spec["order"])
    if spec.get("owners", {}).get("items"):
        y = _owners(drawing, y + 20, spec["owners"])
    if spec.get("failure", {}).get("steps"):
        _failure(drawing, y + 20, spec["failure"])
    return drawing.svg(spec.get("title", ""), spec.get("description", ""))


def _system_texts(system: dict) -> list[Text]:
    texts = [Text(system.get("name", ""), 14, bold=True), Text(system.get("detail", ""), 13)]
    if system.get("badge"):
        texts.append(Text(system["badge"], 11, bold=True))
    if system.get("note"):
        texts.append(Text(system["note"], 12, faint=True))
    return texts


def _systems(drawing: Drawing, y: float, spec: dict) -> float:
    odoo, external = _system_texts(spec.get("odoo", {})), _system_texts(spec.get("external", {}))
    direction = spec.get("direction", "import")
    lanes = [
        (kind, spec.get("lanes", {}).get(kind, {})) for kind in ("export", "import") if direction in (kind, "both")]
    left, right = EDGE + SYSTEM + 6, WIDTH - EDGE - SYSTEM - 6
    heights = [_lane_height(lane.get("label"), lane.get("trigger"), right - left) for _kind, lane in lanes]
    tall = max(
        height(odoo, SYSTEM - 16) + 16, height(external, SYSTEM - 16) + 16, sum(heights) + 14 * (len(lanes) - 1) + 16, 84)
    drawing.box(EDGE, y, SYSTEM, odoo, least=tall, colour="export", middle=True)
    drawing.box(WIDTH - EDGE - SYSTEM, y, SYSTEM, external, least=tall, colour="import", middle=True)
    at = y + (tall - sum(heights) - 14 * (len(lanes) - 1)) / 2
    for (kind, lane), lane_height in zip(lanes, heights, strict=True):
        _lane(drawing, left, right, at, lane.get("label"), lane.get("trigger"), kind)
        at += lane_height + 14
    return y + tall


def _lane_texts(label, trigger) -> tuple[Text, Text]:
    return Text(label or "", 12, bold=True), Text(trigger or "", 12, faint=True)


def _lane_height(label, trigger, width) -> float:
    above, below = _lane_texts(label, trigger)
    return height([above], width - 8) + height([below], width - 8) + 16


def _lane(drawing: Drawing, left, right, y, label, trigger, kind, *, dash=False) -> float:
    """An arrow between two systems, what moves above it and when below it; returns where it ends."""
    above, below = _lane_texts(label, trigger)
    y = drawing.paragraph(left + 4, y, right - left - 8, above, anchor="middle") + 8
    ends = [(right, y), (left, y)] if kind == "import" else [(left, y), (right, y)]
    drawing.arrow(ends, colour="plain" if kind == "both" else kind, dash=dash, start=kind == "both")
    return drawing.paragraph(left + 4, y + 8, right - left - 8, below, anchor="middle")


def _heading(drawing: Drawing, y, text) -> float:
    return drawing.paragraph(EDGE, y, WIDTH - 2 * EDGE, Text(text, 13, bold=True, most=2)) + 6


def _order(drawing: Drawing, y: float, order: dict) -> float:
    """Numbered steps from top to bottom: what has to be there before, this flow, what waits for it."""
    before, after = order.get("before") or [], order.get("after") or []
    if not before and not after:
        return y - 20
    y = _heading(drawing, y, order.get("title", ""))
    steps = [(before, False)] * bool(before) + [([order.get("this", "")], True)] + [(after, False)] * bool(after)
    for number, (names, this) in enumerate(steps, 1):
        if number > 1:
            drawing.arrow([(EDGE + 56, y), (EDGE + 56, y + 18)])
            y += 18
        top = y
        y = drawing.box(
            EDGE + 30, y, WIDTH - 2 * EDGE - 30, [Text(name, 13, bold=this, most=2) for name in names], anchor="start",
            padding=7, fill=0.1 if this else 0.03)
        drawing.number(EDGE + 11, (top + y) / 2, number)
    return y


def _owners(drawing: Drawing, y: float, owners: dict) -> float:
    """A bar in proportion, and a line for each owner: who decides about how many fields."""
    items = [item for item in owners["items"] if item.get("count")]
    total = sum(item["count"] for item in items)
    if not total:
        return y - 20
    y = _heading(drawing, y, owners.get("title", ""))
    gap, room, x = 3.0, WIDTH - 2 * EDGE, EDGE
    least = 22.0
    shares = _shares([item["count"] for item in items], room - gap * (len(items) - 1), least)
    for number, (item, share) in enumerate(zip(items, shares, strict=True), 1):
        colour = OWNER_COLOURS.get(item.get("kind"), "plain")
        drawing.rect(x, y, share, 20, colour=colour, fill=0.28, radius=3)
        drawing.text(x + share / 2, y + 3.4, str(number), size=11, anchor="middle")
        x += share + gap
    y += 28
    for number, item in enumerate(items, 1):
        drawing.number(EDGE + 9, y + 9, number, colour=OWNER_COLOURS.get(item.get("kind"), "plain"))
        y = max(drawing.paragraph(EDGE + 26, y + 1, WIDTH - 2 * EDGE - 26, Text(item["label"], 13)), y + 20) + 4
    return y - 4


def _shares(counts: list[int], room: float, least: float) -> list[float]:
    """Widths in proportion to counts, none smaller than ``least``.

    >>> _shares([1, 99], 200, 20)
    [20, 180.0]
    """
    shares = [room * count / sum(counts) for count in counts]
    small = [number for number, share in enumerate(shares) if share < least]
    rest = sum(count for number, count in enumerate(counts) if number not in small)
    left = room - least * len(small)
    return [least if number in small else left * count / rest for number, count in enumerate(counts)]


def _failure(drawing: Drawing, y: float, failure: dict) -> float:
    """One box after the other, and who is told at the end."""
    y = _heading(drawing, y, failure.get("title", ""))
    steps = [([Text(step, 13)], True) for step in failure["steps"]]
    told = failure.get("told") or []
    if told:
        names = [Text(name, 13, bold=True, most=2) for name in told]
        steps.append(([Text(failure.get("told_title", ""), 12, faint=True), *names], False))
    for number, (texts, dash) in enumerate(steps):
        if number:
            drawing.arrow([(EDGE + 40, y), (EDGE + 40, y + 18)], colour="failure", dash=dash)
            y += 18
        y = drawing.box(
            EDGE, y, WIDTH - 2 * EDGE, texts, anchor="start", padding=8, colour="failure" if dash else "attention")
    return y


# -- a whole integration ---------------------------------------------------------------------------------------------


def landscape_diagram(title: str, odoo: dict, systems: list[dict], description: str = "") -> str:
    """All flows between Odoo and the systems around it.

    :param odoo: ``{"name", "detail"}``
    :param systems: ``[{"name", "detail", "badge", "note", "flows": [{"label", "detail", "direction", "quiet"}]}]``;
        ``quiet`` flows (not running) are drawn dashed
    :param description: what screen readers are told; each flow by a line of its own when left out
    """
    drawing = Drawing(WIDTH)
    left, right = EDGE + ODOO, WIDTH - EDGE - SYSTEM
    y = top = EDGE
    for system in systems:
        texts = _system_texts(system)
        flows = system.get("flows") or []
        lanes = [_lane_height(flow.get("label"), flow.get("detail"), right - left - 12) for flow in flows]
        tall = max(height(texts, SYSTEM - 16) + 16, sum(lanes) + 10 * max(len(lanes) - 1, 0) + 12, 60)
        drawing.box(right, y, SYSTEM, texts, least=tall, colour="import", middle=True)
        at = y + (tall - sum(lanes) - 10 * max(len(lanes) - 1, 0)) / 2
        for flow, lane in zip(flows, lanes, strict=True):
            _lane(drawing, left + 6, right - 6, at, flow.get("label"), flow.get("detail"), flow.get("direction", "import"),
                  dash=bool(flow.get("quiet")))
            at += lane + 10
        y += tall + 16
    texts = _system_texts(odoo)
    drawing.box(EDGE, top, ODOO, texts, least=max(y - 16 - top, 60), colour="export", middle=True, padding=6)
    return drawing.svg(title, description or "; ".join(
        f"{odoo.get('name', '')} {ARROWS.get(flow.get('direction'), ARROWS['import'])} {system.get('name', '')}: "
        + ", ".join(filter(None, (flow.get("label"), flow.get("detail"))))
        for system in systems for flow in system.get("flows") or []))
