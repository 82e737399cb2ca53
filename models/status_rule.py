from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..core import statuses
from ..core.statuses import StatusRule
from ..engine.status_actions import ACTIONS
from ..engine.status_plan import Runner
from ..engine.statuses import key_of
from .selections import SECRETS_GROUP

WRITE, SERVER = "write", "server"
# Stands for all stages in the diagram; no stage has this value.
ANY = "*"
# What people have to have changed so that records which failed by a status may succeed.
RELEASING = {"external_status", "effect", "stage_id", "from_stage_ids", "action", "server_action_id", "sequence"}


class IntegrationStatusRule(models.Model):
    """External status and Odoo stage: from there, to which stage a status leads, from which stages that is allowed and
    which business action gets there; to there, which status tells the other system of a stage."""

    _name = "integration.status.rule"
    _description = "Integration Status Rule"
    _order = "flow_id, side, sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="flow_id.company_id")
    side = fields.Selection([
        ("in", "From There"), ("out", "To There"),
    ], required=True, default="in")
    sequence = fields.Integer(
        string="Step", default=10,
        help="Where on its way the record is. A status of a lower step than the known one comes late. Equal steps may "
             "follow each other in both directions.")
    external_status = fields.Char(
        required=True, help="As the other system writes it. Several that mean the same are separated by commas.")
    effect = fields.Selection([
        ("stage", "Moves the Record"), ("none", "Changes Nothing"), ("open", "Not Decided Yet"),
    ], required=True, default="stage", string="What It Does")
    stage_id = fields.Many2one(
        "integration.status.stage", string="Odoo Stage", ondelete="cascade", index="btree_not_null",
        domain="[('flow_id', '=', flow_id)]")
    from_stage_ids = fields.Many2many(
        "integration.status.stage", "integration_status_rule_from_rel", "rule_id", "stage_id", string="Allowed From",
        domain="[('flow_id', '=', flow_id)]", help="Only from these stages. Empty: from any.")
    action = fields.Selection(
        selection="_selection_action", default=WRITE, string="By", help="Which business action brings the record there.")
    possible_actions = fields.Json(compute="_compute_possible_actions")
    server_action_id = fields.Many2one(
        "ir.actions.server", ondelete="restrict", index="btree_not_null",
        help="Only a technical administrator may choose it. It runs with the rights of the user of the flow.")

    _one_collected = models.UniqueIndex(
        "(flow_id, side, external_status) WHERE effect = 'open'", "This status waits to be decided already.")
    _sent_once = models.UniqueIndex(
        "(flow_id, stage_id) WHERE side = 'out'", "What is sent at this stage is said already.")

    # -- actions -------------------------------------------------------------------------------------------

    @api.model
    def _status_actions(self):
        """The guarded list: ``{model: {name: StatusAction}}``. Other addons add theirs to the result of ``super``."""
        return {model: dict(actions) for model, actions in ACTIONS.items()}

    @api.model
    def _selection_action(self):
        return [
            (WRITE, self.env._("Setting the Stage")), (SERVER, self.env._("A Server Action")),
            *((f"{model}:{name}", action.text(self.env))
              for model, actions in self._status_actions().items() if model in self.env
              for name, action in actions.items()),
        ]

    @api.depends("flow_id.model_name")
    def _compute_possible_actions(self):
        actions = self._status_actions()
        allowed = self.env.su or self.env.user.has_group(SECRETS_GROUP)
        for rule in self:
            model = rule.flow_id.model_name
            rule.possible_actions = [
                WRITE, *([SERVER] if allowed else []), *(f"{model}:{name}" for name in actions.get(model, ()))]

    def _status_action(self):
        """The chosen entry of the guarded list, or None."""
        self.ensure_one()
        model, _colon, name = (self.action or "").partition(":")
        return self._status_actions().get(model, {}).get(name) if model == self.flow_id.model_name else None

    # -- life cycle ----------------------------------------------------------------------------------------

    def _check_server_action(self, vals):
        if (vals.get("server_action_id") or vals.get("action") == SERVER) \
                and not (self.env.su or self.env.user.has_group(SECRETS_GROUP)):
            raise AccessError(self.env._("Only a technical administrator of integrations may choose server actions."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_server_action(vals)
            if vals.get("side", "in") == "in" and vals.get("effect") != "open":
                self._replace_collected(vals.get("flow_id"), vals.get("external_status"))
        rules = super().create(vals_list)
        rules.flow_id._configuration_changed()
        rules._release_waiting()
        return rules

    def write(self, vals):
        self._check_server_action(vals)
        if vals.get("external_status"):
            for rule in self.filtered(lambda rule: rule.side == "in" and rule.effect != "open"):
                self._replace_collected(rule.flow_id.id, vals["external_status"])
        result = super().write(vals)
        self.flow_id._configuration_changed()
        if RELEASING & vals.keys():
            self._release_waiting()
        return result

    def _replace_collected(self, flow_id, text):
        """A rule that somebody writes decides what was collected: the open rules of its statuses go."""
        told = {statuses.clean(status) for status in statuses.split(text)}
        opened = self.search([("flow_id", "=", flow_id), ("side", "=", "in"), ("effect", "=", "open")])
        (opened - self).filtered(lambda rule: told & set(rule._statuses())).unlink()

    def unlink(self):
        flows = self.flow_id
        result = super().unlink()
        flows._configuration_changed()
        return result

    @api.depends("external_status", "stage_id.name", "side")
    def _compute_display_name(self):
        for rule in self:
            stage = rule.stage_id.name or "–"
            pair = (rule.external_status, stage) if rule.side == "in" else (stage, rule.external_status)
            rule.display_name = f"{pair[0]} → {pair[1]}"

    @api.constrains("external_status", "flow_id", "side")
    def _check_statuses(self):
        for flow in self.flow_id:
            seen = {}
            for rule in flow.status_rule_ids:
                if not rule._statuses():
                    raise ValidationError(self.env._("Flow %(flow)s: a status rule needs a status.", flow=flow.name))
                for status in rule._statuses():
                    if status in seen:
                        raise ValidationError(self.env._(
                            "Flow %(flow)s: two rules say what the status “%(status)s” does: %(first)s and %(second)s. "
                            "Leave it in one of them.", flow=flow.name, status=status, first=seen[status].display_name,
                            second=rule.display_name))
                    seen[status] = rule

    @api.constrains("stage_id", "from_stage_ids", "flow_id")
    def _check_stages(self):
        for rule in self:
            if (rule.stage_id | rule.from_stage_ids).flow_id - rule.flow_id:
                raise ValidationError(self.env._(
                    "Status rule %(rule)s: choose stages of its own flow.", rule=rule.display_name))

    @api.constrains("server_action_id", "flow_id")
    def _check_server_action_model(self):
        for rule in self:
            action = rule.server_action_id.sudo()
            if action and action.model_id != rule.flow_id.model_id:
                raise ValidationError(self.env._(
                    "Status rule %(rule)s: the server action %(action)s is not made for the records of this flow.",
                    rule=rule.display_name, action=action.name))

    # -- fix once, release all -----------------------------------------------------------------------------

    def _release_waiting(self):
        """What failed by a status of these rules is tried again."""
        keys = [
            key_of(rule.flow_id.id, status) for rule in self if rule.side == "in" and rule.effect != "open"
            for status in rule._statuses()]
        self.env["integration.issue"]._release(keys, self.env._("The status rules were changed"), "mapped")

    @api.model
    def _collect(self, flow_id, values):
        """Remember statuses that no rule knows, as open rules. ``values``: as the other system writes them."""
        for value in sorted(set(values)):
            self.env.cr.execute(
                """INSERT INTO integration_status_rule (flow_id, side, sequence, external_status, effect, action,
                       create_date, write_date)
                   SELECT %(flow)s, 'in', 10, %(value)s, 'open', 'write', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                   WHERE NOT EXISTS (SELECT 1 FROM integration_status_rule
                                     WHERE flow_id = %(flow)s AND side = 'in' AND external_status = %(value)s)
                   ON CONFLICT DO NOTHING""", {"flow": flow_id, "value": value})

    # -- for the engine ------------------------------------------------------------------------------------

    def _statuses(self):
        """The statuses of this rule in the form in which they are compared."""
        self.ensure_one()
        return [statuses.clean(status) for status in statuses.split(self.external_status)]

    def _rule(self):
        """As ``core/statuses.py`` decides by it."""
        self.ensure_one()
        moves = self.effect == "stage"
        action = self._status_action() if moves else None
        return StatusRule(
            id=self.id, statuses=frozenset(self._statuses()),
            stage=self.stage_id._value() if moves and self.stage_id else None,
            allowed=frozenset(stage._value() for stage in self.from_stage_ids) if moves else frozenset(),
            step=self.sequence,
            acts=moves and (bool(action and action.done) or not self.stage_id and self.action != WRITE))

    def _runner(self, env):
        """How this rule is carried out, in the environment of its flow's user."""
        self.ensure_one()
        action = self._status_action()
        if action is not None:
            return Runner(action.run, action.many, action.done)
        if self.action == SERVER and self.server_action_id:
            server_action = env["ir.actions.server"].browse(self.server_action_id.id)
            return Runner(lambda records: server_action.with_context(
                active_model=records._name, active_ids=records.ids, active_id=records[:1].id).run())
        if self.action == WRITE and self.stage_id:
            vals = {self.flow_id.status_field: self.stage_id._value()}
            return Runner(lambda records: records.write(vals))
        message = self.env._("the action of the status rule %(rule)s does not exist (any more).", rule=self.display_name)

        def refuse(_records):
            raise UserError(message)
        return Runner(refuse)

    # -- the diagram ---------------------------------------------------------------------------------------

    def _arrows(self):
        """What this rule does, as arrows of the diagram: one from each stage that it is allowed from."""
        self.ensure_one()
        label = self.external_status or ""
        if self.action == SERVER:
            label = f"{label}: {self.server_action_id.sudo().name or ''}"
        elif self.action and self.action != WRITE:
            label = f"{label}: {dict(self._fields['action']._description_selection(self.env)).get(self.action, '')}"
        sources = self.from_stage_ids.mapped("value") or [ANY]
        return [
            {"source": source, "target": self.stage_id.value or source, "label": label, "kind": "import"}
            for source in sources]

    # -- readiness -----------------------------------------------------------------------------------------

    def _problems(self):
        """Sentences that say what keeps these rules from working; see ``integration.flow._problems``."""
        problems = []
        for rule in self:
            name = rule.display_name
            if (rule.stage_id | rule.from_stage_ids).filtered("is_gone"):
                problems.append(self.env._(
                    "Status rule %(rule)s: Odoo does not know one of its stages any more. Choose another one.", rule=name))
            if rule.side == "out":
                if not rule.stage_id:
                    problems.append(self.env._(
                        "Status rule %(rule)s: choose the stage at which the status is sent.", rule=name))
                continue
            if rule.effect != "stage":
                continue
            if rule.action == SERVER:
                if not rule.server_action_id:
                    problems.append(self.env._("Status rule %(rule)s: choose the server action.", rule=name))
            elif rule.action != WRITE and rule._status_action() is None:
                problems.append(self.env._(
                    "Status rule %(rule)s: its action is not among those that these records offer.", rule=name))
            elif not rule.stage_id and (rule.action or WRITE) == WRITE:
                problems.append(self.env._(
                    "Status rule %(rule)s: choose the stage to which the status leads, or Changes Nothing.", rule=name))
        return problems
