from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import paths, statuses
from ..core.diagram import transition_diagram
from ..core.errors import SyncError
from ..engine.status_plan import CODE
from .selections import SECRETS_GROUP
from .status_rule import ANY

# Of stage records so many are offered.
MOST_STAGES = 200
STATUS_FIELDS = {"status_field", "status_path", "status_send_path", "status_as_number"}


class IntegrationFlow(models.Model):
    """Statuses: which Odoo field is the stage, where the external status stands, and the rules between them."""

    _inherit = "integration.flow"

    status_field = fields.Char(
        string="Odoo Stage", help="The field that says how far a record is: the state of an order, the stage of a task.")
    status_path = fields.Char(
        string="External Status", help="Where the status stands in the external record, as a path: status.")
    status_send_path = fields.Char(
        string="Written At", help="Where a status is written, when that is another place than where it is read.")
    status_as_number = fields.Boolean(string="Statuses Are Numbers", help="They are sent as 2, not as “2”.")
    status_ignore_late = fields.Boolean(
        string="Leave Out Late Statuses", default=True,
        help="A status of a lower step than the known one changes nothing and is logged. Otherwise it has to be allowed "
             "like any other, or the record fails.")
    status_chain = fields.Boolean(
        string="Go Through Steps Between", default=True,
        help="A stage that is not reachable at once is reached over the steps before it, when rules allow each of them.")
    status_stage_ids = fields.One2many("integration.status.stage", "flow_id")
    status_rule_ids = fields.One2many(
        "integration.status.rule", "flow_id", string="From There", domain=[("side", "=", "in")],
        context={"default_side": "in"})
    status_send_ids = fields.One2many(
        "integration.status.rule", "flow_id", string="To There", domain=[("side", "=", "out")],
        context={"default_side": "out"})
    status_open_count = fields.Integer(string="Not Decided Yet", compute="_compute_status_open_count")
    status_diagram = fields.Html(compute="_compute_status_diagram", sanitize=False)
    status_hints = fields.Text(compute="_compute_status_hints")

    @api.depends("status_rule_ids.effect")
    def _compute_status_open_count(self):
        for flow in self:
            flow.status_open_count = len(flow.status_rule_ids.filtered(lambda rule: rule.effect == "open"))

    @api.depends("status_rule_ids.from_stage_ids", "status_rule_ids.stage_id", "status_rule_ids.effect", "status_field")
    def _compute_status_hints(self):
        """What is no mistake, but worth knowing before it surprises somebody."""
        for flow in self:
            field = flow._status_odoo_field()
            if field is None or field.type != "selection":
                flow.status_hints = False
                continue
            start = self.env[flow.model_name].sudo().default_get([field.name]).get(field.name)
            rules = flow.status_rule_ids._origin.filtered(lambda rule: rule.effect == "stage")
            alone = statuses.unreachable([rule._rule() for rule in rules], [start])
            names = {rule.id: rule.display_name for rule in rules}
            flow.status_hints = "\n".join(self.env._(
                "%(rule)s: no other rule leads to the stages that it is allowed from. Only people bring a record there.",
                rule=names[rule.id]) for rule in alone) or False

    @api.depends(
        "status_rule_ids.external_status", "status_rule_ids.effect", "status_rule_ids.stage_id", "status_rule_ids.action",
        "status_rule_ids.from_stage_ids", "status_send_ids.stage_id", "status_send_ids.external_status")
    def _compute_status_diagram(self):
        for flow in self:
            arrows = [
                arrow for rule in flow.status_rule_ids if rule.effect == "stage" for arrow in rule._arrows()]
            sent = {rule.stage_id.value: rule.external_status or "" for rule in flow.status_send_ids if rule.stage_id}
            if not arrows and not sent:
                flow.status_diagram = False
                continue
            used = {end for arrow in arrows for end in (arrow["source"], arrow["target"])} | sent.keys()
            nodes = [{"code": ANY, "label": self.env._("Any stage")}] if ANY in used else []
            nodes += [
                {"code": stage.value, "label": stage.display_name, "note": self.env._(
                    "Sent: %(status)s", status=sent[stage.value]) if stage.value in sent else ""}
                for stage in flow.status_stage_ids if stage.value in used]
            # Its texts are escaped where they are drawn.
            flow.status_diagram = Markup(transition_diagram(
                nodes, arrows, self.env._("Statuses of %(flow)s", flow=flow.name or "")))

    def _status_odoo_field(self):
        """The field that is the stage, or None."""
        self.ensure_one()
        if self.model_name not in self.env:
            return None
        field = self.env[self.model_name]._fields.get(self.status_field or "")
        return field if field is not None and field.type in ("selection", "many2one") and field.store else None

    def _status_labels(self):
        """What people call the status among the changes of a record."""
        field = self._status_odoo_field() if self.status_field else None
        return {CODE: field.get_description(self.env, ["string"])["string"]} if field is not None else {}

    # -- stages --------------------------------------------------------------------------------------------

    def _known_stages(self):
        """``{technical value: name}`` of the stages that Odoo knows, in their order."""
        field = self._status_odoo_field()
        if field is None:
            return {}
        if field.type == "selection":
            return dict(field._description_selection(self.env))
        found = self._model().env[field.comodel_name].sudo().search([], limit=MOST_STAGES)
        return {str(stage.id): stage.display_name for stage in found}

    def _refresh_stages(self):
        """Offer what Odoo knows now. A stage that is gone stays where rules use it, marked as such."""
        for flow in self:
            known = flow._known_stages()
            present = {stage.value: stage for stage in flow.status_stage_ids}
            for number, (value, name) in enumerate(known.items()):
                vals = {"name": name, "sequence": number, "is_gone": False}
                if value not in present:
                    self.env["integration.status.stage"].create(dict(vals, flow_id=flow.id, value=value))
                elif any(present[value][key] != new for key, new in vals.items()):
                    present[value].write(vals)
            gone = flow.status_stage_ids.filtered(lambda stage: stage.value not in known)  # noqa: B023
            rules = flow.status_rule_ids | flow.status_send_ids
            used = rules.stage_id | rules.from_stage_ids
            (gone - used).unlink()
            (gone & used).filtered(lambda stage: not stage.is_gone).write({"is_gone": True})

    def action_refresh_stages(self):
        self._refresh_stages()

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        flows = super().create(vals_list)
        flows.filtered("status_field")._refresh_stages()
        return flows

    def write(self, vals):
        before = {flow: flow.status_field for flow in self} if "status_field" in vals else {}
        result = super().write(vals)
        for flow, field in before.items():
            if field and field != flow.status_field and flow.status_rule_ids | flow.status_send_ids:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: remove the status rules before you choose another stage field.", flow=flow.name))
        if {"status_field", "model_id"} & vals.keys():
            self._refresh_stages()
        if STATUS_FIELDS & vals.keys():
            self._configuration_changed()
        return result

    def copy(self, default=None):
        """Rules are copied with the stages of their own flow. Server actions are not lent on by who may not choose them."""
        copies = super().copy(default)
        may = self.env.su or self.env.user.has_group(SECRETS_GROUP)
        for flow, duplicate in zip(self, copies, strict=True):
            stages = {stage.value: stage.id for stage in duplicate.status_stage_ids}
            for rule in flow.status_rule_ids | flow.status_send_ids:
                server = rule.action == "server" and not may
                rule.copy({
                    "flow_id": duplicate.id, "stage_id": stages.get(rule.stage_id.value, False),
                    "from_stage_ids": [(6, 0, [stages[stage.value] for stage in rule.from_stage_ids
                                               if stage.value in stages])],
                    **({"action": "write", "server_action_id": False, "effect": "open"} if server else {})})
        return copies

    @api.constrains("status_field", "model_id")
    def _check_status_field(self):
        for flow in self.filtered("status_field"):
            if flow.model_name in self.env and flow._status_odoo_field() is None:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: “%(field)s” cannot be the stage of %(model)s. Choose a selection, or a field that holds "
                    "a stage record.", flow=flow.name, field=flow.status_field, model=flow.model_id.name))

    @api.constrains("status_path", "status_send_path")
    def _check_status_paths(self):
        for flow in self:
            for path in filter(None, (flow.status_path, flow.status_send_path)):
                try:
                    paths.compile_path(path)
                except SyncError as error:
                    raise ValidationError(self.env._(
                        "Flow %(flow)s: “%(path)s” is not a valid path of the status (%(reason)s).", flow=flow.name,
                        path=path, reason=error.params.get("reason", ""))) from error

    # -- readiness -----------------------------------------------------------------------------------------

    def _problems(self):
        problems = super()._problems()
        rules = self.status_rule_ids | self.status_send_ids
        if not rules:
            return problems
        if not self.status_field or not self.status_path:
            return [*problems, self.env._(
                "Statuses: say which Odoo field is the stage, and where the external status stands.")]
        if self.status_field in self.rule_ids.filtered(
                lambda rule: rule.active and rule.owner != "nobody" and rule.kind != "check").mapped("odoo_path"):
            problems.append(self.env._(
                "Statuses: the stage is written by a field rule as well. Remove that rule: it would pass by the business "
                "actions."))
        if self.status_send_ids and self.direction not in ("export", "both"):
            problems.append(self.env._(
                "Statuses are sent back, but this flow does not export. Make it Two-way, or remove these rules."))
        target = self.status_send_path or self.status_path
        if self.status_send_ids and not paths.is_assignable(target):
            problems.append(self.env._(
                "Statuses: nothing can be written at “%(path)s”. Give a plain path under Written At.", path=target))
        return problems + rules._problems()
