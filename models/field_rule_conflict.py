from odoo import models
from odoo.tools import format_date, format_datetime, html2plaintext
from odoo.tools.misc import formatLang

from ..core.values import is_blank

LONGEST_TEXT = 200


class IntegrationFieldRule(models.Model):
    """The values of a field as people read them, for conflicts."""

    _inherit = "integration.field.rule"

    def _conflict_texts(self, values):
        """Last agreed, Odoo now, other system now, as texts for the user of the environment.

        :param values: what is kept of a conflict; see ``engine/conflicts.py``
        """
        field = self._odoo_field() if self else None
        if self.sensitive:
            return tuple(
                self._blank_text() if is_blank(values.get(name)) else "•••" for name in ("agreed", "odoo", "external"))
        if self.kind == "lines":
            return (
                "", self._lines_text(values.get("odoo_lines")), self._lines_text(values.get("external_lines")))
        agreed = self._value_text(field, values.get("agreed"))
        odoo = self._value_text(field, values.get("odoo"))
        external = values.get("external")
        if "external_odoo" not in values:
            return agreed, odoo, self._plain_text(external)
        text = self._value_text(field, values["external_odoo"])
        if field is not None and (field.relational or field.type == "selection") \
                and isinstance(external, (str, int)) and not isinstance(external, bool) and not is_blank(external):
            text = f"{text} ({self._plain_text(external)})"  # the code over there, by which people know it
        return agreed, odoo, text

    def _conflict_label(self):
        """The field as the user knows it."""
        field = self._odoo_field()
        return field.get_description(self.env, ["string"])["string"] if field is not None else self.code

    def _blank_text(self):
        return self.env._("(blank)")

    def _lines_text(self, lines):
        return " | ".join(filter(None, lines))[:LONGEST_TEXT] if lines else self.env._("(no lines)")

    def _plain_text(self, value):
        if is_blank(value):
            return self._blank_text()
        return str(value)[:LONGEST_TEXT]

    def _value_text(self, field, value):
        """One Odoo value in comparable form (see ``engine.mapper.normal``) as the user reads it."""
        if value is None or value == []:
            return self._blank_text()
        if isinstance(value, dict):
            return ""  # decided before
        kind = field.type if field is not None else ""
        if kind == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if kind in ("many2one", "many2many", "one2many"):
            ids = value if isinstance(value, list) else [value]
            records = self.env[field.comodel_name].sudo().browse(ids).exists()
            return ", ".join(records.mapped("display_name"))[:LONGEST_TEXT] or self._blank_text()
        if kind == "selection":
            return dict(field._description_selection(self.env)).get(value, str(value))
        if kind == "date":
            return format_date(self.env, value)
        if kind == "datetime":
            return format_datetime(self.env, value)
        if kind in ("float", "monetary", "integer") and isinstance(value, (int, float)):
            return formatLang(self.env, value, digits=len(f"{value:.6f}".rstrip("0").partition(".")[2]) if value % 1 else 0)
        if kind == "html":
            return self._plain_text(html2plaintext(value))
        return self._plain_text(value)
