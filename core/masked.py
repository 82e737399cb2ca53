"""Edit a document of which some values are hidden: what stays hidden stays what it is."""

from __future__ import annotations

from typing import Any

from .scrubbing import MASK

_MISSING = object()


def unmask(original: Any, masked: Any, edited: Any) -> Any:
    """The edited document with the hidden values of the original at the places where they still stand masked.

    :param original: the document
    :param masked: the document as it was shown
    :param edited: what the person made of it
    :raises ValueError: a mask stands where nothing was hidden, so nobody knows what it means

    >>> unmask({"token": "t", "name": "A"}, {"token": "***", "name": "A"}, {"token": "***", "name": "B"})
    {'token': 't', 'name': 'B'}
    >>> unmask({"token": "t"}, {"token": "***"}, {"other": "***"})
    Traceback (most recent call last):
    ...
    ValueError: ***
    """
    if masked is not _MISSING and _same(edited, masked):
        return original
    if isinstance(edited, dict):
        known = isinstance(masked, dict) and isinstance(original, dict)
        return {
            name: unmask(
                original.get(name, _MISSING) if known else _MISSING,
                masked.get(name, _MISSING) if known else _MISSING, value)
            for name, value in edited.items()}
    if isinstance(edited, list):
        known = isinstance(masked, list) and isinstance(original, list) and len(masked) == len(edited) == len(original)
        return [
            unmask(original[index], masked[index], value) if known else unmask(_MISSING, _MISSING, value)
            for index, value in enumerate(edited)]
    if isinstance(edited, str) and MASK in edited:
        raise ValueError(edited)
    return edited


def _same(one: Any, other: Any) -> bool:
    """Equal, also in type: for JSON 1 and true are different."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other
