"""The picture of statuses and the transitions between them; see ``diagram.py``."""

from __future__ import annotations

from .svg import EDGE, WIDTH, Drawing, Text, height


def transition_diagram(nodes: list[dict], arrows: list[dict], title: str, description: str = "") -> str:
    """Statuses from top to bottom, and the transitions between them.

    :param nodes: ``[{"code", "label", "note"}]`` in their usual order; ``note`` may be left out
    :param arrows: ``[{"source", "target", "label", "kind"}]``; codes of nodes, what the transition does, and 'import' (the
        other system moves it), 'export' (Odoo does), 'both', or 'blocked' (not allowed, dashed). An arrow from or to an
        unknown code is left out.

    Without a description, screen readers are told the transitions one by one.

    An arrow to the next status carries its label; all others run in lanes at the sides, forward right and back left,
    and carry a number that the list below explains.
    """
    place = {node["code"]: number for number, node in enumerate(nodes)}
    known = [arrow for arrow in arrows if arrow["source"] in place and arrow["target"] in place]
    direct: dict[int, dict] = {}
    rest = []
    for arrow in known:
        source = place[arrow["source"]]
        if place[arrow["target"]] == source + 1 and source not in direct:
            direct[source] = arrow
        else:
            rest.append(arrow)
    drawing = Drawing(WIDTH)
    bottom = _Column(drawing, nodes, place, direct, rest).draw()
    labels = {node["code"]: node.get("label") or node["code"] for node in nodes}
    if rest:
        y = bottom + 18
        for number, arrow in enumerate(rest, 1):
            drawing.number(EDGE + 9, y + 9, number, colour=_arrow_colour(arrow))
            text = f"{labels[arrow['source']]} → {labels[arrow['target']]}"
            y = drawing.paragraph(EDGE + 26, y + 1, WIDTH - 2 * EDGE - 26, Text(text, 13, bold=True, most=3))
            y = drawing.paragraph(EDGE + 26, y, WIDTH - 2 * EDGE - 26, Text(arrow.get("label") or "", 12, faint=True)) + 6
    told = [(f"{labels[arrow['source']]} → {labels[arrow['target']]}", arrow.get("label")) for arrow in known]
    return drawing.svg(title, description or "; ".join(": ".join(filter(None, parts)) for parts in told))


def _arrow_colour(arrow: dict) -> str:
    return {"import": "import", "export": "export", "blocked": "failure"}.get(arrow.get("kind"), "plain")


class _Column:
    """The column of statuses with its lanes. Lanes share a side when their stretches do not meet."""

    port = 24.0  # from one arrow at a box's side to the next
    lane = 14.0

    def __init__(self, drawing, nodes, place, direct, rest):
        self.drawing, self.nodes, self.direct = drawing, nodes, direct
        self.arrows = [
            (number, arrow, place[arrow["source"]], place[arrow["target"]]) for number, arrow in enumerate(rest, 1)]
        # Each end of an arrow gets a place of its own at the side of a box: what arrives above, what leaves below.
        self.ports: dict[tuple, list[tuple]] = {}
        for number, _arrow, source, target in self.arrows:
            side = "right" if target >= source else "left"
            self.ports.setdefault((target, side), []).append((0, number))
            self.ports.setdefault((source, side), []).append((1, number))
        for ports in self.ports.values():
            ports.sort()
        self.lanes = {side: self._assign(side) for side in ("left", "right")}

    def _assign(self, side):
        """``{number of arrow: lane}``, short stretches nearest to the boxes."""
        stretches = sorted(
            (abs(target - source), number, min(source, target), max(source, target))
            for number, _arrow, source, target in self.arrows if (target >= source) == (side == "right"))
        taken: list[list[tuple]] = []
        lanes = {}
        for _length, number, first, last in stretches:
            lane = next(
                (lane for lane, used in enumerate(taken) if all(last < begin or end < first for begin, end in used)),
                len(taken))
            if lane == len(taken):
                taken.append([])
            taken[lane].append((first, last))
            lanes[number] = lane
        return lanes

    def draw(self) -> float:
        drawing = self.drawing
        room = {side: 24 + self.lane * (max(lanes.values(), default=-1) + 1) for side, lanes in self.lanes.items()}
        # Never narrower than a word of a status needs; many lanes make the whole drawing wider instead.
        drawing.width = max(drawing.width, room["left"] + room["right"] + 150 + 2 * EDGE)
        left = EDGE + room["left"]
        right = min(drawing.width - EDGE - room["right"], left + 220)
        tops, bottoms, y = [], [], EDGE
        for number, node in enumerate(self.nodes):
            texts = [Text(node.get("label") or node["code"], 13, bold=True, most=3)]
            if node.get("note"):
                texts.append(Text(node["note"], 12, faint=True))
            ports = max(len(self.ports.get((number, side), ())) for side in ("left", "right"))
            tops.append(y)
            y = drawing.box(left, y, right - left, texts, least=max(40, self.port * ports + 4), middle=True)
            bottoms.append(y)
            if number < len(self.nodes) - 1:
                y += self._gap(number, left, right, y)
        for number, arrow, source, target in self.arrows:
            side = "right" if target >= source else "left"
            edge, outward = (right, 1) if side == "right" else (left, -1)
            begin = self._port_y(source, side, (1, number), tops, bottoms)
            end = self._port_y(target, side, (0, number), tops, bottoms)
            lane = edge + outward * (26 + self.lane * self.lanes[side][number])
            colour = _arrow_colour(arrow)
            drawing.arrow(
                [(edge + outward * 20, begin), (lane, begin), (lane, end), (edge, end)], colour=colour,
                dash=arrow.get("kind") == "blocked")
            drawing.number(edge + outward * 11, begin, number, colour=colour)
        return y

    def _gap(self, number, left, right, y) -> float:
        """Room below a box, with the arrow to the next one if there is one."""
        arrow = self.direct.get(number)
        if arrow is None:
            return 20.0
        x = left + 24
        label = Text(arrow.get("label") or "", 12, faint=True)
        room = right - x - 10
        tall = max(height([label], room) + 12, 30)
        self.drawing.arrow(
            [(x, y), (x, y + tall)], colour=_arrow_colour(arrow), dash=arrow.get("kind") == "blocked",
            start=arrow.get("kind") == "both")
        self.drawing.paragraph(x + 10, y + (tall - height([label], room)) / 2, room, label)
        return tall

    def _port_y(self, node, side, port, tops, bottoms) -> float:
        ports = self.ports[node, side]
        step = (bottoms[node] - tops[node]) / len(ports)
        return tops[node] + step * (ports.index(port) + 0.5)
