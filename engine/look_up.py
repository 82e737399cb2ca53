"""What a look-up asks by, where that is more than one match key."""

from ..core import paths, steps
from . import http


def filled(plan, values: dict, find, variables: dict):
    """The body of a look-up that takes values of the record as it would be sent: ``{=variants[].sku}``."""
    record: dict = {}
    for rule in plan.export_rules:
        value = values.get(rule.code)
        if rule.external_path and value is not None and paths.is_assignable(rule.external_path):
            paths.assign(record, rule.external_path, value)
    return steps.fill(http.body_of(find, variables), record)
