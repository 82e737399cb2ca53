"""What the rules of a flow make of an example, by the real mapper: shown beside each rule while it is edited."""

import json
from typing import Any, NamedTuple

from ..core import paths, redact
from ..core.errors import SyncError
from ..core.expecting import as_text
from . import messages, quiet
from .dry_run import masked, plain_value
from .importer import Importer
from .items import Item
from .mapper import OutMapper, external_values
from .plan import FlowPlan, RulePlan
from .rows import unknown_row

WARNING = "⚠ "


class Sampled(NamedTuple):
    """What goes into a rule and what comes out; ``problem`` when nothing does."""

    incoming: str
    outcome: str
    problem: str = ""


def example_of(flow) -> Any:
    """The record that stands for all of a flow: the resource's example, else what was received last. None: there is none."""
    text = flow.resource_id.sample_payload
    if not text:
        flow.env.cr.execute(
            "SELECT payload FROM integration_sync WHERE flow_id = %s AND payload IS NOT NULL ORDER BY id DESC LIMIT 1",
            [flow.id])
        text = (flow.env.cr.fetchone() or [None])[0]
    try:
        record = json.loads(text) if text else None
    except ValueError:
        return None
    if isinstance(record, list) and record and isinstance(record[0], dict):
        record = record[0]
    return record if isinstance(record, dict) else None


def shown_example(flow, parent=None) -> Any:
    """The same for people, without sensitive values; for a rule of lines, its first line."""
    record = example_of(flow)
    if record is None:
        return None
    plan = FlowPlan(flow.sudo())
    record = json.loads(redact.redact_body(json.dumps(record), names=plan.sensitive_names))
    return _line_of(record, parent.external_path) if parent else record


def _line_of(record: Any, path: str | bool) -> Any:
    try:
        lines = paths.get(path or "", record)
    except SyncError:
        return None
    if isinstance(lines, list):
        lines = next((line for line in lines if isinstance(line, dict)), None)
    return lines if isinstance(lines, dict) else None


def sample(flow, rules, viewer) -> dict[Any, Sampled]:
    """``{rule: what it makes of the example}``; the rules may be unsaved.

    :param viewer: environment of whoever looks: an Odoo record that he may not read is no example
    """
    if not flow.model_name or flow.model_name not in flow.env:
        return {}
    with quiet.silent():
        return _Sampling(flow, viewer).sample(rules)


class _Sampling:
    def __init__(self, flow, viewer):
        self.env = flow.env(su=True)
        self.viewer = viewer
        self.plan = FlowPlan(flow.with_env(self.env))
        self.record = example_of(flow.with_env(self.env))
        self._odoo = None

    def sample(self, rules) -> dict[Any, Sampled]:
        found = {}
        for rule in rules:
            try:
                # Without a flush: the rule may be half typed, and a look-up may be refused by the database.
                with self.env.cr.savepoint(flush=False):
                    plan = self.plan._rule_plan(rule.sudo())
                    if plan is None or not (plan.odoo_path and plan.field_type):
                        continue
                    found[rule] = self._one(rule, plan)
            except SyncError as error:
                found[rule] = Sampled("", "", messages.explain(self.env, error)[0])
            except Exception as error:  # half a rule, as somebody is typing it
                found[rule] = Sampled("", "", str(error)[:200])
        return found

    def _one(self, rule, plan: RulePlan) -> Sampled | None:
        record = self.record if not rule.parent_id else _line_of(self.record, rule.parent_id.external_path)
        if not plan.imports:
            return self._exported(rule, plan)
        if record is None:
            return Sampled("", "")
        incoming = external_values(self.plan, [plan], record)[plan.code]
        if plan.kind == "lines":
            return Sampled("", self.env._("%(count)s lines", count=len(incoming)))
        shown = as_text(masked(plan, incoming))[:200]
        importer = Importer(self.env, self.plan, None)
        item = Item(unknown_row(self.plan.id), record, {plan.code: incoming})
        try:
            importer.mapper.prepare([([plan], item.externals)])
            value = importer._converted(plan, incoming, record)
        except SyncError as error:
            if error.error_class == "parent_missing":
                return Sampled(shown, self.env._("(the record of %(flow)s)", flow=plan.relation_flow_name))
            return Sampled(shown, "", messages.explain(self.env, error)[0])
        if plan.comodel and plan.field_type in ("many2one", "many2many") and value:
            ids = value if isinstance(value, list) else [value]
            value = ", ".join(self.plan.model.env[plan.comodel].browse(ids).sudo().mapped("display_name"))
        return Sampled(shown, as_text(masked(plan, value))[:200])

    def _exported(self, rule, plan: RulePlan) -> Sampled:
        record = self._odoo_record()
        if record is None:
            return Sampled("", "")
        if rule.parent_id:
            record = record[rule.parent_id.odoo_path][:1]
            if not record:
                return Sampled("", "")
        mapper = OutMapper(self.plan, self.env.cr)
        value = record
        for name in plan.odoo_path.split("."):
            value = value[name]
        if plan.kind == "lines":
            return Sampled(self.env._("%(count)s lines", count=len(value)), "")
        shown = as_text(masked(plan, plain_value(value, plan.field_type)))[:200]
        try:
            return Sampled(shown, as_text(masked(plan, mapper.value(plan, record)))[:200])
        except SyncError as error:
            if error.error_class == "parent_missing":
                return Sampled(shown, self.env._("(the record of %(flow)s)", flow=plan.relation_flow_name))
            return Sampled(shown, "", messages.explain(self.env, error)[0])

    def _odoo_record(self):
        """A record of the flow that whoever looks may see; None when there is none."""
        if self._odoo is None:
            record = self.plan.model.search(self.plan.flow._parsed_domain(), limit=1)
            self._odoo = record if record and record.with_env(self.viewer).has_access("read") else False
        return self._odoo or None
