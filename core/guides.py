"""The guides of ``docs/``, made ready for a browser. Pages and pictures are known by their paths below that folder."""

import posixpath
import re
from typing import NamedTuple

from markdown_it import MarkdownIt

INDEX = "README.md"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


class Heading(NamedTuple):
    level: int
    anchor: str
    text: str


class Page(NamedTuple):
    title: str
    html: str
    headings: list


def anchor_of(text, taken=()):
    """The name under which a heading is linked to, as code hosting sites make it; ``taken`` are those of the page so far."""
    name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    number = 0
    while (found := f"{name}-{number}" if number else name) in taken:
        number += 1
    return found


def target_of(href, page):
    """The file that a link on ``page`` means, as a path below the guides; ``None`` for an address outside or on the page."""
    path = href.partition("#")[0]
    if not path or _SCHEME.match(href) or href.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path))


def read(text, page, known):
    """A guide as HTML.

    :param page: its own path, for links that are relative to it
    :param known: paths of all pages and pictures; a link to anything else becomes plain text, and so does a picture
    """
    markdown = MarkdownIt("commonmark").enable("table")
    # Raw HTML is a comment for tests, or a mistake: neither is shown.
    markdown.add_render_rule("html_block", lambda *_arguments: "")
    markdown.add_render_rule("html_inline", lambda *_arguments: "")
    tokens = markdown.parse(text)
    headings = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open":
            words = "".join(child.content for child in following.children if child.type in ("text", "code_inline"))
            anchor = anchor_of(words, {heading.anchor for heading in headings})
            token.attrSet("id", anchor)
            headings.append(Heading(int(token.tag[1]), anchor, words))
        for child in _links(token.children or []):
            _settle(child, page, known)
    html = markdown.renderer.render(tokens, markdown.options, {})
    title = next((heading.text for heading in headings), page)
    return Page(title, html, headings)


def _links(children):
    """Each link (with its end) and each picture of a line."""
    opened = None
    for child in children:
        if child.type == "link_open":
            opened = child
        elif child.type == "link_close":
            yield opened, child
        elif child.type == "image":
            yield child, None


def _settle(pair, page, known):
    start, end = pair
    href = start.attrGet("src" if end is None else "href") or ""
    target = target_of(href, page)
    if target in known or (end and href.startswith("#")):
        return
    if end and href.startswith(("http://", "https://")):
        start.attrSet("target", "_blank")
        start.attrSet("rel", "noreferrer noopener")
    elif end:
        start.tag = end.tag = "span"
        start.attrs = {}
    else:  # a picture that is not there says what it would show
        start.type = "text"
