"""Which fields of business records belong to another system, as people meet them on forms.

Only records that are linked count, in flows that are neither draft nor archived: a paused flow goes on tomorrow, and puts
back then what is changed today. Nothing here refuses a write: a form that locks a field is a comfort, not a barrier.
"""

from collections import defaultdict
from typing import NamedTuple

from odoo import fields

from .line_links import split_all

# By these owners the other system has no say once the record is there.
OWN_BUSINESS = ("odoo", "external_at_creation", "nobody")
WRITE_GROUP = "integration_flow.group_write_owned"
STRICTEST = ("lock", "warn", "free")


class OwnedRule(NamedTuple):
    """One rule that may write a field of a model. ``line_rule_id``: the field is of a line, and this rule reads the lines;
    0 for fields of the flow's own model."""

    rule_id: int
    line_rule_id: int
    flow_id: int
    connection_id: int
    resource_id: int
    model_name: str
    field: str
    policy: str
    sends: bool
    stays: bool
    some_lines: bool = False


def build_rules(env) -> dict[str, tuple[OwnedRule, ...]]:
    """All rules that bring values into Odoo, by the model of their field."""
    found = defaultdict(list)
    flows = env["integration.flow"].sudo().search(
        [("state", "!=", "draft"), ("direction", "in", ("import", "both"))])
    for flow in flows:
        if flow.model_name not in env:
            continue
        rules = flow.rule_ids.filtered("active")
        lists = [rule.odoo_path for rule in rules if rule.kind == "lines"]
        for rule in rules:
            _add(found, env[flow.model_name], flow, rule, lists)
    return {model: tuple(rules) for model, rules in found.items()}


def _add(found, model, flow, rule, lists, line_rule=None) -> None:
    field = model._fields.get(rule.odoo_path or "")
    if field is None or rule.kind == "check" or rule.direction == "export":
        return
    is_list = rule.kind == "lines"
    # A list that shares its field, or whose lines have IDs, leaves lines of Odoo's own alone: only its lines are owned.
    some_lines = is_list and bool(rule.line_id_path or lists.count(rule.odoo_path) > 1)
    for name in (field.name, *_faces(model, field)):
        found[model._name].append(OwnedRule(
            rule.id, line_rule.id if line_rule else 0, flow.id, flow.connection_id.id, flow.resource_id.id, flow.model_name,
            name, rule.form_policy, flow.direction == "both" and rule.direction == "flow",
            (line_rule or rule).overruled_policy == "keep", some_lines))
    if is_list and field.comodel_name:
        for child in rule.child_ids.filtered("active"):
            _add(found, model.env[field.comodel_name], flow, child, [], rule)


def _faces(model, field) -> list[str]:
    """Other fields by which people edit this one: not stored, editable, and made of nothing else. A contact's *Company or
    Person* stands for ``is_company``, the product column of an order line for ``product_id``."""
    depends = model.env.registry.field_depends
    return [
        other.name for other in model._fields.values()
        if not other.store and not other.readonly and tuple(depends.get(other, ())) == (field.name,)]


def owned_fields(env, model_name: str, ids: list[int]) -> dict[int, dict]:
    """What other systems own of these records: one look at the links, one at the sync records, whatever their number.

    :return: ``{record id: {"sources": [{"system", "synced_at"}], "fields": {name: {"source", "owner", "policy", "sends",
        "stays", "may_write", "some_lines"}}}}``; records of which nothing is owned are left out
    """
    rules = env["base"]._integration_owned_rules().get(model_name)
    if not rules or not ids:
        return {}
    links = _links(env, model_name, ids)
    if not links:
        return {}
    look = _Look(env, rules, links)
    return {record_id: owned for record_id in links if (owned := look.at(record_id))}


def _links(env, model_name, ids) -> dict[int, list[tuple]]:
    """``{record id: [(connection id, resource id, line rule id, external ID, external ID of the document)]}``, those of
    archived connections left out."""
    env["integration.link"].flush_model()
    env["integration.connection"].flush_model(["active"])
    env.cr.execute(
        "SELECT l.res_id, l.connection_id, l.resource_id, COALESCE(l.line_rule_id, 0), l.external_id "
        "FROM integration_link l JOIN integration_connection c ON c.id = l.connection_id AND c.active "
        "WHERE l.model = %s AND l.res_id = ANY(%s)", [model_name, list(ids)])
    rows = env.cr.fetchall()
    documents = _documents(env, rows)
    links = defaultdict(list)
    for res_id, *link in rows:
        links[res_id].append((*link, documents.get(tuple(link), link[3])))
    return links


def _documents(env, rows) -> dict[tuple, str]:
    """``{link of a line: external ID of its document}``"""
    by_resource = defaultdict(list)
    for _res_id, *link in rows:
        if link[2]:
            by_resource[link[0], link[1]].append(tuple(link))
    found = {}
    for (connection_id, resource_id), links in by_resource.items():
        parts = split_all(env.cr, connection_id, resource_id, [link[3] for link in links])
        found.update({link: parts[link[3]][0] for link in links})
    return found


