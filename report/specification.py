import json
import re

from markupsafe import Markup

from odoo import api, fields, models

from ..core import redact
from ..engine import http

PLAIN_PATH = re.compile(r"[\w.\-]+(\[\d*\][\w.\-]*)*")
# A longer example is cut: it is one to look at, not to load.
EXAMPLE_CHARACTERS = 4000


class SpecificationReport(models.AbstractModel):
    """The printable specification of flows: everything from the live configuration, in business words."""

    _name = "report.integration_flow.specification"
    _description = "Integration Specification"

    @api.model
    def _get_report_values(self, docids, data=None):
        flows = self.env["integration.flow"].browse(docids)
        flows.check_access("read")
        return {
            "doc_ids": docids, "doc_model": flows._name, "docs": flows,
            "specifications": {flow.id: flow._specification() for flow in flows},
        }


class LandscapeReport(models.AbstractModel):
    """The map of all integrations of companies."""

    _name = "report.integration_flow.landscape"
    _description = "Integration Map"

    @api.model
    def _get_report_values(self, docids, data=None):
        companies = self.env["res.company"].browse(docids)
        return {
            "doc_ids": docids, "doc_model": companies._name, "docs": companies,
            "pictures": {
                company.id: Markup(self.env["integration.flow"]._landscape(company))  # noqa: S704 - escaped in core/svg.py
                for company in companies},
        }


class IntegrationFlow(models.Model):
    _inherit = "integration.flow"

    def action_specification(self):
        """The specification on screen; its Print button makes the PDF."""
        action = self.env.ref("integration_flow.report_specification").report_action(self, config=False)
        return dict(action, report_type="qweb-html", name=self.env._("Specification of %(flow)s", flow=self[:1].name))

    def _specification(self):
        """All parts of the specification, as values for the template."""
        self.ensure_one()
        return {
            "model": self.model_id.sudo().name,  # users may not read the list of models
            "diagram": Markup(self.diagram or ""),  # noqa: S704 - all texts are escaped in core/svg.py
            "plan": self._plan_rows(),
            "filters": self._filter_rows(),
            "fields": self._field_rows(),
            "statuses": self._status_part(),
            "volume": self._volume_lines(),
            "errors": self._error_table(),
            "examples": self._example_rows(),
            "tests": self._test_rows(),
            "changes": [self._change_words(change) for change in self._agreement_changes()],
            "agreements": self.agreement_ids.sorted("version", reverse=True),
            "printed_at": self._moment_words(fields.Datetime.now()),
        }

    def _filter_rows(self):
        rows = []
        if self.domain and self.domain != "[]":
            rows.append((self.env._("Odoo records"), self.domain))
        if self.external_filter:
            rows.append((self.env._("Records of %(system)s", system=self._system_name()), self.external_filter))
        if self.list_query:
            rows.append((self.env._("Asked for with"), self.list_query))
        return rows

    def _field_rows(self):
        """The ownership matrix: a row for each rule, those of lines below their list."""
        rows = []
        for rule in self._exchanged_rules():
            rows.append(self._field_row(rule, level=0))
            rows += [self._field_row(child, level=1) for child in rule.child_ids.filtered("active")]
        return rows

    def _field_row(self, rule, level):
        return {
            "level": level, "odoo": rule._field_words(), "arrow": rule._arrow(),
            "external": self._path_words(rule.external_path),
            "path": rule.external_path or "", "owner": rule._decides_words() if rule.kind != "check" else self.env._(
                "both have to be equal"),
            "blank": rule._emptied_words(),
            "transform": rule._transform_words(),
            "notes": ", ".join(label for name, label in (
                ("required", self.env._("required")), ("match_key", self.env._("match key")),
                ("sensitive", self.env._("sensitive"))) if rule[name]),
        }

    def _path_words(self, path):
        """billing.first_name is 'Billing › first name'; an expression stays as it is.

        The path itself stands beside it: this is for people who have never seen one.
        """
        if not path or not PLAIN_PATH.fullmatch(path):
            return path or ""
        words = [part.replace("_", " ").strip() for part in re.split(r"[.\[\]]+", path) if part]
        return " › ".join(words).capitalize()

    def _status_part(self):
        """Status transitions, where there are any: ``{"diagram": Markup, "head": [texts], "rows": [[texts]]}``."""
        rows = [
            [rule.external_status,
             self._label("effect", rule) if rule.effect != "stage" else rule.stage_id.display_name or "",
             ", ".join(rule.from_stage_ids.mapped("display_name")) or self.env._("any"),
             self._label("action", rule) if rule.effect == "stage" else ""] for rule in self.status_rule_ids]
        rows += [
            [rule.external_status, self.env._("is sent"), rule.stage_id.display_name or "", ""]
            for rule in self.status_send_ids]
        return {
            "diagram": self.status_diagram or "", "rows": rows,
            "head": [self.env._("Status of %(system)s", system=self._system_name()), self.env._("What it does in Odoo"),
                     self.env._("From or at the stage"), self.env._("By")],
        } if rows else None

    def _example_rows(self):
        """Examples of the other system's records: ``[(where from, JSON text)]``, sensitive values masked."""
        found = []
        if self.resource_id.sample_payload:
            found.append((
                self.env._("Example of %(resource)s", resource=self.resource_id.name),
                self._masked(self.resource_id.sample_payload)))
        elif self.env.user.has_group("integration_flow.group_integration_manager"):
            sync = self._stored_example()
            if sync:
                found.append((self.env._("As it was received: %(name)s", name=sync.display_name),
                    self._masked(sync.payload)))
        return [(title, text) for title, text in found if text]

    def _masked(self, payload):
        names = http.sensitive_names(self.sudo().all_rule_ids.filtered("sensitive"))
        try:
            shown = json.loads(redact.redact_body(payload, names=names))
        except ValueError:
            return ""
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "\n…"

    def _test_rows(self):
        """Test cases with their last results: ``[(name, result, when)]``."""
        cases = self._test_cases()
        return [] if cases is None else [
            (case.name, dict(case._fields["last_result"]._description_selection(self.env))[case.last_result],
             self._moment_words(case.last_run_at))
            for case in cases]

    def _moment_words(self, moment):
        return fields.Datetime.context_timestamp(self, moment).strftime("%Y-%m-%d %H:%M") if moment else ""
