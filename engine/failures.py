"""From Odoo's exceptions to our error classes, and from an error to the outcome of a sync record."""

import random
import traceback
from dataclasses import replace
from datetime import timedelta

import psycopg2
from psycopg2 import errors as pg_errors

from odoo.exceptions import (
    AccessError,
    ConcurrencyError,
    MissingError,
    RedirectWarning,
    UserError,
    ValidationError,
)
from odoo.tools import html2plaintext

from ..core import retry
from ..core.errors import SyncError
from . import messages

CONCURRENCY = (
    pg_errors.SerializationFailure, pg_errors.DeadlockDetected, pg_errors.LockNotAvailable, ConcurrencyError,
)
# While the cause is outside the record, tries do not end: the record waits and is tried at the longest interval.
PARENT_RECHECK = timedelta(minutes=10)


def is_concurrency(error: BaseException) -> bool:
    """True when another transaction was in the way: the same work succeeds when it is done again.

    A violated uniqueness of links belongs here: another worker has just linked the same record.
    """
    if isinstance(error, CONCURRENCY):
        return True
    if isinstance(error, SyncError):
        return error.error_class == "concurrency"
    return isinstance(error, pg_errors.UniqueViolation) and (error.diag.table_name or "").startswith("integration_")


def from_exception(env, model_name: str, error: BaseException) -> SyncError:
    """What an exception of Odoo means to the person who has to fix the record."""
    if isinstance(error, SyncError):
        return error
    label = env[model_name]._description if model_name in env else model_name
    if isinstance(error, AccessError):
        return SyncError("access", "odoo_access", params={
            "user": env.user.name, "model": label}, detail=_plain(error))
    if isinstance(error, MissingError):
        return SyncError("constraint", "odoo_refused", params={
            "model": label, "message": env._("a record that it refers to does not exist (any more).")}, detail=_plain(error))
    if isinstance(error, (ValidationError, UserError, RedirectWarning)):
        return SyncError("constraint", "odoo_refused", params={"model": label, "message": _plain(error)})
    if isinstance(error, psycopg2.IntegrityError):
        return SyncError("constraint", "odoo_refused", params={
            "model": label, "message": _integrity_message(env, error)}, detail=str(error))
    if isinstance(error, (pg_errors.StringDataRightTruncation, pg_errors.ProgramLimitExceeded)):
        return SyncError("constraint", "odoo_refused", params={
            "model": label, "message": env._("a text is too long to be stored.")}, detail=str(error))
    if isinstance(error, psycopg2.DataError):
        return SyncError("constraint", "odoo_refused", params={
            "model": label, "message": str(error).splitlines()[0]}, detail=str(error))
    return SyncError("internal", "internal", params={"error": f"{type(error).__name__}: {error}"[:300]}, detail="".join(
        traceback.format_exception(error))[-8000:])


def _plain(error) -> str:
    return html2plaintext(str(error.args[0] if error.args else error)).strip()


def _integrity_message(env, error) -> str:
    model = next((env[name] for name, cls in env.registry.items() if cls._table == error.diag.table_name), env["base"])
    field = model._fields.get(error.diag.column_name or "")
    if isinstance(error, pg_errors.NotNullViolation) and field is not None:
        return env._("the field “%(field)s” needs a value, and none came.",
                     field=field.get_description(env, ["string"])["string"])
    return str(model._sql_error_to_message(error))


def apply_failure(env, row, error: SyncError, *, policy, now) -> None:
    """Set state, next attempt and texts of ``row`` after ``error``: retried by itself, waiting, or a person's turn."""
    info = error.info
    row.error = error
    row.exhausted = False
    message, hint = messages.explain(env, error)
    if error.code == "not_sent" or error.error_class == "concurrency":
        _settle_undone(row, error, now)
    elif error.error_class == "parent_missing":
        row.waiting_for = waiting_key(error)
        # The link wakes it at once; the later look covers a link that was made while this row was being settled.
        row.settle("waiting", "waiting", due_at=now + PARENT_RECHECK)
    elif error.error_class == "authentication":
        row.settle("waiting", "waiting", due_at=now)  # the paused connection holds it, new credentials release it
    elif error.error_class in policy.not_retried:
        row.attempts += 1
        row.settle("failed", "failed")
        hint = env._("This flow does not retry such failures by itself. Press Retry when the cause is gone.")
    elif info.retried:
        if info.counts_attempt and policy.counted:
            row.attempts += 1
        seconds = _seconds_to_wait(policy, row.attempts, error)
        if seconds is None:
            row.exhausted = True
            row.settle("failed", "failed")
            hint = env._("It was tried %(count)s times. Test the connection, then press Retry.", count=row.attempts)
        else:
            row.settle("waiting", "retry", due_at=later(now, seconds))
    else:
        row.attempts += 1
        row.settle("failed", "failed")
    row.message, row.hint = message, hint
    row.detail = error.detail or None
    if error.error_class == "unmapped":
        row.error_key = error.params.get("key")


def waiting_key(error: SyncError) -> str:
    """Under which a record waits for its parent; see ``parents.py``."""
    if error.params.get("res_id"):
        return f"{error.params.get('resource_id')}:{error.params['model']},{error.params['res_id']}"
    return f"{error.params.get('resource_id')}:{error.params.get('external_id')}"


def _settle_undone(row, error: SyncError, now) -> None:
    """Nothing was tried for this record, because of what happened to others: no attempt, and nothing to tell."""
    if error.error_class == "rate_limit":
        row.settle("waiting", "", due_at=later(now, error.retry_after or 0))
    else:
        row.settle("pending", "", due_at=now)


def later(now, seconds: float):
    """A moment that is certainly not too early: ``now`` is stored in whole seconds, the rest of one is over."""
    return now + timedelta(seconds=seconds + 1)


def _seconds_to_wait(policy, attempts: int, error: SyncError) -> float | None:
    """Until the next try; None when all tries are used up. What the other system asks for counts exactly."""
    if not error.info.counts_attempt:
        return error.retry_after if error.retry_after is not None else float(policy.first_seconds)
    if not policy.counted:
        policy = replace(policy, attempts=max(attempts, 1) + 1)
    planned = retry.delay(policy, max(attempts, 1), random.random())
    return planned if planned is None or error.retry_after is None else error.retry_after


def settle_conflict(plan, row, outcome: str, *, now) -> None:
    """Some fields wait for a person's decision; the others go on: what has to be sent of them is sent first."""
    labels = [rule.label for rule in plan.merge_rules if rule.code in row.conflicts]
    message, row.hint = messages.explain(plan.model.env, SyncError(
        "validation", "conflict", params={"fields": ", ".join(labels)}))
    if row.export_pending:
        row.settle("pending", outcome, due_at=now, message=message)
    else:
        row.settle("conflict", outcome, message=message)
