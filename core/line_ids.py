"""Lines are linked as ``<document>/<line>``. Where IDs hold slashes themselves (``gid://shopify/Order/7``) it takes the IDs
of the documents to tell the two apart."""

from __future__ import annotations

from collections.abc import Collection


def documents_of(external_id: str) -> list[str]:
    """What the document's ID may be, the longest first.

    >>> documents_of("gid://a/1/5")
    ['gid://a/1', 'gid://a', 'gid:/', 'gid:']
    """
    return [external_id[:at] for at in range(len(external_id) - 1, 0, -1) if external_id[at] == "/"]


def split(external_id: str, documents: Collection[str] = ()) -> tuple[str, str]:
    """The IDs of the document and of the line. With several documents that fit, the longest one is meant; with none, the
    line is what stands behind the last slash.

    >>> split("gid://a/Order/1/gid://a/Line/5", {"gid://a/Order/1"})
    ('gid://a/Order/1', 'gid://a/Line/5')
    >>> split("INV/7/2")
    ('INV/7', '2')
    """
    for document in documents_of(external_id):
        if document in documents:
            return document, external_id[len(document) + 1 :]
    document, _slash, line = external_id.rpartition("/")
    return document, line
