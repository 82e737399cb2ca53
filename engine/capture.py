"""Capture of business writes into the outbox, in the transaction that makes them.

``models/base.py`` calls the ``note_*`` functions for watched models. They only gather ids; one hook before the
commit turns them into rows of ``integration.capture``, so that any number of writes costs one statement, a
rollback leaves nothing behind, and a commit forgets nothing.
"""

from contextlib import contextmanager
from typing import NamedTuple

from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

KEY = "integration_flow.capture"
ORIGIN = "integration_flow.origin"


class Watch(NamedTuple):
    """One reason to look at a field: ``path`` leads from the flow's model to the field's model ('' = the same)."""

    flow_id: int
    path: str


class WatchedFlow(NamedTuple):
    model: str
    domain: list | None
    live_cron_id: int | None


class WatchMap(dict):
    """``{model: {field name, or '' for creation and deletion: (Watch, ...)}}`` and the flows behind it."""

    flows: dict[int, WatchedFlow]


def build_watch_map(env, states) -> WatchMap:
    """What has to be captured, from the configuration of all flows in ``states`` that export."""
    watched, flows = WatchMap(), {}

    def watch(model_name, field_name, entry):
        entries = watched.setdefault(model_name, {})
        entries[field_name] = tuple(dict.fromkeys((*entries.get(field_name, ()), entry)))

    def watch_path(flow, dotted, prefix, model_name):
        """Watch each step of a field path: order.partner_id.email also depends on the partner's email."""
        path = prefix
        for name in dotted.split("."):
            field = env[model_name]._fields.get(name) if model_name in env else None
            if field is None:
                return
            watch(model_name, name, Watch(flow.id, path))
            path = f"{path}.{name}" if path else name
            model_name = field.comodel_name

    if not _table_exists(env.cr):
        watched.flows = flows
        return watched
    for flow in env["integration.flow"].sudo().search(
            [("state", "in", states), ("direction", "in", ("export", "both"))]):
        if flow.model_name not in env:
            continue
        domain = safe_eval(flow.domain or "[]", {"uid": flow.user_id.id, "company_id": flow.company_id.id})
        live = flow.timing == "live"
        flows[flow.id] = WatchedFlow(
            flow.model_name, domain or None, flow.connection_id.cron_id.id if live else None)
        watch(flow.model_name, "", Watch(flow.id, ""))
        if "active" in env[flow.model_name]._fields:
            watch(flow.model_name, "active", Watch(flow.id, ""))
        for condition in Domain(domain).iter_conditions():
            watch_path(flow, condition.field_expr, "", flow.model_name)
        for rule in flow.rule_ids.filtered("active"):
            if rule.owner == "nobody" or rule.direction == "import" or rule.kind == "check" or not rule.odoo_path:
                continue
            watch_path(flow, rule.odoo_path, "", flow.model_name)
            if rule.kind == "lines":
                field = env[flow.model_name]._fields.get(rule.odoo_path)
                if field is not None and field.comodel_name:
                    watch(field.comodel_name, "", Watch(flow.id, rule.odoo_path))
                    for child in rule.child_ids.filtered("odoo_path"):
                        watch_path(flow, child.odoo_path, rule.odoo_path, field.comodel_name)
    watched.flows = flows
    return watched


def _table_exists(cr):
    """False while the addon is being installed: other modules may write before its tables are there."""
    cr.execute("SELECT to_regclass('integration_flow') IS NOT NULL")
    return cr.fetchone()[0]


@contextmanager
def origin(cr, flow_id: int):
    """Within this block, changes are not captured for ``flow_id``: they come from there."""
    cr.cache[ORIGIN] = flow_id
    try:
        yield
    finally:
        cr.cache.pop(ORIGIN, None)


def note_created(records, watches: dict) -> None:
    _note(records, records._ids, watches.get("", ()))


def note_written(records, vals_list: list[dict], watches: dict) -> None:
    for record_id, vals in zip(records._ids, vals_list, strict=True):
        for name in vals.keys() & watches.keys():
            _note(records, (record_id,), watches[name])


