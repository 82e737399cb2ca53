"""Capture of business writes into the outbox, in the transaction that makes them.

``models/base.py`` calls the ``note_*`` functions for watched models. They only gather ids; one hook before the
commit turns them into rows of ``integration.capture``, so that any number of writes costs one statement, a
rollback leaves nothing behind, and a commit forgets nothing.
"""

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import NamedTuple

from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from . import noticing, notifier

_logger = logging.getLogger(__name__)

KEY = "integration_flow.capture"
# Instead of a path: the change concerns every record of the flow. Captured as a change of the record 0.
EVERY = "*"
# Where jobs do the work, the scheduled action is called so much later: only to see whether they did.
JOBS_FIRST = timedelta(seconds=60)
# The flow whose import is writing. Not on the cursor: rolling back a savepoint clears what is kept there.
_origin: ContextVar[int | None] = ContextVar("integration_flow_origin", default=None)


class Watch(NamedTuple):
    """One reason to look at a field: ``path`` leads from the flow's model to the field's model ('' = the same).

    ``before``: a change of the field moves the record away from its document, so that the documents before the
    change count as well.
    """

    flow_id: int
    path: str
    before: bool = False


class WatchedFlow(NamedTuple):
    """``known_only``: the flow sends nothing; it looks whether what the other system owns was changed here, and that only
    of records that it has imported."""

    model: str
    domain: list | None
    live_cron_id: int | None
    job_connection_id: int | None = None
    known_only: bool = False


class WatchMap(dict):
    """``{model: {field name, or '' for creation and deletion: (Watch, ...)}}`` and the flows behind it."""

    flows: dict[int, WatchedFlow | noticing.WatchedRule]  # business alerts have their id with a minus sign
    models: dict[str, set[int]]  # model → ids of the flows that watch it


