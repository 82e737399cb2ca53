"""Drawing primitives: measured and wrapped text, boxes, arrows, and the SVG text around them.

What is drawn stands in presentation attributes, without a style sheet, script, font or marker: it looks the same
inside a page, in a file of its own and in a PDF printer, and several drawings on one page never disturb each other. Ink is
``currentColor``, so that it follows the page from light to dark; the other colours have enough contrast on both.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from zlib import crc32

INK = "currentColor"
COLOURS = {
    "plain": INK, "import": "#2f7fd1", "export": "#2c9160", "failure": "#d2564f", "attention": "#b47a16", "other": "#8a6fc8",
}
FONT = "Helvetica, Arial, 'Liberation Sans', 'Segoe UI', Roboto, sans-serif"
WIDTH = 460.0  # of a drawing, so narrow that it can be read on a phone
EDGE = 12.0  # the margin around it
LINE = 1.3  # height of a line, in sizes of the font
HEAD = 9.0  # length of an arrow's head

# Widths of the printable ASCII characters in thousandths of the size, as the fonts above have them.
_ASCII = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
    556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)
_SLACK = 1.18  # other fonts, such as DejaVu, are wider


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is at most, roughly: rather too wide than too narrow.

    >>> text_width("ill", 10) < text_width("WWW", 10) < text_width("注文数", 10) + 10
    True
    >>> text_width("", 12)
    0.0
    """
    total = 0
    for char in text:
        code = ord(char)
        if 32 <= code < 127:
            total += _ASCII[code - 32]
        elif unicodedata.combining(char):
            continue
        elif unicodedata.east_asian_width(char) in "WF" or code > 0x1F000:
            total += 1050
        else:
            total += 760 if char.isupper() else 620
    return total / 1000 * size * _SLACK * (1.08 if bold else 1.0)


def clean(text: object) -> str:
    """One line of what XML allows.

    >>> clean("Web\\x00 shop\\n of  Anna")
    'Web shop of Anna'
    """
    allowed = "".join(
        char for char in str(text if text is not None else "")
        if (char in "\t\n\r" or ord(char) >= 32) and not 0xD800 <= ord(char) <= 0xDFFF and ord(char) not in (0xFFFE, 0xFFFF))
    return " ".join(allowed.split())


def escape(text: str) -> str:
    """For text nodes and attributes.

    >>> escape('<b> & "x"')
    '&lt;b&gt; &amp; &quot;x&quot;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def wrap(text: object, width: float, size: float, *, bold: bool = False, most: int = 4) -> list[str]:
    """Lines that fit into ``width``; words that are too long are broken, what exceeds ``most`` lines ends in an ellipsis.

    >>> wrap("Web orders of the shop", 80, 12)
    ['Web orders', 'of the shop']
    >>> wrap("one two three four", 40, 12, most=2)
    ['one', 'two…']
    >>> wrap("", 40, 12)
    []
    """
    def fits(piece):
        return text_width(piece, size, bold=bold) <= width

    lines: list[str] = []
    line = ""
    for word in clean(text).split():
        while word:
            candidate = f"{line} {word}" if line else word
            if fits(candidate):
                line, word = candidate, ""
            elif line:
                lines.append(line)
                line = ""
            else:  # one word, wider than the line
                length = next((n for n in range(len(word) - 1, 1, -1) if fits(word[:n])), 1)
                lines.append(word[:length])
                word = word[length:]
    if line:
        lines.append(line)
    if len(lines) > most:
        last = lines[most - 1]
        while last and not fits(last + "…"):
            last = last[:-1]
        lines = [*lines[:most - 1], last.rstrip() + "…"]
    return lines


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph before it is placed."""

    content: object
    size: float = 13
    bold: bool = False
    faint: bool = False
    most: int = 4


def height(texts: list[Text], width: float) -> float:
    """How much room these paragraphs take."""
    return sum(
        len(wrap(text.content, width, text.size, bold=text.bold, most=text.most)) * text.size * LINE for text in texts)


