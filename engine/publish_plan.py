"""A publish flow compiled: which rules make a document, what is its key, and what consumers may ask for."""

import hashlib
from functools import cached_property
from typing import NamedTuple

from ..core import paths, published_documents, publishing
from ..core.errors import SyncError
from .availability import QUANTITIES
from .mapper import OutMapper
from .plan import FlowPlan, RulePlan

WAREHOUSE = "warehouse"


class Publication(NamedTuple):
    """What the endpoint knows of a publish flow, kept in the cache of the registry: plain values only."""

    flow_id: int
    name: str
    code: str
    company_id: int
    running: bool
    spec: publishing.Spec
    identity: str
    """Of everything but time on which the answer to a question for a list depends"""
    schema: dict


class PublishPlan(FlowPlan):
    """What the refresh of documents knows of a flow during one slice."""

    def __init__(self, flow):
        super().__init__(flow)
        self.filtered = {rule.code for rule in flow.sudo().rule_ids if rule.publish_filter}
        self.availability = flow._availability()
        self.domain = flow._parsed_domain()

    @cached_property
    def out_rules(self) -> list[RulePlan]:
        return [rule for rule in self.rules if rule.exports and rule.kind in ("field", "lines") and rule.external_path]

    @cached_property
    def key_rule(self) -> RulePlan | None:
        return next((rule for rule in self.out_rules if rule.match_key and rule.kind == "field"), None)

    @cached_property
    def filter_rules(self) -> list[RulePlan]:
        return [rule for rule in self.out_rules if rule.kind == "field" and rule.code in self.filtered]

    @cached_property
    def filter_names(self) -> tuple[str, ...]:
        return (*(rule.external_path for rule in self.filter_rules), *((WAREHOUSE,) if self.availability else ()))

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Where values stand in a document, in order."""
        found = [rule.external_path for rule in self.out_rules]
        if self.availability:
            found += [WAREHOUSE, *(self.availability.place(name) for name in QUANTITIES)]
        return tuple(found)

    @cached_property
    def signature(self) -> str:
        """Changes when the same records would make other documents."""
        meaning = [
            (_meaning(rule), [_meaning(child) for child in rule.children], rule.code in self.filtered)
            for rule in self.out_rules]
        context = self.model.env.context
        return hashlib.blake2b(repr((
            meaning, self.domain, self.model_name, self.company_id, self.availability, context.get("lang"),
            context.get("tz"))).encode(), digest_size=8).hexdigest()

    def mapper(self, cr) -> OutMapper:
        return OutMapper(self, cr)

    def document(self, mapper: OutMapper, record) -> dict:
        """The document of a record, without its stock.

        :raises SyncError: when a rule fails on this record
        """
        document: dict = {}
        for rule in self.out_rules:
            value = mapper.value(rule, record)
            if value in (None, ""):
                if rule.blank_as == "omit":
                    continue
                value = "" if rule.blank_as == "empty" else None
            paths.assign(document, rule.external_path, value)
        return document

    def key(self, document: dict) -> str:
        """The key of a document.

        :raises SyncError: when it is blank
        """
        key = published_documents.key_text(paths.get(self.key_rule.external_path, document))
        if not key:
            raise SyncError("validation", "required_missing", params={
                "field": self.key_rule.label, "path": self.key_rule.external_path})
        return key

    def tags(self, document: dict) -> list[str]:
        """By what a document is found."""
        found = (
            published_documents.tag(rule.external_path, paths.get(rule.external_path, document))
            for rule in self.filter_rules)
        return sorted(each for each in found if each is not None)


def _meaning(rule: RulePlan) -> tuple:
    return (
        rule.code, rule.kind, rule.odoo_path, rule.external_path, rule.transform, rule.required, rule.match_key,
        repr(sorted(rule.options.items(), key=str)), rule.lookup_field, rule.expression_export, rule.line_id_path,
        rule.context.tz, rule.blank_as)
