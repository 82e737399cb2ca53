from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..engine import why_not

MANAGER_GROUP = "integration_flow.group_integration_manager"
# Mark, its meaning for those who do not see it, and its colour.
MARKS = {True: ("✓", "text-success"), False: ("✗", "text-danger"), None: ("–", "text-muted")}


class IntegrationWhyNot(models.TransientModel):
    """Why is this record not synchronised? For a sync record, a business record in all its flows, or an external ID that a
    manager enters on a flow: gate by gate, as ``engine/why_not.py`` finds it."""

    _name = "integration.why.not"
    _description = "Why Is a Record Not Synchronised?"

    sync_id = fields.Many2one("integration.sync", readonly=True, ondelete="cascade", index="btree_not_null")
    flow_id = fields.Many2one("integration.flow", readonly=True, ondelete="cascade", index="btree_not_null")
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)
    external_id = fields.Char(string="External ID", help="The identifier of the record in the other system.")
    # Made by us alone, of escaped texts.
    result = fields.Html(compute="_compute_result", sanitize=False)

    @api.depends("sync_id", "flow_id", "res_model", "res_id", "external_id")
    def _compute_result(self):
        for wizard in self:
            verdicts = wizard._verdicts()
            wizard.result = Markup().join(
                wizard._flow_html(flow, verdict) for flow, verdict in verdicts) if verdicts else (
                Markup("<p class='o_integration_no_flow'>%s</p>") % (
                    self.env._("Enter the identifier of a record in the other system.") if wizard.flow_id else
                    self.env._("No flow synchronises records of this kind.")))

    def _verdicts(self):
        """``[(flow, verdict)]`` of all flows that are asked."""
        self.ensure_one()
        now = fields.Datetime.now()
        if self.sync_id:
            self.sync_id.check_access("read")
            sync = self.sync_id.sudo()
            return [(sync.flow_id, why_not.evaluate(
                sync.flow_id, res_id=sync.res_id, external_id=sync.external_id, now=now))]
        if self.flow_id:
            if not (self.env.su or self.env.user.has_group(MANAGER_GROUP)):
                raise AccessError(self.env._("Only an integration manager may ask by external IDs."))
            self.flow_id.check_access("read")
            external_id = (self.external_id or "").strip()
            if not external_id:
                return []
            return [(self.flow_id.sudo(), why_not.evaluate(self.flow_id.sudo(), external_id=external_id, now=now))]
        if not self.res_id or self.res_model not in self.env:
            return []
        self.env[self.res_model].browse(self.res_id).check_access("read")
        flows = self.env["integration.flow"].search([
            ("model_name", "=", self.res_model), ("direction", "in", ("import", "export", "both"))])
        return [(flow, why_not.evaluate(flow, res_id=self.res_id, now=now)) for flow in flows.sudo()]

    def _flow_html(self, flow, verdict):
        return Markup(
            "<section class='o_integration_why_not_flow mb-3'><h3 class='h5'>%s</h3>"
            "<p class='o_integration_why_not_summary fw-bold'>%s</p><ul class='list-unstyled mb-0'>%s</ul></section>") % (
            self.env._("%(flow)s (%(system)s)", flow=flow.name, system=flow.connection_id.name), verdict.summary,
            Markup().join(self._gate_html(gate) for gate in verdict.gates))

    def _gate_html(self, gate):
        mark, colour = MARKS[gate.ok]
        meaning = {
            True: self.env._("Passed"), False: self.env._("Stops here"), None: self.env._("Does not apply"),
        }[gate.ok]
        return Markup(
            "<li class='o_integration_gate d-flex gap-2 py-1' data-gate='%s' data-ok='%s'>"
            "<span class='%s fw-bold' role='img' aria-label='%s' title='%s'>%s</span>"
            "<div><span class='%s'>%s</span>%s%s</div></li>") % (
            gate.code, {True: "yes", False: "no", None: "na"}[gate.ok], colour, meaning, meaning, mark,
            "fw-bold" if gate.ok is False else "text-muted" if gate.ok is None else "", gate.title,
            Markup("<div class='small'>%s</div>") % gate.text if gate.text else "",
            Markup("<div class='small fst-italic'>%s</div>") % gate.todo if gate.todo else "")