class Drawing:
    """Collects shapes from top to bottom. Coordinates are pixels of a drawing ``width`` wide; it scales with its page."""

    def __init__(self, width: float):
        self.width = width
        self.parts: list[str] = []
        self.bottom = 0.0

    def _grow(self, bottom: float):
        self.bottom = max(self.bottom, bottom)

    def rect(self, x, y, width, height, *, colour="plain", fill=0.06, dash=False, radius=6, stroke=1.3):
        ink = COLOURS.get(colour, INK)
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" fill="{ink}" '
            f'fill-opacity="{fill:g}" stroke="{ink}" stroke-width="{stroke:g}"{_dash(dash)}/>')
        self._grow(y + height)

    def text(self, x, y, line, *, size=13, bold=False, faint=False, anchor="start"):
        """One line; ``y`` is its upper edge."""
        look = (' font-weight="bold"' if bold else "") + (' fill-opacity="0.78"' if faint else "")
        self.parts.append(
            f'<text x="{x:g}" y="{y + size:g}" font-size="{size:g}" text-anchor="{anchor}" fill="{INK}"{look}>'
            f"{escape(line)}</text>")
        self._grow(y + size * LINE)

    def paragraph(self, x, y, width, text: Text, *, anchor="start") -> float:
        """Wrapped text; returns where it ends. ``x`` is the left edge of the room, whatever the anchor."""
        at = {"start": x, "middle": x + width / 2, "end": x + width}[anchor]
        for line in wrap(text.content, width, text.size, bold=text.bold, most=text.most):
            self.text(at, y, line, size=text.size, bold=text.bold, faint=text.faint, anchor=anchor)
            y += text.size * LINE
        return y

    def box(
        self, x, y, width, texts: list[Text], *, least=0.0, padding=8.0, anchor="middle", middle=False, **style,
    ) -> float:
        """A box as tall as its texts (at least ``least``); returns where it ends. ``middle``: texts stand in its middle."""
        inner = height(texts, width - 2 * padding)
        tall = max(inner + 2 * padding, least)
        self.rect(x, y, width, tall, **style)
        at = y + ((tall - inner) / 2 if middle else padding)
        for text in texts:
            at = self.paragraph(x + padding, at, width - 2 * padding, text, anchor=anchor)
        return y + tall

    def arrow(self, points, *, colour="plain", dash=False, start=False, end=True):
        """A line through points with a head at its end (and at its start)."""
        ink = COLOURS.get(colour, INK)
        points = list(points)
        heads = []
        if end:
            points[-1], head = _head(points[-2], points[-1])
            heads.append(head)
        if start:
            points[0], head = _head(points[1], points[0])
            heads.append(head)
        line = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(
            f'<polyline points="{line}" fill="none" stroke="{ink}" stroke-width="1.6" '
            f'stroke-linejoin="round"{_dash(dash)}/>')
        self.parts += [
            f'<polygon points="{" ".join(f"{x:g},{y:g}" for x, y in head)}" fill="{ink}"/>' for head in heads]
        self._grow(max(y for _x, y in points))

    def number(self, x, y, value, *, colour="plain", radius=9):
        """A number in a circle around (x, y)."""
        ink = COLOURS.get(colour, INK)
        self.parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{ink}" fill-opacity="0.08" stroke="{ink}" '
            'stroke-width="1.2"/>')
        self.text(x, y - 7.4, str(value), size=11, anchor="middle")
        self._grow(y + radius)

    def svg(self, title: object, description: object = "", *, margin=12.0) -> str:
        """The whole as SVG text. Readers of screens get the title and the description instead of the shapes."""
        tall = self.bottom + margin
        title, description = escape(clean(title)), escape(clean(description))
        body = "".join(self.parts)
        key = f"d{crc32((title + description + body).encode()):08x}"
        labelled = f"{key}t {key}d" if description else f"{key}t"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {tall:g}" role="img" '
            f'aria-labelledby="{labelled}" font-family="{FONT}" direction="ltr" '
            f'style="display:block;width:100%;height:auto;max-width:{self.width * 1.3:g}px">'
            f'<title id="{key}t">{title}</title>'
            + (f'<desc id="{key}d">{description}</desc>' if description else "")
            + f"{body}</svg>")


def _dash(dash) -> str:
    return ' stroke-dasharray="5 4"' if dash else ""


def _head(before, tip):
    """Where the line ends, and the triangle of a head whose tip is ``tip``. Lines are horizontal or vertical."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length, dy / length
    base = (tip[0] - ux * HEAD, tip[1] - uy * HEAD)
    side = HEAD * 0.5
    return base, (tip, (base[0] - uy * side, base[1] + ux * side), (base[0] + uy * side, base[1] - ux * side))
