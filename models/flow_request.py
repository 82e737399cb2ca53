from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine import requesting
from ..engine.pressed import RUN_NOW_LIMIT, process_now
from ..engine.rows import RUNNING_STATES

USER_GROUP = "integration_flow.group_integration_user"


class IntegrationFlow(models.Model):
    """Requests: somebody asks the other system about a record, and the answer fills that record. Rates, labels, tracking,
    address checks. Rules that export say what is sent, rules that import what is taken from the answer."""

    _inherit = "integration.flow"

    direction = fields.Selection(
        selection_add=[("request", "Request")], ondelete={"request": "cascade"},
        help="Request: nothing is exchanged until somebody asks (a button, a schedule, an automation). The answer fills the "
             "record that was asked about.")
    request_step_ids = fields.One2many("integration.request.step", "flow_id", string="Calls", copy=True)
    request_effect = fields.Selection([
        ("none", "Nothing: It Only Asks"),
        ("create", "Something Is Made There"),
        ("end", "What Was Made Ends"),
        ("tell", "Nothing: The Answer Goes to Whoever Asked"),
    ], default="none", required=True, string="Effect",
        help="Something is made (a label, a booking): its ID is linked, it is made once, and an answer that was lost is "
             "looked up before the call is made again. It ends (cancel): the link goes, so that a new one can be made. The "
             "answer goes to whoever asked: a part of Odoo asks (the rates of a delivery method), nothing is written to the "
             "record, and there is no button.")
    request_label = fields.Char(string="Button", translate=True, help="For example Create Label. Empty: the flow's name.")
    request_action_id = fields.Many2one(
        "ir.actions.server", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
        help="The entry in the Action menu of the records, in their lists and forms.")

    # -- checks --------------------------------------------------------------------------------------------

    def _problems(self):
        self.ensure_one()
        if self.direction != "request":
            return super()._problems()
        problems = []
        if not self.request_step_ids:
            problems.append(self.env._("Say which call is made: add a line under Calls."))
        if self.request_effect == "end" and not any("{id}" in step.operation_id.path for step in self.request_step_ids):
            problems.append(self.env._("The call that ends something needs its {id} in the path of the operation."))
        drafts = self.request_step_ids.mapped("is_draft")
        if any(drafts) and (self.request_effect != "create" or drafts[-1] or drafts != sorted(drafts, reverse=True)):
            problems.append(self.env._(
                "Only the first calls of a request that makes something can be drafts, and another call has to follow."))
        leaves = self.request_effect not in ("none", "tell") or any(
            step.attach_path or step.post_path or step.operation_id._writes() for step in self.request_step_ids)
        if not leaves and not self.rule_ids.filtered(lambda rule: rule.direction != "export"):
            problems.append(self.env._("The answer fills nothing: add a field rule with the direction Import Only."))
        return problems + self.rule_ids._problems()

    @api.constrains("request_step_ids", "resource_id", "direction")
    def _check_request_steps(self):
        for flow in self:
            for step in flow.request_step_ids:
                for operation in (step.operation_id, step.discard_operation_id):
                    if operation and operation.resource_id.api_name != flow.resource_id.api_name:
                        raise ValidationError(self.env._(
                            "Flow %(flow)s: the call %(call)s belongs to another API than the resource.",
                            flow=flow.name, call=operation.display_name))

    # -- the entry in the Action menu ----------------------------------------------------------------------

    def write(self, vals):
        result = super().write(vals)
        if {"state", "active", "direction", "request_label", "request_effect", "name", "model_id"} & vals.keys():
            self._update_request_action()
        return result

    @api.model_create_multi
    def create(self, vals_list):
        flows = super().create(vals_list)
        flows._update_request_action()
        return flows

    def unlink(self):
        actions = self.request_action_id
        result = super().unlink()
        actions.sudo().unlink()
        return result

    def _update_request_action(self):
        """Running request flows stand in the Action menu of their records; others do not."""
        for flow in self.sudo():
            wanted = flow.active and flow.direction == "request" and flow.state in ("test", "live") \
                and flow.request_effect != "tell"
            action = flow.request_action_id
            if not wanted:
                if action:
                    action.unlink()
                continue
            vals = {
                "name": flow.request_label or flow.name, "model_id": flow.model_id.id, "state": "code",
                "binding_model_id": flow.model_id.id, "binding_view_types": "list,form",
                "group_ids": [(6, 0, self.env.ref(USER_GROUP).ids)],
                "code": f"action = env['integration.flow'].browse({flow.id})._request_records(records)",
            }
            if action:
                action.write(vals)
            else:
                flow.request_action_id = self.env["ir.actions.server"].create(vals)

    # -- asking --------------------------------------------------------------------------------------------

    def _request_records(self, records):
        """Ask about these records. A few are asked about at once and their outcome is shown; more go to the queue.

        :param records: records of the flow's model that the user may read
        :return: action that shows the outcome
        """
        self.ensure_one()
        if not self.env.user.has_group(USER_GROUP):
            raise UserError(self.env._("You need the right 'Integrations: User' to ask the other system."))
        flow = self.sudo()
        records.check_access("read")
        if records._name != flow.model_name:
            raise UserError(self.env._(
                "%(flow)s asks about other records than these.", flow=flow.display_name))
        flow._check_may_request()
        if not records:
            raise UserError(self.env._("Choose at least one record."))
        if len(records) > RUN_NOW_LIMIT:
            flow._request_later(records)
            return flow._notify(self.env._(
                "%(count)s requests were queued. They are made in the background.", count=len(records)))
        return self.env["integration.sync"]._notify_outcomes(flow._request_now(records))

    def _check_may_request(self):
        self._require_running()
        if self.request_effect == "tell":
            raise UserError(self.env._(
                "%(flow)s fills no record: its answer goes to the part of Odoo that asks.", flow=self.display_name))

    def _request_later(self, records):
        """Have these records asked about behind the commit of this transaction, and not if it rolls back. Whether
        somebody may ask is the caller's matter."""
        flow = self.sudo()
        if flow.state not in RUNNING_STATES or flow.request_effect == "tell":
            flow._check_may_request()  # a paused connection delays what is queued, and refuses nothing
        self.env["integration.capture"].sudo()._insert([(flow.id, res_id, "write") for res_id in records.ids])
        flow.connection_id._wake()

    def _request_now(self, records):
        """Ask about these records at once, as they are committed, in transactions of the engine's own. Whether somebody may
        ask is the caller's matter.

        :return: outcomes; see ``process_now``
        :raises UserError: when the flow does not run, or its connection is paused
        """
        flow = self.sudo()
        flow._check_may_request()
        # Their sync records may be new: this transaction cannot see them, so only what is told of them is used.
        outcomes = process_now(self.env, requesting.enter(self.env, flow.id, records.ids))
        self.env.invalidate_all()
        return outcomes

    def _request_plan(self):
        self.ensure_one()
        return requesting.request_plan(self)

    def _open_run(self, trigger, full=False):
        """A run of a request flow asks about every record of its filter."""
        if self.direction == "request":
            self._check_may_request()
            self._capture_all()
        return super()._open_run(trigger, full=full)
