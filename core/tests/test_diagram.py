"""The drawings themselves are looked at: where each text, box and line is."""

import colorsys
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ..diagram import OWNER_COLOURS, flow_diagram, landscape_diagram, transition_diagram
from ..svg import COLOURS, INK, LINE, Drawing, Text, text_width, wrap

NS = "{http://www.w3.org/2000/svg}"
LONG = "Fulfilment orders of the very long named warehouse in Kuala_Lumpur_and_everything_around_it_2026"


class Picture:
    """What a drawing shows: texts, boxes and lines with their places."""

    def __init__(self, svg):
        self.root = etree.fromstring(svg)
        self.width, self.height = (float(value) for value in self.root.get("viewBox").split()[2:])
        self.texts = [self._text(node) for node in self.root.iter(NS + "text")]
        self.rects = [
            tuple(float(node.get(name)) for name in ("x", "y", "width", "height")) for node in self.root.iter(NS + "rect")]
        self.rects = [(x, y, x + w, y + h) for x, y, w, h in self.rects]
        self.segments = [
            (*first, *second) for node in self.root.iter(NS + "polyline")
            for first, second in itertools.pairwise(
                [tuple(map(float, pair.split(","))) for pair in node.get("points").split()])]
        self.heads = [
            [tuple(map(float, pair.split(","))) for pair in node.get("points").split()]
            for node in self.root.iter(NS + "polygon")]
        self.circles = [tuple(float(node.get(name)) for name in ("cx", "cy", "r")) for node in self.root.iter(NS + "circle")]

    def _text(self, node):
        size = float(node.get("font-size"))
        wide = text_width(node.text, size, bold=node.get("font-weight") == "bold")
        x, y = float(node.get("x")), float(node.get("y"))
        x -= {"start": 0, "middle": wide / 2, "end": wide}[node.get("text-anchor")]
        return node.text, (x, y - size, x + wide, y + size * (LINE - 1))

    @property
    def words(self):
        return " ".join(text for text, _box in self.texts)

    def shows(self, text):
        """Whether a text is there, however it was wrapped."""
        return "".join(text.split()) in "".join(self.words.split())

    def check(self):
        """Nothing overlaps and nothing leaves the picture."""
        for text, box in self.texts:
            assert box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height, ("outside", text, box)
        points = [(x, y) for x1, y1, x2, y2 in (*self.rects, *self.segments) for x, y in ((x1, y1), (x2, y2))]
        points += [point for head in self.heads for point in head]
        points += [(x + sign * r, y + sign * r) for x, y, r in self.circles for sign in (-1, 1)]
        for x, y in points:
            assert 0 <= x <= self.width and 0 <= y <= self.height, ("outside", x, y)
        for (one, first), (two, second) in itertools.combinations(self.texts, 2):
            assert not _meet(first, second), ("texts", one, two)
        for first, second in itertools.combinations(self.rects, 2):
            assert not _meet(first, second), ("boxes", first, second)
        for text, box in self.texts:
            for rect in self.rects:
                assert _within(box, rect) or not _meet(box, rect), ("text across the border", text, box, rect)
            for segment in self.segments:
                assert not _meet(box, _segment_box(segment)), ("line through text", text, segment)
        for segment in self.segments:
            for rect in self.rects:
                x1, y1, x2, y2 = rect
                inside = (x1 + 1, y1 + 1, x2 - 1, y2 - 1)
                assert not _meet(_segment_box(segment), inside), ("line through box", segment, rect)
        for (x1, y1, r1), (x2, y2, r2) in itertools.combinations(self.circles, 2):
            assert ((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 >= r1 + r2, "circles"
        return self


def _meet(one, two, grace=0.6):
    return (min(one[2], two[2]) - max(one[0], two[0]) > grace) and (min(one[3], two[3]) - max(one[1], two[1]) > grace)


def _within(inner, outer):
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def _segment_box(segment):
    x1, y1, x2, y2 = segment
    return min(x1, x2) - 0.8, min(y1, y2) - 0.8, max(x1, x2) + 0.8, max(y1, y2) + 0.8


TRIGGERS = {
    "live": {"import": "as soon as a webhook tells of it", "export": "at once, when a record is saved"},
    "scheduled": {"import": "every 15 minutes", "export": "every 15 minutes"},
    "batch": {"import": "in the background, every 6 hours", "export": "in the background, every 6 hours"},
    "manual": {"import": "by button", "export": "by button"},
}
OWNERS = {
    "one": [("external", 7)],
    "both": [("external", 12), ("odoo", 3)],
    "all": [(kind, number * number + 1) for number, kind in enumerate(OWNER_COLOURS)],
    "none": [],
}
FAILURES = {
    "log": (["It is written to the log and waits in Needs Attention."], []),
    "alert": (["Tried again up to 8 times, from 1 minute to 6 hours apart.", "Then it waits in Needs Attention."],
              ["Anna Administrator", "Ben & Co <support>"]),
    "stop": (["The user's action is stopped with the message."], ["The user"]),
}


def spec(direction="both", timing="scheduled", owners="all", failure="alert", **changes):
    return {
        "title": "Web orders", "description": "Orders of the shop become sale orders.",
        "odoo": {"name": "Odoo", "detail": "Sales Order", "note": "may create"},
        "external": {"name": "Web Shop", "detail": "Orders", "note": "may not create", "badge": "SANDBOX"},
        "direction": direction,
        "lanes": {
            "import": {"label": "Creates and updates", "trigger": TRIGGERS[timing]["import"]},
            "export": {"label": "Updates only", "trigger": TRIGGERS[timing]["export"]}},
        "order": {
            "title": "Order of creation", "before": ["Customers", "Products"], "this": "Web orders", "after": ["Payments"]},
        "owners": {"title": "Who decides", "items": [
            {"label": f"{count} fields: {kind} decides", "count": count, "kind": kind} for kind, count in OWNERS[owners]]},
        "failure": {
            "title": "When it fails", "steps": FAILURES[failure][0], "told_title": "Told", "told": FAILURES[failure][1]},
        **changes,
    }


@pytest.mark.parametrize("direction", ["import", "export", "both"])
@pytest.mark.parametrize("timing", TRIGGERS)
@pytest.mark.parametrize("owners", OWNERS)
@pytest.mark.parametrize("failure", FAILURES)
def test_every_combination_shows_everything_and_nothing_overlaps(direction, timing, owners, failure):
    picture = Picture(flow_diagram(spec(direction, timing, owners, failure))).check()
    lanes = {"import": "Creates and updates", "export": "Updates only"}
    for lane, label in lanes.items():
        assert picture.shows(label) == (direction in (lane, "both"))
        if direction in (lane, "both"):
            assert picture.shows(TRIGGERS[timing][lane])
    for text in ("Odoo", "Sales Order", "Web Shop", "Orders", "SANDBOX", "may create", "may not create", "Customers",
                 "Products", "Web orders", "Payments", *FAILURES[failure][0], *FAILURES[failure][1]):
        assert picture.shows(text), text
    for kind, count in OWNERS[owners]:
        assert picture.shows(f"{count} fields: {kind} decides")
    assert picture.shows("Who decides") == bool(OWNERS[owners])
    # The arrow of an import points at Odoo, at the left; that of an export away from it.
    middle = picture.width / 2
    between = [head for head in picture.heads if picture.rects[0][1] <= head[0][1] <= picture.rects[0][3]]
    assert {"import" if head[0][0] < middle else "export" for head in between} == (
        {"import", "export"} if direction == "both" else {direction})


def test_the_order_of_creation_runs_downwards():
    picture = Picture(flow_diagram(spec()))
    place = {text: box[1] for text, box in picture.texts}
    assert place["Customers"] < place["Products"] < place["Payments"]
    orders = [box[1] for text, box in picture.texts if text == "Web orders"]
    assert place["Products"] < orders[0] < place["Payments"]


def test_the_bar_of_owners_is_in_proportion():
    picture = Picture(flow_diagram(spec(owners="both")))
    bars = [rect for rect in picture.rects if rect[3] - rect[1] == 20]
    widths = [x2 - x1 for x1, _y1, x2, _y2 in bars]
    assert widths[0] / widths[1] == pytest.approx(12 / 3, rel=0.01)


def test_a_flow_that_depends_on_nothing_has_no_order():
    order = {"title": "Order of creation", "before": [], "this": "Web orders", "after": []}
    alone = Picture(flow_diagram(spec(order=order)))
    assert not alone.shows("Order of creation")
    assert alone.height < Picture(flow_diagram(spec())).height


HOSTILE = '</text><script>alert(1)</script> & "quoted" \x00\ud800 ]]>'
texts = st.one_of(
    st.text(max_size=80), st.sampled_from([LONG, HOSTILE, "注文管理システム連携サービス株式会社の注文", "W" * 70, ""]))


@settings(max_examples=80, deadline=None)
@given(names=st.lists(texts, min_size=8, max_size=8), many=st.lists(texts, max_size=6), direction=st.sampled_from(
    ["import", "export", "both"]))
def test_any_name_fits(names, many, direction):
    picture = Picture(flow_diagram({
        "title": names[0], "description": names[1],
        "odoo": {"name": names[2], "detail": names[3], "note": names[4]},
        "external": {"name": names[5], "detail": names[6], "note": names[7], "badge": names[0]},
        "direction": direction, "lanes": {"import": {"label": names[1], "trigger": names[2]}, "export": {"label": names[3]}},
        "order": {"title": names[4], "before": many, "this": names[5], "after": many[:2]},
        "owners": {"title": names[6], "items": [
            {"label": name, "count": 1 + n, "kind": "odoo"} for n, name in enumerate(many)]},
        "failure": {"title": names[7], "steps": many, "told_title": names[0], "told": many},
    })).check()
    assert not picture.root.findall(f".//{NS}script")
    Picture(landscape_diagram(names[0], {"name": names[1], "detail": names[2]}, [
        {"name": name, "detail": names[3], "flows": [
            {"label": other, "detail": names[4], "direction": direction, "quiet": bool(number % 2)}
            for number, other in enumerate(many)]} for name in many])).check()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_any_transitions_can_be_drawn(data):
    codes = [str(number) for number in range(data.draw(st.integers(0, 8)))]
    names = {code: data.draw(texts) for code in codes}
    arrows = data.draw(st.lists(st.fixed_dictionaries({
        "source": st.sampled_from([*codes, "unknown"]), "target": st.sampled_from([*codes, "unknown"]), "label": texts,
        "kind": st.sampled_from(["import", "export", "both", "blocked", ""])}), max_size=24))
    nodes = [{"code": code, "label": name} for code, name in names.items()]
    picture = Picture(transition_diagram(nodes, arrows, "Statuses")).check()
    drawn = [arrow for arrow in arrows if "unknown" not in (arrow["source"], arrow["target"])]
    lines = len(picture.root.findall(NS + "polyline"))
    assert lines == len(drawn), "every transition is a line"
    numbered = lines - sum(len(line.get("points").split()) == 2 for line in picture.root.iter(NS + "polyline"))
    assert len(picture.circles) == 2 * numbered, "a number at the line and one in the list"


def test_transitions_start_and_end_at_their_statuses():
    nodes = [{"code": code, "label": code.title()} for code in ("open", "paid", "shipped", "returned")]
    picture = Picture(transition_diagram(nodes, [
        {"source": "open", "target": "paid", "label": "Confirm the order", "kind": "import"},
        {"source": "open", "target": "shipped", "label": "Deliver", "kind": "export"},
        {"source": "returned", "target": "open", "label": "Reopen", "kind": "blocked"},
    ], "Order statuses")).check()
    boxes = dict(zip(("open", "paid", "shipped", "returned"), picture.rects, strict=True))
    assert boxes["open"][3] < boxes["paid"][1] < boxes["shipped"][1]
    direct, forward, back = [[tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
                             for line in picture.root.iter(NS + "polyline")]
    assert direct[0][1] == boxes["open"][3] and picture.heads[0][0][1] == boxes["paid"][1]
    assert forward[0][0] > boxes["open"][2] and boxes["open"][1] < forward[0][1] < boxes["open"][3]
    assert picture.heads[1][0] == (boxes["shipped"][2], forward[-1][1])
    assert boxes["shipped"][1] < forward[-1][1] < boxes["shipped"][3]
    assert back[0][0] < boxes["returned"][0] and picture.heads[2][0] == (boxes["open"][0], back[-1][1])
    dashed = [line for line in picture.root.iter(NS + "polyline") if line.get("stroke-dasharray")]
    assert len(dashed) == 1
    assert picture.shows("Confirm the order") and picture.shows("Open → Shipped") and picture.shows("Returned → Open")


def test_a_landscape_shows_every_system_and_flow():
    systems = [
        {"name": f"System {number}", "detail": "Production", "badge": "SANDBOX" if number else "", "flows": [
            {"label": f"Flow {number}.{flow}", "detail": "every hour", "direction": ("import", "export", "both")[flow % 3],
             "quiet": flow == 2} for flow in range(number + 1)]} for number in range(5)]
    picture = Picture(landscape_diagram("All integrations", {"name": "Odoo", "detail": "My Company"}, systems)).check()
    for number, system in enumerate(systems):
        assert picture.shows(f"System {number}")
        assert all(picture.shows(flow["label"]) for flow in system["flows"])
    lines = list(picture.root.iter(NS + "polyline"))
    assert len(lines) == 15
    assert sum(line.get("stroke-dasharray") is not None for line in lines) == 3
    assert len(picture.heads) == 15 + sum(flow["direction"] == "both" for system in systems for flow in system["flows"])
    Picture(landscape_diagram("Nothing yet", {"name": "Odoo"}, [])).check()


def test_readers_of_screens_and_small_windows():
    root = Picture(flow_diagram(spec(title="Orders & more", description="From <shop> to Odoo"))).root
    assert root.get("role") == "img" and root.get("width") is None and root.get("height") is None
    labelled = {node.get("id"): node.text for node in root if node.tag in (NS + "title", NS + "desc")}
    assert list(labelled.values()) == ["Orders & more", "From <shop> to Odoo"]
    assert root.get("aria-labelledby").split() == list(labelled)
    assert "width:100%" in root.get("style")
    other = Picture(flow_diagram(spec(title="Others"))).root
    assert other.get("aria-labelledby") != root.get("aria-labelledby"), "two drawings on one page"


def _told(svg):
    return next(node.text for node in etree.fromstring(svg) if node.tag == NS + "desc")


def test_readers_of_screens_are_told_every_arrow():
    assert _told(landscape_diagram("All", {"name": "Odoo"}, [
        {"name": "Shop", "flows": [{"label": "1. Orders", "detail": "live", "direction": "import"}]},
        {"name": "Carrier", "flows": [
            {"label": "2. Labels", "direction": "both"}, {"label": "3. Parcels", "direction": "export"}]},
        {"name": "Idle"}])) == "Odoo ← Shop: 1. Orders, live; Odoo ⇄ Carrier: 2. Labels; Odoo → Carrier: 3. Parcels"
    assert _told(transition_diagram(
        [{"code": "draft", "label": "Quotation"}, {"code": "sale"}],
        [{"source": "draft", "target": "sale", "label": "Confirm"}, {"source": "sale", "target": "draft"},
         {"source": "sale", "target": "unknown"}], "Statuses")) == "Quotation → sale: Confirm; sale → Quotation"
    assert "<desc" not in transition_diagram([{"code": "draft"}], [], "Statuses")
    assert _told(landscape_diagram("All", {}, [{"name": "Shop"}], "In other words")) == "In other words"


def _luminance(red, green, blue):
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _rgb(colour):
    return tuple(int(pair, 16) / 255 for pair in re.findall("..", colour.lstrip("#")))


@pytest.mark.parametrize("colour", [value for value in COLOURS.values() if value != INK])
@pytest.mark.parametrize("page", ["#ffffff", "#1b1d26", "#262a36"])
def test_lines_are_seen_on_light_and_on_dark_pages(colour, page):
    light, dark = sorted((_luminance(*_rgb(colour)), _luminance(*_rgb(page))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3, colorsys.rgb_to_hls(*_rgb(colour))


def test_all_text_is_in_the_ink_of_the_page():
    for svg in (flow_diagram(spec()), transition_diagram([{"code": "a", "label": "A"}], [], "t")):
        root = etree.fromstring(svg)
        assert {node.get("fill") for node in root.iter(NS + "text")} == {INK}
        assert "<style" not in svg and "href" not in svg


@given(texts, st.floats(20, 300), st.integers(1, 5))
def test_wrapped_lines_fit(text, width, most):
    lines = wrap(text, width, 12, most=most)
    assert len(lines) <= most
    assert all(text_width(line, 12) <= width or len(line) <= 2 for line in lines)
    if len(wrap(text, width, 12, most=999)) <= most and not re.search(r"[^\w ]", text):
        assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_a_box_grows_with_its_text():
    drawing = Drawing(200)
    short = drawing.box(0, 0, 100, [Text("a")])
    assert drawing.box(0, 0, 100, [Text(LONG)]) > short
    assert drawing.box(0, 0, 100, [Text("a")], least=300) == 300
