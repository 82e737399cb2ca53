"""Test cases: run through the flow's own rules in a dry run, and compared with what the business expects."""

import logging
from dataclasses import dataclass, field
from typing import Any

from odoo import fields

from ..core import paths
from ..core.errors import SyncError
from ..core.expecting import as_text, is_expected, parse_path
from . import failures, messages
from .dry_run import plain_value, try_export, try_import
from .plan import FlowPlan
from .trial import MASK, Trial

_logger = logging.getLogger(__name__)

# A list of so many lines is taken as a result; of longer ones the first.
TAKEN_LINES = 20
UNCHANGED = ("updated", "linked", "unchanged")


@dataclass(slots=True)
class Proof:
    """What a run of a test case came to. ``found``: ``{expectation id: (text, as expected?)}``"""

    passed: bool
    message: str
    found: dict[int, tuple[str, bool]] = field(default_factory=dict)


class Missing(Exception):
    """There is nothing at the path of an expectation; the text says what stands in the way."""


def prove(case, viewer=None) -> Proof:
    """Run one test case. Leaves no trace but what the caller stores.

    :param viewer: environment of the user who will see the result, if a person asks
    """
    env = case.env
    try:
        trial = _try(case, viewer, lambda record, trial: _compare(case, record, trial))
    except SyncError as error:
        return Proof(False, messages.explain(env, error)[0])
    found = trial.looked or {}
    lines = [_outcome_problem(case, trial)]
    for expectation in case.expectation_ids:
        text, passed = found.get(expectation.id, ("", True))
        if not passed:
            lines.append(env._(
                "%(path)s: expected “%(expected)s”, found “%(found)s”", path=expectation.path,
                expected=expectation.value or "", found=text))
    lines = [line for line in lines if line]
    if lines:
        return Proof(False, "\n".join(lines + trial.notes), found)
    message = env._(
        "%(outcome)s, as expected; %(count)s values compared.", outcome=_outcome_label(case, trial), count=len(found))
    return Proof(True, message, found)


def _try(case, viewer, look) -> Trial:
    payload = case._decoded()
    flow = case.flow_id
    if case.direction == "import":
        if payload is None:
            raise SyncError("validation", "no_example", params={"case": case.name})
        return try_import(flow, payload, as_new=case.as_new, viewer=viewer, look=look)
    if payload is not None:
        return try_export(flow, None, values=payload, viewer=viewer, look=look)
    if not case.res_id:
        raise SyncError("validation", "no_example", params={"case": case.name})
    return try_export(flow, case.res_id, viewer=viewer, look=look)


# -- outcome -----------------------------------------------------------------------------------------------


def _outcome_problem(case, trial: Trial) -> str:
    """'' when the record came out as expected, else a sentence."""
    expected = case.expected_outcome
    kind = trial.write_call.purpose if trial.direction == "export" and trial.write_call else trial.outcome
    if expected == "failed":
        if trial.works:
            return case.env._("A failure is expected, but it works: %(outcome)s.", outcome=_outcome_label(case, trial))
        error = trial.error
        wanted = case.expected_error_class, case.expected_error_code
        got = error and (error.error_class, error.code)
        if any(each and each != (got[number] if got else "") for number, each in enumerate(wanted)):
            return case.env._(
                "Another failure is expected (%(expected)s): %(message)s (%(got)s)",
                expected=" ".join(filter(None, wanted)), message=trial.message, got=" ".join(got or ()))
        return ""
    right = {
        "done": trial.works and trial.outcome != "excluded",
        "created": kind in ("created", "create"),
        "updated": kind in UNCHANGED or kind == "update",
        "excluded": trial.outcome == "excluded",
    }[expected]
    if right:
        return ""
    return case.env._(
        "Expected: %(expected)s. What happens: %(outcome)s. %(message)s",
        expected=dict(case._fields["expected_outcome"]._description_selection(case.env))[expected],
        outcome=_outcome_label(case, trial), message=trial.message or "").strip()


def _outcome_label(case, trial: Trial) -> str:
    return outcome_labels(case.env).get(trial.outcome, trial.outcome)


def outcome_labels(env) -> dict[str, str]:
    """The outcomes of a dry run in words."""
    return {
        "created": env._("Created in Odoo"), "updated": env._("Updated in Odoo"), "linked": env._("Recognised and linked"),
        "unchanged": env._("Nothing to do"), "excluded": env._("Left out"), "archived": env._("Archived in Odoo"),
        "deleted": env._("Deleted in Odoo"), "failed": env._("Fails"), "waiting": env._("Waits"),
        "conflict": env._("Conflict"), "sent": env._("Sent to the other system"),
    }


# -- values ------------------------------------------------------------------------------------------------


