from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..core import paths
from ..core.errors import SyncError
from .flow import is_protected
from .selections import SECRETS_GROUP

OWNERS = [
    ("external", "Other System"),
    ("external_unless_blank", "Other System, Unless Blank"),
    ("odoo", "Odoo"),
    ("newest", "Newest Change"),
    ("ask", "Ask"),
    ("external_at_creation", "Other System at Creation, then Odoo"),
    ("nobody", "Nobody (Not Synced)"),
]


class IntegrationFieldRule(models.Model):
    """One field of a flow: the path on both sides, the transform, the owner, and whether it is a match key.

    A rule of kind *lines* has child rules for the fields of each line.
    """

    _name = "integration.field.rule"
    _description = "Integration Field Rule"
    _order = "flow_id, sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    parent_id = fields.Many2one("integration.field.rule", ondelete="cascade", index="btree_not_null")
    child_ids = fields.One2many("integration.field.rule", "parent_id", string="Line Fields")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    code = fields.Char(
        required=True, compute="_compute_code", store=True, readonly=False, precompute=True,
        help="Stable name of the rule. The last agreed values are kept under it.")
    kind = fields.Selection([
        ("field", "Field"),
        ("relation", "Record of Another Flow"),
        ("lines", "Lines"),
        ("check", "Check"),
    ], required=True, default="field",
        help="Field: one value. Record of Another Flow: a link to a record that another flow synchronises. "
             "Lines: a list, with rules for each line. Check: after writing, the Odoo value must equal the external "
             "one (order totals), else the record fails and nothing of it is written.")
    model_name = fields.Char(compute="_compute_model_name")
    odoo_path = fields.Char(string="Odoo Field")
    external_path = fields.Char(
        help="JMESPath. To be written it must be plain names: billing.email or items[0].sku.")
    direction = fields.Selection([
        ("flow", "As the Flow"), ("import", "Import Only"), ("export", "Export Only"),
    ], required=True, default="flow")
    owner = fields.Selection(
        OWNERS, required=True, compute="_compute_owner", store=True, readonly=False, precompute=True,
        help="Who decides about this value when both sides differ.")
    required = fields.Boolean(help="A record without this value fails, and says so.")
    match_key = fields.Boolean(
        help="Existing records are recognised by this field (all match keys together) when there is no link yet.")
    sensitive = fields.Boolean(help="The value is masked in logs and stored payloads.")

    send_path = fields.Char(
        string="Sent At",
        help="Where the value stands in what is sent, if not where it is read. Empty: at the external path.")
    blank_as = fields.Selection([
        ("null", "Null"), ("empty", "Empty Text"), ("omit", "Left Out"),
    ], required=True, default="null", string="Blank Is Sent As", help="How the other system wants an emptied value.")

    transform = fields.Selection([
        ("none", "As It Is"),
        ("text", "Text"),
        ("number", "Number"),
        ("date", "Date"),
        ("datetime", "Date and Time"),
        ("boolean", "Yes or No"),
        ("template", "Template"),
        ("constant", "Constant"),
        ("split", "Split Text"),
        ("join", "Join List"),
        ("value_map", "Value Map"),
        ("country", "Country"),
        ("state", "State of a Country"),
        ("currency", "Currency"),
        ("unit", "Unit of Measure"),
        ("lookup", "Look Up a Record"),
        ("file_url", "Address of the File"),
        ("expression", "Python Expression"),
    ], required=True, default="none",
        help="How the value is translated between the two sides; in the other direction the same rule works backwards.")
    default_value = fields.Char(string="Default", help="Used when the other side is blank.")
    value_map_id = fields.Many2one("integration.value.map", ondelete="restrict", index="btree_not_null")
    constant = fields.Char(help="This value is always written, whatever the other side says.")
    template = fields.Char(help="For example {first_name} {last_name}; the names are paths in the external record.")
    separator = fields.Char(default=",", help="Between the parts of the text.")
    part = fields.Integer(string="Part No.", help="Which part of the split text, beginning with 0; -1 is the last one.")
    text_case = fields.Selection([("keep", "Keep"), ("upper", "UPPER"), ("lower", "lower")], default="keep")
    max_length = fields.Integer(help="Longer text is cut. 0: never.")
    html_policy = fields.Selection([
        ("keep", "Keep"), ("strip", "Remove Tags"), ("escape", "Escape"),
    ], default="keep", string="HTML")
    factor = fields.Float(digits=0, default=1.0, help="The external number times this is Odoo's; 0.01 for cents.")
    digits = fields.Integer(string="Round to Digits", default=-1, help="-1: not rounded.")
    decimal_separator = fields.Char(default=".", help="In numbers that come as text: a comma for 1.234,50.")
    date_format = fields.Char(
        help="Empty: ISO 8601. 'epoch' or 'epoch_ms' for numbers; or a pattern such as %d.%m.%Y.")
    timezone = fields.Char(string="Zone of Times Without a Zone", help="Empty: the time zone of the flow.")
    true_values = fields.Char(help="Comma-separated external values that mean yes.")
    false_values = fields.Char(help="Comma-separated external values that mean no.")
    lookup_field = fields.Char(
        string="Look Up By", help="Field of the target by which the record is found, for example code or amount.")
    lookup_domain = fields.Char(help="Further condition on the target, for example [('type_tax_use', '=', 'sale')].")
    unknown_as_blank = fields.Boolean(
        string="Unknown Is Blank",
        help="A value that the map does not know, or that is nowhere found, counts as blank instead of failing the record. "
             "Values that a map does not know are still collected there.")
    country_path = fields.Char(
        help="For states: where the country code stands in the external record.")
    expression_import = fields.Char(
        help="Python. 'value' is the external value, 'record' the whole external record.")
    expression_export = fields.Char(help="Python. 'value' is the Odoo value, 'record' the Odoo record.")

    relation_flow_id = fields.Many2one(
        "integration.flow", string="Synchronised By", ondelete="restrict", index="btree_not_null",
        help="The flow that synchronises the related records.")
    relation_mode = fields.Selection([
        ("wait", "Wait for It"),
        ("import", "Import It Now"),
        ("embedded", "Take It from the Payload"),
    ], required=True, default="wait")
    line_id_path = fields.Char(
        default="id", help="Where the ID of a line stands. Empty: lines have no ID, the list is replaced as a whole.")
    tolerance = fields.Float(digits=0, default=0.005, help="Differences up to this much are rounding.")
    line_tolerance = fields.Float(
        string="Tolerance per Line", digits=0,
        help="Added for each line of the record: systems that do not round their lines differ more the more there are.")

    _code_unique = models.UniqueIndex(
        "(flow_id, COALESCE(parent_id, 0), code)", "The flow has a rule with this code already.")

    @api.depends("flow_id.model_name", "parent_id.odoo_path", "parent_id.flow_id.model_name")
    def _compute_model_name(self):
        for rule in self:
            model_name = rule.flow_id.model_name
            if rule.parent_id and model_name in self.env:
                field = self.env[model_name]._fields.get(rule.parent_id.odoo_path or "")
                model_name = field.comodel_name if field is not None else False
            rule.model_name = model_name or False

    @api.depends("flow_id")
    def _compute_owner(self):
        for rule in self:
            rule.owner = rule.owner or ("odoo" if rule.flow_id.direction == "export" else "external")

    @api.depends("odoo_path", "external_path", "kind")
    def _compute_code(self):
        kinds = {kind for kind, _label in self._fields["kind"].selection}
        for rule in self:
            # Stable, because the last agreed values are kept under it; but a new line in a form gets its field later.
            if rule.code and (rule._origin or rule.code.rstrip("_0123456789") not in kinds):
                continue
            base = rule.odoo_path or rule.external_path or rule.kind or "rule"
            holder = (rule.parent_id or rule.flow_id).with_context(active_test=False)
            siblings = holder.child_ids if rule.parent_id else holder.rule_ids
            taken = set((siblings - rule).mapped("code"))
            code, number = base, 2
            while code in taken:
                code, number = f"{base}_{number}", number + 1
            rule.code = code

    @api.depends("odoo_path", "external_path", "code", "model_name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for rule in self:
            rule.display_name = rule._pair_words("⇄")

    # -- checks --------------------------------------------------------------------------------------------

    def _check_expressions(self, vals):
        if any(vals.get(name) for name in ("expression_import", "expression_export")) \
                and not (self.env.su or self.env.user.has_group(SECRETS_GROUP)):
            raise AccessError(self.env._("Only a technical administrator of integrations may write Python expressions."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_expressions(vals)
            if vals.get("parent_id") and not vals.get("flow_id"):
                vals["flow_id"] = self.browse(vals["parent_id"]).flow_id.id
        rules = super().create(vals_list)
        rules._check_protected_path()
        rules.flow_id._configuration_changed()
        return rules

    def write(self, vals):
        self._check_expressions(vals)
        result = super().write(vals)
        self._check_protected_path()
        self.flow_id._configuration_changed()
        return result

    def unlink(self):
        flows = self.flow_id
        result = super().unlink()
        flows._configuration_changed()
        return result

    def copy(self, default=None):
        copies = super().copy(default)
        for rule, duplicate in zip(self, copies, strict=True):
            for child in rule.child_ids:
                child.copy({"parent_id": duplicate.id, "flow_id": duplicate.flow_id.id})
        return copies

    @api.constrains("external_path", "send_path", "line_id_path", "country_path")
    def _check_paths(self):
        for rule in self:
            for path in (rule.external_path, rule.send_path, rule.line_id_path, rule.country_path):
                if path:
                    try:
                        paths.compile_path(path)
                    except SyncError as error:
                        raise ValidationError(self.env._(
                            "Rule %(rule)s of %(flow)s: '%(path)s' is not a valid path (%(reason)s).",
                            rule=rule.display_name, flow=rule.flow_id.name, path=path,
                            reason=error.params.get("reason", ""))) from error

    def _check_protected_path(self):
        """No way around the protected models of flows: not by a path through a record, not by lines.

        Not a constraint of the ORM, since those run as superuser.
        """
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        for rule in self:
            model = self.env.get(rule.model_name)
            names = (rule.odoo_path or "").split(".")
            for number, name in enumerate(names):
                if model is None or name not in model._fields:
                    break
                if is_protected(model._name) and name not in ("name", "display_name", "login", "email"):
                    raise AccessError(self.env._(
                        "Only a technical administrator of integrations may synchronise users, rights and settings."))
                comodel = model._fields[name].comodel_name
                if rule.kind == "lines" and number == len(names) - 1 and is_protected(comodel):
                    raise AccessError(self.env._(
                        "Only a technical administrator of integrations may synchronise users, rights and settings."))
                model = self.env[comodel] if comodel else None

    @api.constrains("odoo_path", "parent_id", "flow_id")
    def _check_odoo_path(self):
        for rule in self:
            if rule.odoo_path and rule.model_name in self.env and rule._odoo_field() is None:
                raise ValidationError(self.env._(
                    "Rule %(rule)s of %(flow)s: %(model)s has no field '%(path)s'.",
                    rule=rule.display_name, flow=rule.flow_id.name, model=rule.model_name, path=rule.odoo_path))

    def _odoo_field(self):
        """The field at the end of ``odoo_path``, or None."""
        self.ensure_one()
        model, field = self.env.get(self.model_name), None
        for name in (self.odoo_path or "").split("."):
            if model is None or name not in model._fields:
                return None
            field = model._fields[name]
            model = self.env[field.comodel_name] if field.comodel_name else None
        return field

    def _problems(self):
        """Sentences that say what keeps these rules from working; see ``integration.flow._problems``."""
        problems = []
        for rule in self.filtered("active"):
            flow = rule.flow_id
            direction = flow.direction if rule.direction == "flow" else rule.direction
            imports, exports = direction in ("import", "both"), direction in ("export", "both")
            name = rule.display_name
            field = rule._odoo_field()
            if rule.owner == "nobody":
                continue
            if not rule.odoo_path:
                problems.append(self.env._("Rule %(rule)s: choose the Odoo field.", rule=name))
                continue
            if field is None:
                problems.append(self.env._("Rule %(rule)s: this field does not exist in Odoo.", rule=name))
                continue
            if imports and rule.kind != "check" and "." in rule.odoo_path:
                problems.append(self.env._(
                    "Rule %(rule)s: a field of a related record cannot be written from here. Make the rule Export "
                    "Only, or synchronise the related record by a flow of its own.", rule=name))
            if not rule.external_path and rule.transform not in ("constant", "template", "expression"):
                problems.append(self.env._("Rule %(rule)s: say where the value stands on the other side.", rule=name))
            target = rule.send_path or rule.external_path
            if exports and rule.kind != "check" and target and not paths.is_assignable(target):
                problems.append(self.env._(
                    "Rule %(rule)s: '%(path)s' can be read but not written. Make the rule Import Only or give a plain "
                    "path.", rule=name, path=target))
            if rule.kind == "relation" and not rule.relation_flow_id:
                problems.append(self.env._("Rule %(rule)s: choose the flow that synchronises these records.", rule=name))
            if rule.kind == "lines":
                if field.type not in ("one2many", "many2many"):
                    problems.append(self.env._("Rule %(rule)s: lines need a list field in Odoo.", rule=name))
                if not rule.child_ids:
                    problems.append(self.env._("Rule %(rule)s: add rules for the fields of a line.", rule=name))
                problems += rule.child_ids._problems()
            elif rule.kind == "field" and field.type in ("one2many",):
                problems.append(self.env._("Rule %(rule)s: a list of lines needs the kind Lines.", rule=name))
            if rule.transform == "value_map" and not rule.value_map_id:
                problems.append(self.env._("Rule %(rule)s: choose the value map.", rule=name))
            if rule.transform == "lookup" and not rule.lookup_field:
                problems.append(self.env._("Rule %(rule)s: say by which field the record is looked up.", rule=name))
        return problems