def note_x2many(records, vals: dict, watches: dict) -> None:
    """Many2many fields are stored in a relation table, which the flush of the record does not carry."""
    for name in vals.keys() & watches.keys():
        if records._fields[name].type == "many2many":
            _note(records, records._ids, watches[name])


def note_deleted(records, watches: dict) -> None:
    """A deletion is noted under its own name; for lines, the document they belong to has changed."""
    own = [watch for watch in watches.get("", ()) if not watch.path]
    _note(records, records._ids, own, operation="unlink")
    flows = records.env["base"]._integration_watched().flows
    for watch in watches.get("", ()):
        if watch.path:
            parents = _parents(records.env, flows[watch.flow_id].model, watch.path, records.ids)
            _note(parents, parents._ids, [Watch(watch.flow_id, "")])


def _note(records, ids, watches, operation="write") -> None:
    cr = records.env.cr
    origin_flow = cr.cache.get(ORIGIN)
    pending = cr.precommit.data.get(KEY)
    if pending is None:
        pending = cr.precommit.data[KEY] = {}
        env = records.env(su=True, context={"active_test": False})
        cr.precommit.add(lambda: _store(env))
    for watch in watches:
        if watch.flow_id != origin_flow:
            pending.setdefault((watch, operation), set()).update(i for i in ids if i)


def _parents(env, model_name, path, ids):
    return env(su=True)[model_name].with_context(active_test=False).search([(path, "in", list(ids))])


def _store(env) -> None:
    """Turn the gathered ids into outbox rows: once before the commit, or when a savepoint begins."""
    pending = env.cr.precommit.data.pop(KEY, None)
    if not pending:
        return
    flows = env["base"]._integration_watched().flows
    captured: dict[tuple[int, str], set[int]] = {}
    for (watch, operation), ids in pending.items():
        flow = flows.get(watch.flow_id)
        if flow is None or not ids:
            continue
        if watch.path:
            ids = set(_parents(env, flow.model, watch.path, ids)._ids)
        captured.setdefault((watch.flow_id, operation), set()).update(ids)
    rows, crons = [], set()
    for (flow_id, operation), ids in captured.items():
        flow = flows[flow_id]
        if operation == "write" and flow.domain is not None:
            ids = _belonging(env, flow_id, flow, ids)
        if operation == "write":
            ids = ids - captured.get((flow_id, "unlink"), set())
        rows += [(flow_id, res_id, operation) for res_id in sorted(ids)]
        if ids and flow.live_cron_id:
            crons.add(flow.live_cron_id)
    if rows:
        env["integration.capture"]._insert(rows)
    for cron_id in crons:
        wake(env, cron_id)


def _belonging(env, flow_id, flow, ids) -> set[int]:
    """Those of ``ids`` that are in the flow's domain, or were: who leaves the domain has to be looked at once more."""
    belonging = set(env[flow.model].with_context(active_test="active" in str(flow.domain)).search(
        Domain(flow.domain) & Domain("id", "in", list(ids)))._ids)
    rest = ids - belonging
    if rest:
        env.cr.execute(
            "SELECT res_id FROM integration_sync WHERE flow_id = %s AND res_id = ANY(%s) AND state <> 'excluded'",
            [flow_id, list(rest)])
        belonging.update(res_id for (res_id,) in env.cr.fetchall())
    return belonging


def wake(env, cron_id: int) -> None:
    """Make the worker of a connection run as soon as this transaction commits.

    The same as ``ir.cron._trigger`` without its two ORM round trips, which would be a fifth of a small write.
    """
    env.cr.execute(
        "INSERT INTO ir_cron_trigger (cron_id, call_at, create_date, write_date) "
        "SELECT id, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' "
        "FROM ir_cron WHERE id = %s AND active", [cron_id])
    if env.cr.rowcount:
        notify = env["ir.cron"]._notifydb
        if notify not in env.cr.postcommit._funcs:
            env.cr.postcommit.add(notify)