class _MapBuilder:
    """Gathers what has to be watched for one flow after the other."""

    def __init__(self, env):
        self.env = env
        self.map = WatchMap()
        self.map.flows, self.map.models = {}, {}
        self.seen: set[tuple] = set()

    def add_flow(self, flow) -> None:
        model = self.env[flow.model_name]
        live = flow.timing == "live"
        exports = flow.direction != "import"
        rules = flow.rule_ids.filtered(lambda rule: rule.active and rule.odoo_path and rule.kind != "check"
                                       and rule._watched_way())
        if not exports and not rules:
            return
        domain = self._domain(flow, model) if exports else []
        if flow.direction == "publish":  # who has left the filter is found by the documents, so nothing is asked here
            cron = self.env.ref("integration_flow.ir_cron_publish", raise_if_not_found=False)
            self.map.flows[flow.id] = WatchedFlow(flow.model_name, None, cron.id if cron else None)
        else:
            self.map.flows[flow.id] = WatchedFlow(
                flow.model_name, domain or None, flow.connection_id.cron_id.id if live or not exports else None,
                flow.connection_id.id if flow.connection_id._runs_as_jobs() else None, not exports)
        for model_name, field_name, path, before in flow._extra_watches():
            self.watch(model_name, field_name, Watch(flow.id, path, before))
        if exports:
            self.watch(flow.model_name, "", Watch(flow.id, ""))
            if "active" in model._fields:
                self.watch(flow.model_name, "active", Watch(flow.id, ""))
            for condition in Domain(domain).iter_conditions():
                self.watch_path(flow.id, condition.field_expr, "", flow.model_name)
            if flow.status_field and flow.status_send_ids:
                self.watch_path(flow.id, flow.status_field, "", flow.model_name)
        for rule in rules:
            self.watch_path(flow.id, rule.odoo_path, "", flow.model_name)
            if rule.kind == "lines":
                self._watch_lines(flow, rule)
            for path in self._switch_paths(rule):
                # From the switch on, changes count for the other owner: then both sides are compared once more.
                self.watch_path(flow.id, path, "", flow.model_name)

    def add_alert(self, rule) -> None:
        """A business alert: new records, and what its filter asks for."""
        try:
            domain = rule._conditions()
            self.env[rule.model_name].sudo()._search(domain, limit=1)  # only built: a user's write must not fail by it
            paths = [condition.field_expr for condition in domain.iter_conditions()]
        except Exception as error:  # a typed domain can fail in as many ways as Python can
            _logger.warning("Alert %s: its filter cannot be used: %s", rule.name, error)
            return
        cron = self.env.ref(noticing.CRON, raise_if_not_found=False)
        self.map.flows[-rule.id] = noticing.WatchedRule(rule.model_name, cron.id if cron else None)
        self.watch(rule.model_name, "", Watch(-rule.id, ""))
        for path in [*paths, *(["active"] if "active" in self.env[rule.model_name]._fields else [])]:
            self.watch_path(-rule.id, path, "", rule.model_name)

    @staticmethod
    def _switch_paths(rule) -> list[str]:
        """The fields on which it depends who owns a rule's field; none when its condition does not work (any more)."""
        if not rule.owner_switch_domain or not rule.owner_after:
            return []
        try:
            return [condition.field_expr for condition in Domain(rule._switch_condition()).iter_conditions()]
        except Exception as error:  # a typed domain can fail in as many ways as Python can
            _logger.warning("Rule %s: the condition of its owner cannot be used: %s", rule.display_name, error)
            return []

    def _domain(self, flow, model) -> list:
        """The flow's filter; none when it does not work (any more): then every record is captured, and the export says
        on the record what is wrong. A user's write must not fail because of a flow."""
        try:
            domain = safe_eval(flow.domain or "[]", {"uid": flow.user_id.id, "company_id": flow.company_id.id})
            Domain(domain).validate(model)
            model.sudo()._search(domain, limit=1)  # not asked, only built: fields that nobody can search by fail here
            return domain
        except Exception as error:  # a typed domain can fail in as many ways as Python can
            _logger.warning("Flow %s: its filter cannot be used, so that all records are captured: %s", flow.name, error)
            return []

    def _watch_lines(self, flow, rule) -> None:
        field = self.env[flow.model_name]._fields.get(rule.odoo_path)
        if field is None or not field.comodel_name:
            return
        self.watch(field.comodel_name, "", Watch(flow.id, rule.odoo_path))
        inverse = getattr(field, "inverse_name", None)
        if inverse:  # a line that moves to another document changes both
            self.watch(field.comodel_name, inverse, Watch(flow.id, rule.odoo_path, before=True))
        for child in rule.child_ids.filtered("odoo_path"):
            self.watch_path(flow.id, child.odoo_path, rule.odoo_path, field.comodel_name)

    def watch(self, model_name, field_name, entry) -> None:
        entries = self.map.setdefault(model_name, {})
        entries[field_name] = tuple(dict.fromkeys((*entries.get(field_name, ()), entry)))
        self.map.models.setdefault(model_name, set()).add(entry.flow_id)

    def watch_path(self, flow_id, dotted, prefix, model_name) -> None:
        """Watch each step of a field path: order.partner_id.email also depends on the partner's email."""
        path = prefix
        for name in dotted.split("."):
            field = self.env[model_name]._fields.get(name) if model_name in self.env else None
            if field is None:
                return
            self._watch_field(flow_id, field, path)
            if not field.relational or not field._description_searchable:
                return  # nothing leads back from there
            path = f"{path}.{name}" if path else name
            model_name = field.comodel_name

    def _watch_field(self, flow_id, field, path) -> None:
        key = (flow_id, field, path)
        if key in self.seen:
            return
        self.seen.add(key)
        self.watch(field.model_name, field.name, Watch(flow_id, path))
        if not field.store:
            # It is never written itself (a product's name stands on its template): what it is computed from is.
            for dotted in self.env.registry.field_depends.get(field, ()):
                self.watch_path(flow_id, dotted, path, field.model_name)
        elif field.type == "many2many":
            for inverse in self.env.registry.field_inverses[field]:
                if inverse.type == "many2many" and inverse.store:
                    own_path = f"{path}.{field.name}" if path else field.name
                    for name in (inverse.name, ""):
                        self.watch(inverse.model_name, name, Watch(flow_id, own_path, before=True))