def _compare(case, record, trial: Trial) -> dict[int, tuple[str, bool]]:
    """``{expectation id: (what was found, is it the expected value?)}``; asked before everything is rolled back."""
    found = {}
    plan = FlowPlan(case.flow_id.sudo()) if case.expectation_ids else None
    for expectation in case.expectation_ids:
        try:
            value = _value_at(case, record, trial, expectation.path)
            passed = is_expected(expectation.value, value)
            text = as_text(value)
        except Missing as error:
            text, passed = f"({error})", False
        except (ValueError, SyncError):
            text, passed = case.env._("(%(path)s is not a path)", path=expectation.path), False
        hidden = not passed and text.startswith("(") or not text
        found[expectation.id] = (MASK if _is_sensitive(plan, expectation.path) and not hidden else text, passed)
    return found


def _value_at(case, record, trial: Trial, path: str) -> Any:
    if case.direction == "export":
        call = trial.write_call
        if call is None:
            raise Missing(case.env._("nothing is sent"))
        return paths.get(path.removesuffix(".length"), call.body) if not path.endswith(".length") else len(
            paths.get(path.removesuffix(".length"), call.body) or ())
    if record is None:
        raise Missing(case.env._("there is no Odoo record"))
    return _value_of(case.env, record, path)


def _value_of(env, record, path: str) -> Any:
    value, field_type = record, ""
    for step in parse_path(path):
        if not hasattr(value, "_name"):
            raise Missing(env._("%(path)s leads nowhere", path=path))
        if step.name == "length" and "length" not in value._fields:
            return len(value)
        if step.name not in value._fields:
            raise Missing(env._("%(model)s has no field %(field)s", model=value._description, field=step.name))
        if len(value) > 1:
            raise Missing(env._("several records: say which one, such as %(example)s", example=f"[0].{step.name}"))
        field_type = value._fields[step.name].type
        value = value[step.name]
        if step.index is not None:
            if not hasattr(value, "_name") or step.index >= len(value):
                raise Missing(env._("there is no line %(number)s", number=step.index))
            value = value[step.index]
    return plain_value(value, field_type)


def _is_sensitive(plan: FlowPlan, path: str) -> bool:
    names = {part for step in path.split(".") for part in (step.partition("[")[0],)}
    for rule in plan.rules:
        for each in (rule, *rule.children):
            if each.sensitive and (names & {each.odoo_path.partition(".")[0]} or names & {
                    each.external_path.rpartition(".")[2]}):
                return True
    return False


# -- taking today's result ---------------------------------------------------------------------------------


def take_result(case, viewer=None) -> list[tuple[str, str]] | None:
    """(path, value) of everything that the rules fill today, to be expected from now on; None when it does not work."""
    trial = _try(case, viewer, lambda record, trial: _result(case, record, trial))
    return trial.looked if trial.works else None


def _result(case, record, trial: Trial) -> list[tuple[str, str]]:
    if case.direction == "export":
        return list(_leaves(trial.write_call.body)) if trial.write_call else []
    if record is None:
        return []
    pairs: list[tuple[str, str]] = []
    for rule in FlowPlan(case.flow_id.sudo()).import_rules:
        if rule.sensitive:
            continue
        if rule.kind != "lines":
            pairs.append((rule.odoo_path, as_text(_value_of(case.env, record, rule.odoo_path))))
            continue
        pairs.append((f"{rule.odoo_path}.length", str(len(record[rule.odoo_path]))))
        for number in range(min(len(record[rule.odoo_path]), TAKEN_LINES)):
            for child in rule.children:
                if child.imports and not child.sensitive:
                    path = f"{rule.odoo_path}[{number}].{child.odoo_path}"
                    pairs.append((path, as_text(_value_of(case.env, record, path))))
    return list(dict(pairs).items())


def _leaves(value: Any, path: str = ""):
    if isinstance(value, dict):
        for name, each in value.items():
            step = name if name.isidentifier() else f'"{name}"'
            yield from _leaves(each, f"{path}.{step}" if path else step)
    elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        for number, each in enumerate(value[:TAKEN_LINES]):
            yield from _leaves(each, f"{path}[{number}]")
    elif path:
        yield path, as_text(value)


# -- every night -------------------------------------------------------------------------------------------


def run_nightly(env) -> None:
    """Run the test cases of all flows, a transaction each, and tell the responsible people what fails now."""
    flows = env["integration.flow"].search([("test_case_ids.active", "=", True)])
    left = len(flows)
    for flow in flows:
        left -= 1
        try:
            flow._prove_all()
        except Exception as error:  # one flow's examples stop no other's
            env.cr.rollback()
            if failures.is_concurrency(error):
                _logger.info("Test cases of flow %s were disturbed; they run again tomorrow", flow.id)
            else:
                _logger.exception("The test cases of flow %s could not be run", flow.id)
        if not env["ir.cron"]._commit_progress(1, remaining=left):
            break


def store(case, proof: Proof) -> None:
    """Write down what a run came to, and what was found for each expected value."""
    case.write({
        "last_result": "passed" if proof.passed else "failed", "last_message": proof.message,
        "last_run_at": fields.Datetime.now(), "last_run_by_id": case.env.uid})
    for expectation in case.expectation_ids:
        text, passed = proof.found.get(expectation.id, ("", False))
        expectation.write({"actual": text[:500], "result": "passed" if passed else "failed"})
