import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date, formatLang
from odoo.tools.misc import format_datetime

from ..core import paths
from ..core.errors import SyncError

MOST = 3
NUMBERS = ("float", "monetary")


class IntegrationFieldRule(models.Model):
    """Fields by which people recognise the records of a flow."""

    _inherit = "integration.field.rule"

    key_column = fields.Boolean(
        string="Shown in Lists",
        help="The value stands in the list of sync records, so that people recognise the record: order number, customer, "
             "amount. Up to three of a flow.")

    @api.constrains("key_column", "kind", "flow_id", "active")
    def _check_key_columns(self):
        for flow in self.filtered("key_column").flow_id:
            if len(flow.rule_ids.filtered("key_column")) > MOST:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: at most %(most)s fields can be shown in lists.", flow=flow.name, most=MOST))

    def _key_text(self, record):
        """The value of an Odoo record, as people read it; '' when there is none, or when they may not."""
        self.ensure_one()
        *steps, last = (self.odoo_path or "").split(".")
        for step in steps:
            if step not in record._fields or not record._has_field_access(record._fields[step], "read"):
                return ""
            record = record[step][:1]
        field = record._fields.get(last)
        if not record or field is None or not record._has_field_access(field, "read") or not record.has_access("read"):
            return ""
        value = record[last]
        if field.relational:
            return ", ".join(value.mapped("display_name"))
        if field.type in NUMBERS:
            currency = record[field.get_currency_field(record)] if field.type == "monetary" else None
            return formatLang(self.env, value, currency_obj=currency or None)
        if value is False or value is None:
            return self.env._("No") if field.type == "boolean" else ""
        if field.type == "date":
            return format_date(self.env, value)
        if field.type == "datetime":
            return format_datetime(self.env, value)
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value)
        return self.env._("Yes") if value is True else str(value)


class IntegrationSync(models.Model):
    """The chosen fields of a record, for the rows that are looked at.

    Not stored: a page shows 80 rows, and reading their documents together costs less than keeping copies of 100,000 up to
    date. What was received but has no Odoo record yet shows what the other system sent.
    """

    _inherit = "integration.sync"

    key_values = fields.Char(string="Key Fields", compute="_compute_key_values")

    @api.depends("res_id", "model", "flow_id")
    @api.depends_context("uid", "lang", "tz", "allowed_company_ids")
    def _compute_key_values(self):
        for flow, syncs in self.grouped("flow_id").items():
            rules = flow.sudo().rule_ids.filtered(lambda rule: rule.key_column and rule.kind == "field")[:MOST]
            if not rules or flow.sudo().model_name not in self.env:
                syncs.key_values = False
                continue
            documents = self.env[flow.sudo().model_name].browse(syncs.mapped("res_id")).exists()
            readable = {record.id: record for record in documents._filtered_access("read")} \
                if documents.browse().has_access("read") else {}
            there = set(documents.ids)
            for sync in syncs:
                if sync.res_id in there:
                    texts = sync._key_texts_of(rules, readable.get(sync.res_id))
                else:
                    texts = sync._key_texts_received(rules)
                sync.key_values = " · ".join(
                    f"{rule._conflict_label()}: {text}" for rule, text in zip(rules, texts, strict=True) if text) or False

    def _key_texts_of(self, rules, record):
        if record is None:
            return [""] * len(rules)  # it is none of the user's business
        unprivileged = self.env["integration.field.rule"]
        return ["•••" if rule.sensitive else unprivileged.browse(rule.id).sudo()._key_text(record) for rule in rules]

    def _key_texts_received(self, rules):
        try:
            received = json.loads(self.sudo().payload or "null")
        except ValueError:
            received = None
        texts = []
        model = self.env[self.flow_id.sudo().model_name]
        for rule in rules:
            field = model._fields.get((rule.odoo_path or "").split(".")[0])
            if not model.has_access("read") or field is not None and not model._has_field_access(field, "read"):
                texts.append("")  # what would not be shown of the record is not shown of what was received
                continue
            try:
                value = paths.get(rule.external_path, received) if received and rule.external_path else None
            except SyncError:
                value = None
            plain = value is not None and not isinstance(value, (dict, list))
            texts.append("" if not plain else "•••" if rule.sensitive else str(value)[:80])
        return texts