def build_watch_map(env, states) -> WatchMap:
    """What has to be captured, from the configuration of all flows in ``states``: what is sent or asked by itself, and what
    another system owns."""
    builder = _MapBuilder(env)
    if _table_exists(env.cr):
        for flow in env["integration.flow"].sudo().search(
                [("state", "in", states), "|", ("direction", "!=", "request"), "&", ("timing", "=", "live"),
                 ("request_effect", "!=", "tell")]):
            if flow.model_name in env:
                builder.add_flow(flow)
        for rule in env["integration.notice.rule"].sudo().search([("state", "=", "on"), ("trigger", "=", "change")]):
            if rule.model_name in env:
                builder.add_alert(rule)
    return builder.map


def watched(env) -> WatchMap:
    """What is watched. Asked with every write of every model, therefore kept on the transaction: the look into the cache
    of the registry alone would be a hundredth of a small write."""
    cache = env.cr.cache
    found = cache.get(KEY)
    if found is None:
        found = cache[KEY] = env["base"]._integration_watched()
    return found


def forget_watched(env) -> None:
    """The configuration has changed in this transaction."""
    env.cr.cache.pop(KEY, None)


def _table_exists(cr):
    """False while the addon is being installed: other modules may write before its tables are there."""
    cr.execute("SELECT to_regclass('integration_flow') IS NOT NULL AND to_regclass('integration_notice_rule') IS NOT NULL")
    return cr.fetchone()[0]


@contextmanager
def origin(flow_id: int):
    """Within this block, changes are not captured for ``flow_id``: they come from there."""
    token = _origin.set(flow_id)
    try:
        yield
    finally:
        _origin.reset(token)


def is_importing() -> bool:
    """Is an import writing in this thread just now?"""
    return _origin.get() is not None


def note_created(records, watches: dict) -> None:
    _note(records, records._ids, watches.get("", ()))


def note_written(records, vals_list: list[dict], watches: dict) -> None:
    origin_flow = _origin.get()
    if origin_flow is not None and watched(records.env).models.get(records._name) == {origin_flow}:
        return  # its own import: nobody else looks at this model
    for record_id, vals in zip(records._ids, vals_list, strict=True):
        for name in vals.keys() & watches.keys():
            _note(records, (record_id,), watches[name])


def note_before(records, vals: dict, watches: dict) -> None:
    """Before a write: many2many fields are stored in a relation table and files as attachments, which the flush of the
    record does not carry, and what moves leaves a document behind."""
    for name in vals.keys() & watches.keys():
        if records._fields[name].type in ("many2many", "binary"):
            _note(records, records._ids, watches[name])
        _note_parents(records, [watch for watch in watches[name] if watch.before])


def note_computed(records, field, watches: dict) -> None:
    """A stored many2many field is computed: flush does not carry it either."""
    _note(records, records._ids, watches.get(field.name, ()))


def note_deleted(records, watches: dict) -> None:
    """A deletion is noted under its own name; for lines, the document they belong to has changed."""
    own = [watch for watch in watches.get("", ()) if not watch.path]
    _note(records, records._ids, own, operation="unlink")
    _note_parents(records, [watch for watch in watches.get("", ()) if watch.path])


def _note_parents(records, watches) -> None:
    """Note the documents that lead to ``records`` now."""
    if not watches:
        return
    flows = watched(records.env).flows
    for watch in watches:
        flow = flows.get(watch.flow_id)
        if flow is not None and watch.path == EVERY:
            _note(records, records._ids, [watch])
        elif flow is not None:
            parents = _parents(records.env, flow.model, watch.path, records.ids)
            _note(parents, parents._ids, [Watch(watch.flow_id, "")])


def _note(records, ids, watches, operation="write") -> None:
    if not watches:
        return
    cr = records.env.cr
    origin_flow = _origin.get()
    pending = cr.precommit.data.get(KEY)
    if pending is None:
        pending = cr.precommit.data[KEY] = {}
        env = records.env(su=True, context={"active_test": False})
        cr.precommit.add(lambda: _store(env))
    for watch in watches:
        if watch.flow_id != origin_flow:
            pending.setdefault((watch.flow_id, watch.path, operation), set()).update(i for i in ids if i)


