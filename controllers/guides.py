"""The guides of ``docs/``, for whoever is logged in."""

from functools import cache
from pathlib import Path

from markupsafe import Markup

from odoo.http import Controller, request, route

from ..core import guides

DOCS = Path(__file__).resolve().parent.parent / "docs"
URL = "/integration/docs"
# A guide is text and pictures of our own; nothing else is loaded, and nothing runs.
POLICY = "default-src 'none'; img-src 'self'; style-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"


@cache
def known():
    """All that can be asked for, ``{path below docs: file}``. A path of a request is only ever looked up in here."""
    return {path.relative_to(DOCS).as_posix(): path
            for kind in ("*.md", "*.png") for path in DOCS.rglob(kind) if path.is_file() and not path.is_symlink()}


class GuidesController(Controller):
    @route([URL, f"{URL}/<path:page>"], type="http", auth="user", methods=["GET"], readonly=True)
    def guide(self, page=None):
        """A page of the guides, or a picture in one."""
        if not request.env.user._is_internal():
            raise request.not_found()
        if page is None:
            return request.redirect(f"{URL}/{guides.INDEX}")
        if page not in known():
            raise request.not_found()
        if page.endswith(".png"):
            return request.make_response(known()[page].read_bytes(), [
                ("Content-Type", "image/png"), ("Cache-Control", "private, max-age=3600"),
                ("Content-Security-Policy", "default-src 'none'"), ("X-Content-Type-Options", "nosniff")])
        read = guides.read(known()[page].read_text(encoding="utf-8"), page, known())
        return request.render("integration_flow.guide", {
            "page": read, "body": Markup(read.html), "index": f"{URL}/{guides.INDEX}", "is_index": page == guides.INDEX,
            "contents": [heading for heading in read.headings if heading.level in (2, 3)],
        }, headers=[("Content-Security-Policy", POLICY), ("X-Content-Type-Options", "nosniff")])
