"""Values of sensitive rules out of what is told about a record, and out of the texts of its calls.

Bodies are masked by name already (``core/redact.py``). A name does not help where a system quotes what it refuses: 'value
4711-A of field tax_no is not valid'. There the value itself is looked for.
"""

import json

from odoo.tools import html2plaintext

from ..core import paths
from ..core.redact import scrub
from ..core.scrubbing import trim
from .mapper import external_values, read_value
from .plan import FlowPlan, RulePlan
from .rows import Row


def sensitive_values(plan: FlowPlan, values: dict, odoo: dict) -> tuple[str, ...]:
    """Of one record on its way out: what must not be seen of its call, for ``Request.secrets``.

    :param values: ``{rule code: external value}``
    :param odoo: ``{rule code: Odoo value}``
    """
    found: set[str] = set()
    if not plan.sensitive_names:
        return ()
    for rule in plan.rules:
        if rule.sensitive:
            _gather(values.get(rule.code), found)
            _gather(odoo.get(rule.code) if rule.kind != "lines" else None, found)
        for child in rule.children:
            if child.sensitive and not rule.sensitive:
                for line in values.get(rule.code) or ():
                    _gather(paths.get(child.external_path, line) if isinstance(line, dict) else None, found)
    return tuple(sorted(found))


def hide_sensitive(plan: FlowPlan, rows: list[Row]) -> None:
    """Before a slice is recorded: what its rows tell is told without the values of sensitive rules."""
    rules = [rule for rule in plan.rules if rule.sensitive or any(child.sensitive for child in rule.children)]
    if not rules:
        return
    for row in rows:
        if row.error is None and row.message is None:
            continue
        values = _of_payload(plan, rules, row) | _of_record(plan, rules, row)
        for name in ("message", "hint", "detail"):
            text = getattr(row, name)
            if text:
                setattr(row, name, trim(scrub(text, values), values))
        _clean(row.error, values)


def _clean(error, values) -> None:
    if error is not None:
        error.params = {name: trim(scrub(value, values), values) if isinstance(value, str) else value
                        for name, value in error.params.items()}
        error.detail = scrub(error.detail, values) if error.detail else error.detail


def _of_payload(plan: FlowPlan, rules: list[RulePlan], row: Row) -> set[str]:
    """The sensitive values of what was received."""
    if not row.payload:
        return set()
    try:
        found = external_values(plan, rules, json.loads(row.payload))
    except Exception:  # whatever is wrong with this record, it has been told already
        return set()
    values: set[str] = set()
    for rule in rules:
        if rule.kind == "lines":
            for _line_id, line in found[rule.code]:
                for child in rule.children:
                    if rule.sensitive or child.sensitive:
                        _gather(line.get(child.code), values)
        else:
            _gather(found[rule.code], values)
    return values


def _of_record(plan: FlowPlan, rules: list[RulePlan], row: Row) -> set[str]:
    """The sensitive values of the Odoo record, as they are and as they are sent."""
    values: set[str] = set()
    record = plan.model.browse(row.res_id).exists() if row.res_id else plan.model
    if not record:
        return values
    for rule in rules:
        try:
            if rule.kind == "lines":
                for child in rule.children:
                    if rule.sensitive or child.sensitive:
                        for line in record[rule.odoo_path]:
                            _gather(read_value(child, line), values)
            else:
                _gather(read_value(rule, record), values)
        except Exception:  # a rule that cannot be read has failed on this record already
            continue
    return values


def _gather(value, values: set[str]) -> None:
    """Texts and numbers in ``value``; short ones would tear every text apart and are left."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for single in value:
            _gather(single, values)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and len(str(value).strip()) >= 4:
        text = str(value).strip()
        values.add(text)
        if "<" in text or "&" in text:  # as Odoo's own messages, which are HTML, show it
            values.update(part for part in (html2plaintext(text).strip(), text.partition("<")[0]) if len(part) >= 4)