def _parents(env, model_name, path, ids):
    return env(su=True)[model_name].with_context(active_test=False).search([(path, "in", list(ids))])


def _store(env) -> None:
    """Turn the gathered ids into outbox rows: once before the commit, or when a savepoint begins."""
    pending = env.cr.precommit.data.pop(KEY, None)
    if not pending:
        return
    flows = watched(env).flows
    captured: dict[tuple[int, str], set[int]] = {}
    for (flow_id, path, operation), ids in pending.items():
        flow = flows.get(flow_id)
        if flow is None or not ids:
            continue
        if path == EVERY:
            ids = {0}
        elif path:
            ids = set(_parents(env, flow.model, path, ids)._ids)
        captured.setdefault((flow_id, operation), set()).update(ids)
    rows, crons = [], set()
    for (flow_id, operation), ids in captured.items():
        flow = flows[flow_id]
        if flow_id < 0:
            if operation == "write" and noticing.note_written(env, -flow_id, ids) and flow.cron_id:
                crons.add((flow.cron_id, None))
            continue
        if flow.known_only:
            ids = _known(env, flow_id, ids) if operation == "write" else set()
        elif operation == "write" and flow.domain is not None:
            ids = _belonging(env, flow_id, flow, ids)
        if operation == "write":
            ids = ids - captured.get((flow_id, "unlink"), set())
        rows += [(flow_id, res_id, operation) for res_id in sorted(ids)]
        if ids and flow.live_cron_id:
            crons.add((flow.live_cron_id, flow.job_connection_id))
    if rows:
        env["integration.capture"]._insert(rows)
    for cron_id, job_connection_id in crons:
        wake(env, cron_id, job_connection_id)


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


def _known(env, flow_id, ids) -> set[int]:
    """Those of ``ids`` that the flow has imported and still cares for."""
    env.cr.execute(
        "SELECT res_id FROM integration_sync WHERE flow_id = %s AND res_id = ANY(%s) AND res_id <> 0 "
        "AND agreed IS NOT NULL AND state NOT IN ('excluded', 'skipped')", [flow_id, list(ids)])
    return {res_id for (res_id,) in env.cr.fetchall()}


def wake(env, cron_id: int, job_connection_id: int | None = None) -> None:
    """Make the worker of a connection run as soon as this transaction commits.

    The same as ``ir.cron._trigger`` without its two ORM round trips, which would be a fifth of a small write, and
    without its new connection to another database, which takes longer than the write.

    :param job_connection_id: the connection, when its work is done as jobs: the commit is followed by a job, and the
        scheduled action is called a minute later, should the process die in between
    """
    env.cr.execute(
        "INSERT INTO ir_cron_trigger (cron_id, call_at, create_date, write_date) "
        "SELECT id, moment + %s::interval, moment, moment "
        "FROM ir_cron, date_trunc('second', now() AT TIME ZONE 'UTC') AS moment WHERE id = %s AND active",
        [JOBS_FIRST if job_connection_id else timedelta(), cron_id])
    if env.cr.rowcount:
        dbname = env.cr.dbname
        env.cr.postcommit.add(lambda: notifier.notify(dbname, job_connection_id))


def wake_at(env, cron_id, moment, *, by_job: bool = False) -> None:
    """Make the worker of a connection run at a moment to come, unless it is called between now and then anyway.

    :param by_job: a job is planned for that moment; the scheduled action only looks later whether it ran
    """
    env.cr.execute(
        "INSERT INTO ir_cron_trigger (cron_id, call_at, create_date, write_date) "
        "SELECT id, %(at)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' FROM ir_cron WHERE id = %(cron)s AND active "
        "AND NOT EXISTS (SELECT 1 FROM ir_cron_trigger WHERE cron_id = %(cron)s AND call_at <= %(at)s "
        "AND call_at > clock_timestamp() AT TIME ZONE 'UTC')", {
            "cron": cron_id, "at": moment + JOBS_FIRST if by_job else moment})
