"""A look-up whose answer goes back to the caller instead of into the record: a price for a quotation, for example.

The record may not be saved yet, so it is read in the caller's transaction; what was exchanged is recorded in one of the
engine's own, and survives whatever the caller's does. The one place where a call is made while the transaction of a user is
open, because that user waits for the answer. Therefore the time is limited, a system that is in trouble is not asked at all,
and the same question is not asked again within a short while.
"""

import threading
import time
from collections import OrderedDict
from typing import Any

from odoo import fields

from ..core import circuit as breaker
from ..core import documents, paths
from ..core.circuit import Circuit
from ..core.errors import SyncError
from ..core.fingerprint import content_hash
from . import http, journal, messages
from .importer import Importer
from .items import Item
from .mapper import external_values
from .plan import FlowPlan
from .requesting import CALLS, Requester
from .rows import unknown_row
from .worker import Worker

# An answer is good for so long; and so many are kept by each process.
FRESH_SECONDS = 300.0
MOST_ANSWERS = 500
_answers: OrderedDict[tuple, tuple[float, str]] = OrderedDict()
_lock = threading.Lock()


def ask(flow, record, *, seconds: float, context: dict | None = None) -> list[dict[str, Any]]:
    """Ask about one record and return what the rules make of the answer, without writing anything to the record.

    :param flow: a request flow whose effect is none
    :param record: a record of its model; it may hold what nobody has committed yet
    :param seconds: wait for no answer longer than this
    :param context: for the fields of the record that are computed from it
    :return: one ``{Odoo field: value}`` for each item of the list at the records path of the first call, or one for the
        whole answer where it has none; items that cannot be mapped are left out
    :raises SyncError: what a request would fail with; *left_alone* where the system may not be asked now
    """
    flow = flow.sudo()
    plan = FlowPlan(flow)
    if context:
        plan.model = plan.model.with_context(**context)
    requester, row = _question(flow.env, plan, record)
    key = _key(flow, requester)
    answer = _recall(key)
    if answer is None:
        _check_may_ask(flow.connection_id)
        answer = _call(flow, plan, requester, row, seconds)
        _remember(key, answer)
    return _mapped(flow.env, plan, documents.parse_json(answer))


def forget() -> None:
    """Forget all answers of this process."""
    with _lock:
        _answers.clear()


def _question(env, plan: FlowPlan, record):
    """The requester that knows what to send, and the row it works for."""
    row = unknown_row(plan.id)
    row.res_id = record.id
    requester = Requester(env, plan, fields.Datetime.now())
    requester.prepare([row])
    if row.error is not None:
        raise row.error
    if not requester.outgoing:
        raise SyncError("validation", "not_of_flow", params={"flow": plan.name, "record": record.display_name})
    return requester, row


def _key(flow, requester: Requester) -> tuple:
    """The same question to the same system, asked by the same configuration."""
    outgoing = requester.outgoing[0]
    flow.env.cr.execute(
        "SELECT GREATEST(f.write_date, c.write_date) FROM integration_flow f JOIN integration_connection c "
        "ON c.id = f.connection_id WHERE f.id = %s", [flow.id])
    asked = [outgoing.request.path, outgoing.request.query, requester._body(outgoing)]
    return flow.env.cr.dbname, flow.id, flow.env.cr.fetchone()[0], flow.connection_id.base_url, content_hash(asked)


def _recall(key: tuple) -> str | None:
    with _lock:
        until, answer = _answers.get(key, (0.0, None))
        return answer if until > time.monotonic() else None


def _remember(key: tuple, answer: str) -> None:
    with _lock:
        _answers[key] = (time.monotonic() + FRESH_SECONDS, answer)
        _answers.move_to_end(key)
        while len(_answers) > MOST_ANSWERS:
            _answers.popitem(last=False)


def _check_may_ask(connection) -> None:
    now = fields.Datetime.now()
    circuit = Circuit(
        connection.circuit_state or "closed", connection.failures_in_row, connection.circuit_rounds,
        connection.circuit_opened_at or None, connection.circuit_probe_at or None)
    waits = connection.retry_at and connection.retry_at > now
    if connection.paused or not connection.active or waits or breaker.permission(circuit, now) == "none":
        raise SyncError("connection", "left_alone", params={"connection": connection.name})


def _call(flow, plan: FlowPlan, requester: Requester, row, seconds: float) -> str:
    """Make the calls and record them; the answers so far as JSON."""
    client = http.open_client(flow.connection_id, seconds)
    try:
        requester.send(client)
        requester.send_rest(client, lambda _risky: None)
        _record(flow, plan, client, requester.exchanges)
    finally:
        client.close()
    if row.error is not None:
        raise row.error
    return row.payload


def _record(flow, plan: FlowPlan, client, exchanges: list) -> None:
    """Exchanges and the health of the connection, in a transaction of their own."""
    with flow.env.registry.cursor() as cr:
        own = flow.env(cr=cr, su=True)
        journal.insert_exchanges(cr, plan, None, exchanges, lambda error: messages.explain(own, error)[0])
        Worker(own, own["integration.connection"].browse(plan.connection.id))._note_calls(client, exchanges)
        cr.commit()


def _mapped(env, plan: FlowPlan, known: dict) -> list[dict[str, Any]]:
    """Each item of the answer as Odoo values, by the rules that import."""
    operation = plan.request.steps[0].operation
    items = paths.get(operation.records_path, known) if operation.records_path else [known]
    found, problem = [], None
    for item in items if isinstance(items, list) else []:
        try:
            found.append(_values(env, plan, item))
        except SyncError as error:
            problem = problem or error
    if not found:
        raise problem or SyncError("validation", "nothing_offered", params={"flow": plan.name})
    return found


def _values(env, plan: FlowPlan, record: dict) -> dict[str, Any]:
    record = {name: value for name, value in record.items() if name != CALLS}
    externals = external_values(plan, plan.import_rules, record)
    importer = Importer(env, plan, None)
    item = Item(unknown_row(plan.id), record, externals)
    importer.mapper.prepare([(plan.import_rules, item.externals)])
    return {rule.odoo_path: importer._converted(rule, externals[rule.code], record) for rule in plan.import_rules}
