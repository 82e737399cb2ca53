from odoo import api, fields, models


class IntegrationValueMap(models.Model):
    """Translation between two code lists. Values that nobody has mapped yet are collected as open lines."""

    _name = "integration.value.map"
    _description = "Integration Value Map"
    _order = "name, id"

    name = fields.Char(required=True)
    code = fields.Char(copy=False, help="Stable name that blueprints use.")
    active = fields.Boolean(default=True)
    model_id = fields.Many2one(
        "ir.model", string="Odoo Records Of", ondelete="cascade", index="btree_not_null",
        help="Choose it when the Odoo side is a record, such as a tax or a delivery method. Empty: plain values.")
    model_name = fields.Char(related="model_id.model")
    line_ids = fields.One2many("integration.value.map.line", "map_id", copy=True)
    open_count = fields.Integer(string="Not Mapped Yet", compute="_compute_open_count")
    note = fields.Text()

    _code_unique = models.UniqueIndex("(code) WHERE code IS NOT NULL", "Another value map has this code already.")

    @api.depends("line_ids.is_mapped")
    def _compute_open_count(self):
        counts = dict(self.env["integration.value.map.line"]._read_group(
            [("map_id", "in", self.ids), ("is_mapped", "=", False)], ["map_id"], ["__count"]))
        for value_map in self:
            value_map.open_count = counts.get(value_map, 0)


class IntegrationValueMapLine(models.Model):
    """One pair of a value map."""

    _name = "integration.value.map.line"
    _description = "Integration Value Map Line"
    _order = "is_mapped, external_value, id"

    map_id = fields.Many2one("integration.value.map", string="Value Map", required=True, ondelete="cascade", index=True)
    model_name = fields.Char(related="map_id.model_name")
    external_value = fields.Char(required=True)
    odoo_value = fields.Char(help="The technical value, as stored in Odoo.")
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model_name")
    ignore = fields.Boolean(string="Leave Empty", help="This value has no counterpart in Odoo: the field is left empty.")
    is_mapped = fields.Boolean(compute="_compute_is_mapped", store=True)

    _external_unique = models.Constraint(
        "UNIQUE (map_id, external_value)", "This external value stands in the map already.")

    @api.depends("odoo_value", "res_id", "ignore")
    def _compute_is_mapped(self):
        for line in self:
            line.is_mapped = bool(line.odoo_value or line.res_id or line.ignore)

    @api.depends("external_value", "odoo_value")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.external_value} → {line.odoo_value or line.res_id or '?'}"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.filtered("is_mapped")._release_waiting()
        return lines

    def write(self, vals):
        open_before = self.filtered(lambda line: not line.is_mapped)
        result = super().write(vals)
        open_before.filtered("is_mapped")._release_waiting()
        return result

    def _release_waiting(self):
        """Fix once, release all: what failed by one of these values is tried again."""
        keys = [f"{line.map_id.id}:{line.external_value}" for line in self]
        self.env["integration.issue"]._release(keys, self.env._("The missing value was mapped"), "mapped")

    @api.model
    def _collect(self, pairs):
        """Remember values that have no mapping yet. ``pairs``: iterable of (map id, external value)."""
        for map_id, value in sorted(set(pairs)):
            self.env.cr.execute(
                """INSERT INTO integration_value_map_line (map_id, external_value, is_mapped, create_date, write_date)
                   VALUES (%s, %s, false, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
                   ON CONFLICT (map_id, external_value) DO NOTHING""", [map_id, value])