class _Look:
    """One look at some records of one model."""

    def __init__(self, env, rules, links):
        self.env = env
        self.links = links
        self.may_write = env.user.has_group(WRITE_GROUP)
        self.rules = defaultdict(list)
        for rule in rules:
            self.rules[rule.connection_id, rule.resource_id, rule.line_rule_id].append(rule)
        self.synced = self._synced_at()
        self.documents = self._documents()
        self.owners = self._owners()
        self.systems = {}

    def at(self, record_id: int) -> dict | None:
        sources, owned = [], {}
        for link in self.links[record_id]:
            for rule in self.rules.get(link[:3], ()):
                owner = self.owners.get((rule.line_rule_id or rule.rule_id, self._document_of(rule, link, record_id)))
                if owner is None or owner in OWN_BUSINESS:
                    continue
                entry = self._entry(rule, owner)
                known = owned.get(rule.field)
                if known and STRICTEST.index(known["policy"]) <= STRICTEST.index(entry["policy"]):
                    continue
                source = {
                    "system": self._system(rule.connection_id),
                    "synced_at": self.synced.get((rule.flow_id, link[4])) or False}
                if source not in sources:
                    sources.append(source)
                owned[rule.field] = dict(entry, source=sources.index(source))
        return {"sources": sources, "fields": owned} if owned else None

    def _entry(self, rule: OwnedRule, owner: str) -> dict:
        policy = rule.policy
        if policy == "auto":
            policy = "lock" if owner == "external" else "free"
        if rule.some_lines:
            policy = "free"  # its lines are locked one by one, so that lines of one's own can be added
        elif policy == "lock" and self.may_write:
            policy = "warn"
        return {
            "owner": owner, "policy": policy, "sends": rule.sends, "stays": rule.stays, "may_write": self.may_write,
            "some_lines": rule.some_lines,
        }

    def _document_of(self, rule, link, record_id):
        """The record of the flow that decides about the owner: the record itself, or the document of a line."""
        if not rule.line_rule_id:
            return record_id
        return self.documents.get((rule.connection_id, rule.resource_id, rule.model_name, link[4]))

    def _documents(self) -> dict[tuple, int]:
        """``{(connection id, resource id, model, external ID of a document): its record id}`` of the lines."""
        wanted = {
            (rule.connection_id, rule.resource_id, rule.model_name, link[4])
            for links in self.links.values() for link in links
            for rule in self.rules.get(link[:3], ()) if rule.line_rule_id}
        if not wanted:
            return {}
        connections, resources, models, external_ids = map(list, zip(*wanted, strict=True))
        self.env.cr.execute(
            "SELECT l.connection_id, l.resource_id, l.model, l.external_id, l.res_id "
            "FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::varchar[]) "
            "AS v(connection_id, resource_id, model, external_id) "
            "JOIN integration_link l ON l.connection_id = v.connection_id AND l.resource_id = v.resource_id "
            "AND COALESCE(l.line_rule_id, 0) = 0 AND l.external_id = v.external_id AND l.model = v.model",
            [connections, resources, models, external_ids])
        return {tuple(key): res_id for *key, res_id in self.env.cr.fetchall()}

    def _owners(self) -> dict[tuple, str]:
        """``{(rule id, record id): owner}``; for fields of lines, the rule of the lines and the document."""
        concerned = defaultdict(set)
        models = {}
        for record_id, links in self.links.items():
            for link in links:
                for rule in self.rules.get(link[:3], ()):
                    document = self._document_of(rule, link, record_id)
                    if document:
                        concerned[rule.line_rule_id or rule.rule_id].add(document)
                        models[rule.line_rule_id or rule.rule_id] = rule.model_name
        together = defaultdict(list)  # rules that are asked about the same records, with one look for each condition
        for rule_id, document_ids in concerned.items():
            together[models[rule_id], frozenset(document_ids)].append(rule_id)
        owners = {}
        for (model_name, document_ids), rule_ids in together.items():
            records = self.env[model_name].sudo().browse(sorted(document_ids))
            found = self.env["integration.field.rule"].sudo().browse(rule_ids)._owners_by_rule(records)
            for rule, by_record in found.items():
                owners.update({(rule.id, document_id): owner for document_id, owner in by_record.items()})
        return owners

    def _synced_at(self) -> dict[tuple, str]:
        """``{(flow id, external ID of the document): when it was last synced}``"""
        wanted = {
            (rule.flow_id, link[4]) for links in self.links.values() for link in links
            for rule in self.rules.get(link[:3], ())}
        if not wanted:
            return {}
        self.env["integration.sync"].flush_model()
        flows, external_ids = map(list, zip(*wanted, strict=True))
        self.env.cr.execute(
            "SELECT s.flow_id, s.external_id, s.last_synced_at "
            "FROM unnest(%s::int[], %s::varchar[]) AS v(flow_id, external_id) "
            "JOIN integration_sync s ON s.flow_id = v.flow_id AND s.external_id = v.external_id "
            "WHERE s.last_synced_at IS NOT NULL", [flows, external_ids])
        return {
            (flow_id, external_id): fields.Datetime.to_string(moment)
            for flow_id, external_id, moment in self.env.cr.fetchall()}

    def _system(self, connection_id: int) -> str:
        """The name of the other system; that of another company's is not told."""
        if connection_id not in self.systems:
            connection = self.env["integration.connection"].sudo().browse(connection_id)
            known = not connection.company_id or connection.company_id in self.env.user.company_ids
            self.systems[connection_id] = (
                connection.name if known else self.env._("a system of another company"))
        return self.systems[connection_id]
