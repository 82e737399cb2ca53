"""What a later call of a request says, made from what is known by then: the answers so far and what was sent."""

from __future__ import annotations

import re
from typing import Any

from . import paths
from .errors import SyncError
from .values import shown, text_of

SENT = "sent"
"""Under this name stands what the first call has sent, beside the names of the answer."""
_INNER = re.compile(r"\{([A-Za-z_][\w.\[\]]*)\}")


def fill(template: Any, known: dict[str, Any]) -> Any:
    """A JSON document in which every text ``{=path}`` became the value at that JMESPath in ``known``, of its type.

    Within the path, ``{name.of.value}`` stands for a text of ``known``: JMESPath cannot compare the items of a list with
    something outside of it. A value that is not there is None.

    :raises SyncError: mapping/bad_path, path_failed; mapping/missing_variable for a ``{name}`` that is not there

    >>> known = {"rates": [{"id": 1, "service": "std"}, {"id": 2, "service": "fast"}], "sent": {"service": "fast"}}
    >>> fill({"rate": "{=rates[?service=='{sent.service}'].id | [0]}", "note": "{id}"}, known)
    {'rate': 2, 'note': '{id}'}
    """
    if isinstance(template, dict):
        return {name: fill(item, known) for name, item in template.items()}
    if isinstance(template, list):
        return [fill(item, known) for item in template]
    if not isinstance(template, str) or not template.startswith("{=") or not template.endswith("}"):
        return template
    return look(template[2:-1], known)


def look(path: str, known: dict[str, Any]) -> Any:
    """The value at a JMESPath in what is known, with ``{name.of.value}`` as in :func:`fill`. '' finds nothing.

    >>> look("status != 'draft'", {"status": "purchased"}), look("", {})
    (True, None)
    >>> look("parcels[?number=='{sent.number}'].id | [0]", {"sent": {"number": 7}, "parcels": [{"number": "7", "id": "p"}]})
    'p'
    """

    def literal(match: re.Match) -> str:
        text = text_of(paths.get(match[1], known))
        if text is None:
            raise SyncError("mapping", "missing_variable", params={"variable": match[1], "template": shown(path)})
        return text.replace("\\", "\\\\").replace("'", "\\'")

    return paths.get(_INNER.sub(literal, path), known) if path else None


def holds(known: dict[str, Any], path: str) -> bool:
    """Is the value at a JMESPath true, in what is known? '' is false.

    >>> holds({"status": "purchased"}, "status != 'draft'"), holds({}, "")
    (True, False)
    """
    return bool(look(path, known))
