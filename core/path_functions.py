"""What paths can do beyond JMESPath: few functions, for what an expression cannot reach."""

from __future__ import annotations

from typing import Any

from jmespath.functions import Functions, signature

from .allotting import allot


class PathFunctions(Functions):
    """The functions of JMESPath, ``each`` and ``allot``."""

    @signature({"types": ["array", "null"]}, {"types": ["object"]})
    def _func_each(self, items: list | None, more: dict[str, Any]) -> list[dict]:
        """Every object of a list with these values added: within a list, an expression no longer sees the record
        around it. ``each(attributes, {product: id})``

        >>> PathFunctions()._func_each([{"name": "Size"}], {"product": 7})
        [{'name': 'Size', 'product': 7}]
        """
        return [{**item, **more} for item in items or [] if isinstance(item, dict)]

    @signature({"types": ["array"]}, {"types": ["array"]})
    def _func_allot(self, done: list, places: list) -> list[dict]:
        """Quantities that were done, spread over the places that wait for them: see ``allotting.py``."""
        return allot(done, places)
