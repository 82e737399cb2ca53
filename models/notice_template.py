from urllib.parse import urlencode

from odoo import api, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date, format_datetime, formatLang, html2plaintext

from ..core import noticing
from ..core.errors import SyncError
from ..engine import messages
from .selections import SECRETS_GROUP

OWN_NAMES = ("record", "link", "alert", "company")
MOST_RELATED = 5


class IntegrationNoticeRule(models.Model):
    """What an alert says: fields in braces, by name or by label, as its user sees them."""

    _inherit = "integration.notice.rule"

    def _reader(self):
        """The model of the records with the rights, language, time zone and companies of the alert's user."""
        self.ensure_one()
        user = self.sudo().user_id
        companies = self.sudo().company_id or user.company_ids
        model = self.env(user=user.id, su=False)[self.model_name]
        return model.with_context(
            lang=user.lang or "en_US", tz=user.tz or "UTC", allowed_company_ids=companies.ids, active_test=False)

    @api.depends_context("uid")
    @api.depends("title", "body", "domain", "model_id", "user_id", "company_id")
    def _compute_preview(self):
        for rule in self:
            if not (self.env.su or rule.user_id == self.env.user or self.env.user.has_group(SECRETS_GROUP)):
                rule.preview = False  # it would show what another user may read
                continue
            message = None
            try:
                message = rule._example() if rule.model_name in self.env else None
            except Exception as error:  # a domain or template that is being typed
                rule.preview = str(error)
                continue
            rule.preview = f"{message['title']}\n{message['body']}".strip() if message else False

    def _example(self):
        """The message of the newest record in the filter, else of any; None where there is none."""
        reader = self._reader()
        for domain in (self._conditions(), Domain.TRUE):
            record = reader.search(domain, order="id desc", limit=1)
            if record:
                return self._message(record)
        return None

    def _message(self, record):
        """``{"title", "body", "url", "record_name"}`` for a record that the alert's user may read."""
        own = self.sudo().with_context(lang=record.env.lang)
        value_of = self._values_of(record)
        title = " ".join(noticing.fill(own.title, value_of).split())
        return {
            "title": title[:250], "body": noticing.fill(own.body or "", value_of).strip(), "url": self._link(record),
            "record_name": record.display_name}

    def _link(self, record):
        query = urlencode({"model": record._name, "res_id": record.id})
        return f"{record.get_base_url()}/mail/view?{query}"

    def _values_of(self, record):
        own = {
            "record": lambda: record.display_name, "link": lambda: self._link(record),
            "alert": lambda: self.sudo().with_context(lang=record.env.lang).name,
            "company": lambda: (self.sudo().company_id or record.env.company).name}

        def value_of(name):
            if name in own:
                return own[name]()
            path = self._path_of(record, name)
            return self._shown(record, path.split(".")) if path else ""

        return value_of

    # -- names ---------------------------------------------------------------------------------------------

    def _path_of(self, model, name):
        """The field path that a placeholder means: by names, else by labels in the alert's language or in English.

        :return: blank when there is none
        """
        path = []
        for part in name.split("."):
            field = model._fields.get(part.strip()) if model is not None else None
            if field is None:
                field = self._field_by_label(model, part.strip())
            if field is None:
                return ""
            path.append(field.name)
            model = model.env[field.comodel_name] if field.comodel_name else None
        return ".".join(path)

    @staticmethod
    def _field_by_label(model, label):
        if model is None:
            return None
        for lang in dict.fromkeys((model.env.lang or "en_US", "en_US")):
            labels = model.with_context(lang=lang).fields_get(attributes=["string"])
            # Two fields may be called the same: the one that is stored, then the one that comes first.
            found = sorted(
                (name for name, info in labels.items() if info["string"].casefold() == label.casefold()),
                key=lambda name: (not model._fields[name].store, name))
            if found:
                return model._fields[found[0]]
        return None

    @api.constrains("title", "body", "model_id", "user_id")
    def _check_template(self):
        for rule in self.filtered(lambda rule: rule.model_name in self.env):
            reader = rule._reader()
            for template in (rule.title, rule.body):
                rule._check_names(reader, template)

    def _check_names(self, reader, template):
        try:
            names = noticing.placeholders(template)
        except SyncError as error:
            raise ValidationError(self.env._(
                "Alert %(alert)s: %(problem)s", alert=self.name,
                problem=" ".join(messages.explain(self.env, error)))) from error
        for name in names:
            path = self._path_of(reader, name) if name not in OWN_NAMES else ""
            if name not in OWN_NAMES and not path:
                raise ValidationError(self.env._(
                    "Alert %(alert)s: %(model)s has no field {%(name)s}. Use the name or the label of a field.",
                    alert=self.name, model=self.model_id.name, name=name))
            self._check_readable(reader, path, name)

    def _check_readable(self, model, path, name):
        for part in path.split(".") if path else ():
            field = model._fields[part]
            if field.type in ("binary", "json", "properties", "properties_definition", "reference", "many2one_reference"):
                raise ValidationError(self.env._(
                    "Alert %(alert)s: {%(name)s} cannot stand in a message.", alert=self.name, name=name))
            try:
                model._check_field_access(field, "read")
            except AccessError as error:
                raise ValidationError(self.env._(
                    "Alert %(alert)s: %(user)s may not read {%(name)s}.", alert=self.name, user=self.user_id.name,
                    name=name)) from error
            model = model.env[field.comodel_name] if field.comodel_name else model

    # -- values --------------------------------------------------------------------------------------------

    def _shown(self, records, path):
        """A value as people read it; of several records the first few."""
        name, *rest = path
        field = records._fields[name]
        if rest:
            return self._shown(records.mapped(name), rest)
        texts = [text for record in records[:MOST_RELATED] if (text := self._text(record, field))]
        return ", ".join(texts) + (" …" if len(records) > MOST_RELATED else "")

    def _text(self, record, field):
        value, env = record[field.name], record.env
        if field.type == "boolean":
            return env._("Yes") if value else env._("No")
        if field.relational:
            names = value[:MOST_RELATED].mapped("display_name")
            return ", ".join(names) + (" …" if len(value) > MOST_RELATED else "")
        if field.type == "selection":
            return dict(field._description_selection(env)).get(value, "")
        if field.type == "monetary":
            currency = record[field.get_currency_field(record)] if field.get_currency_field(record) else None
            return formatLang(env, value, currency_obj=currency or env.company.currency_id)
        if field.type == "float":
            digits = field.get_digits(env)
            return formatLang(env, value, digits=digits[1] if digits else 2)
        if field.type == "integer":
            return str(value)
        if not value:
            return ""
        if field.type == "date":
            return format_date(env, value)
        if field.type == "datetime":
            return format_datetime(env, value)
        return html2plaintext(value).strip() if field.type == "html" else str(value)
