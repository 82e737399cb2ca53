"""The guides as HTML: what links lead to, what headings are called, what is left out."""

from pathlib import Path

import pytest

from integration_flow.core import guides

DOCS = Path(__file__).resolve().parents[2] / "docs"
KNOWN = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*") if path.suffix in (".md", ".png")}


def test_headings_have_names_and_equal_ones_differ():
    page = guides.read("# Who owns what, and why?\n\n## When it fails\n\n## When it fails\n\n## `code` & more", "a.md", ())
    assert page.title == "Who owns what, and why?"
    assert [heading.anchor for heading in page.headings] == [
        "who-owns-what-and-why", "when-it-fails", "when-it-fails-1", "code--more"]
    assert '<h2 id="when-it-fails-1">' in page.html


@pytest.mark.parametrize(("href", "page", "target"), [
    ("flow.md", "concepts/README.md", "concepts/flow.md"), ("../user-guide.md#states", "concepts/flow.md", "user-guide.md"),
    ("#states", "user-guide.md", None), ("https://example.com/x.md", "user-guide.md", None),
    ("javascript:alert(1)", "user-guide.md", None), ("/etc/passwd", "user-guide.md", None),
    ("../../README.md", "concepts/flow.md", "../README.md")])
def test_what_a_link_means(href, page, target):
    assert guides.target_of(href, page) == target


def test_links_elsewhere_become_text():
    html = guides.read(
        "[in](flow.md) [out](../README.md) [web](https://example.com) [js](javascript:alert(1)) ![pic](../x.png)",
        "a.md", {"flow.md"}).html
    assert '<a href="flow.md">in</a>' in html
    assert "<span>out</span>" in html
    assert 'target="_blank" rel="noreferrer noopener">web</a>' in html
    assert 'href="javascript' not in html
    assert "<img" not in html
    assert "pic</p>" in html


def test_raw_html_is_left_out():
    html = guides.read("<!-- for a test -->\n\nText <b>and</b> more\n\n<script>alert(1)</script>", "a.md", ()).html
    assert html == "<p>Text and more</p>\n"


def test_every_link_of_our_guides_leads_somewhere():
    """Within the guides to a page, picture and heading; outside of them to a file of the addon."""
    assert {"user-guide.md", "images/overview.png"} <= KNOWN
    anchors = {name: {heading.anchor for heading in guides.read((DOCS / name).read_text(), name, KNOWN).headings}
               for name in KNOWN if name.endswith(".md")}
    wrong = []
    for name in anchors:
        for token in guides.MarkdownIt("commonmark").enable("table").parse((DOCS / name).read_text()):
            for child in token.children or []:
                href = child.attrGet("href") or child.attrGet("src") or ""
                path, _hash, anchor = href.partition("#")
                target = guides.target_of(href, name) if path else name
                if target is None or not href:
                    continue
                if not (DOCS / target).exists() or (anchor and anchor not in anchors.get(target, ())):
                    wrong.append((name, href))
    assert wrong == []
