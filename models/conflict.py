from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import conflicts

SIDES = [("odoo", "Odoo"), ("external", "The Other System")]
# What a decision is called as a bulk action.
BULK = {"odoo": "keep_odoo", "external": "take_external"}


class IntegrationConflict(models.Model):
    """One field of one record that both sides have changed, until a person has chosen.

    Written by the engine in bulk; see ``engine/conflicts.py``. A row stands for the values that it shows: when one of
    them moves, another row takes its place. So whoever decides about an id decides about what he has seen.
    """

    _name = "integration.conflict"
    _inherit = ["integration.decision.mixin"]
    _description = "Integration Conflict"
    _order = "id desc"
    _log_access = False

    sync_id = fields.Many2one("integration.sync", string="Record", required=True, readonly=True, ondelete="cascade")
    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade", index=True)
    connection_id = fields.Many2one(related="flow_id.connection_id")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    rule_id = fields.Many2one(
        "integration.field.rule", readonly=True, ondelete="cascade", index="btree_not_null", string="Field Rule")
    code = fields.Char(required=True, readonly=True)
    group_key = fields.Char(readonly=True, help="Fields that move together are decided together.")
    label = fields.Char(string="Field", readonly=True)
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    shown = fields.Json(readonly=True, groups=fields.NO_ACCESS, help="The values; people see them in their own form.")
    agreed_text = fields.Char(string="Last Agreed", compute="_compute_texts")
    odoo_text = fields.Char(string="Odoo Now", compute="_compute_texts")
    external_text = fields.Char(string="Other System Now", compute="_compute_texts")
    odoo_at = fields.Datetime(string="Changed in Odoo", readonly=True)
    odoo_by_id = fields.Many2one(
        "res.users", string="Changed By", readonly=True, ondelete="set null", index="btree_not_null")
    external_at = fields.Datetime(string="Changed There", readonly=True)
    create_date = fields.Datetime(string="Since", readonly=True)
    decision = fields.Selection(
        SIDES, readonly=True, string="Decided For", help="Decided, and carried out in the background.")
    decided_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    decided_at = fields.Datetime(readonly=True)
    external_url = fields.Char(related="sync_id.external_url")

    _field_unique = models.UniqueIndex("(sync_id, code)", "This field of the record is in the list already.")
    _decided_index = models.Index("(id) WHERE decision IS NOT NULL")
    _rule_index = models.Index("(flow_id, code)")

    def init(self):
        """Conflicts that were there before this list was: they get their rows with the next look at their records."""
        self.env.cr.execute(
            """INSERT INTO integration_conflict (sync_id, flow_id, company_id, rule_id, code, label, model, res_id, shown,
                   external_at, create_date)
               SELECT s.id, s.flow_id, s.company_id, r.id, c.key, c.key, s.model, s.res_id, c.value, s.external_updated_at,
                   now() AT TIME ZONE 'UTC'
               FROM integration_sync s CROSS JOIN LATERAL jsonb_each(s.conflicts) AS c
               LEFT JOIN integration_field_rule r ON r.flow_id = s.flow_id AND r.code = c.key AND r.parent_id IS NULL
               WHERE s.state = 'conflict' AND jsonb_typeof(s.conflicts) = 'object'
               ON CONFLICT DO NOTHING""")

    @api.depends("label", "sync_id")
    def _compute_display_name(self):
        for conflict in self:
            conflict.display_name = f"{conflict.sync_id.display_name}: {conflict.label or conflict.code}"

    @api.depends_context("lang", "tz", "uid")
    @api.depends("shown", "rule_id")
    def _compute_texts(self):
        hidden = self - self._readable()
        for rule, rows in self.grouped("rule_id").items():
            for row in rows:
                values = row.sudo().shown or {}
                if row in hidden:
                    row.agreed_text = row.odoo_text = row.external_text = "•••"
                    continue
                texts = rule.sudo()._conflict_texts(values)
                row.agreed_text, row.odoo_text, row.external_text = texts

    def _readable(self):
        """Those whose values the user may see: he can read the record and the field."""
        readable = self.browse()
        for model_name, rows in self.grouped("model").items():
            if model_name not in self.env:
                continue
            # One that is gone cannot be asked for rights any more: its values stay hidden, and its row stays in the list.
            records = self.env[model_name].browse({res_id for res_id in rows.mapped("res_id") if res_id}).exists()
            if not records.has_access("read"):
                records = records._filtered_access("read")
            allowed = set(records.ids)
            for rule, of_rule in rows.grouped("rule_id").items():
                field = records._fields.get((rule.sudo().odoo_path or "").split(".")[0])
                if field is None or records._has_field_access(field, "read"):
                    readable += of_rule.filtered(lambda row, allowed=allowed: not row.res_id or row.res_id in allowed)
        return readable

    # -- who may -------------------------------------------------------------------------------------------

    def _check_may_decide(self):
        """A decision changes the business record, or what the other system holds of it: it asks for the right to write
        that record."""
        self._check_group(self.env._("You need the right 'Integrations: User' to decide conflicts."))
        refused = self - self._writable()
        if refused:
            raise AccessError(self.env._(
                "You may not change %(name)s, so you cannot decide what it shall hold. Ask somebody who may.",
                name=refused[0].sync_id.display_name))

    def _writable(self):
        """Those whose business record the user may write."""
        writable = self.browse()
        for model_name, rows in self.grouped("model").items():
            if model_name not in self.env:
                continue
            records = self.env[model_name].browse({res_id for res_id in rows.mapped("res_id") if res_id})
            # Of a record that is gone nobody decides: whoever tries is told that it has moved on.
            allowed = set(records.ids) - set(records.exists().ids)
            allowed.update((records if self.env.su else records.exists()._filtered_access("write")).ids)
            writable += rows.filtered(lambda row, allowed=allowed: row.res_id in allowed)
        return writable

    # -- buttons -------------------------------------------------------------------------------------------

    def action_keep_odoo(self):
        """Odoo's value stands and is sent."""
        return self._decide("odoo")

    def action_take_external(self):
        """The other system's value stands and is written to Odoo."""
        return self._decide("external")

    def action_decide(self):
        """Choose a side, and whether it shall always be this one."""
        return {
            "type": "ir.actions.act_window", "name": self.env._("Decide"), "res_model": "integration.conflict.decide",
            "view_mode": "form", "target": "new",
            # The list says which filter is set; a single row has none.
            "context": {"default_shown_ids": self.ids, "default_matching_domain": self.env.context.get("active_domain")},
        }

    def action_open_sync(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "res_model": "integration.sync", "res_id": self.sync_id.id,
            "view_mode": "form", "views": [(False, "form")],
        }

    # -- deciding ------------------------------------------------------------------------------------------

    def _decide(self, side):
        """Decide these conflicts for one side: a few records at once, with their outcome; more in the background.

        :param side: 'odoo' or 'external'
        """
        found = self.exists()
        gone = len(self) - len(found)
        if not found:
            raise UserError(self.env._(
                "These values are not what both sides hold any more: somebody has decided already, or one side has moved "
                "on. Nothing was overwritten. Load the list anew and look again."))
        if progress := found._bulk_if_many(BULK[side]):
            return progress
        found._check_may_decide()
        found = found._with_groups()
        if not found._is_few():
            found._mark(side)
            return found._told_queued(len(found), gone)
        return found._decide_now(side, gone)

    def _with_groups(self):
        """These, and the fields that move together with them."""
        keyed = self.filtered("group_key")
        if not keyed:
            return self
        keys = {(row.sync_id, row.group_key) for row in keyed}
        return self | self.search([("sync_id", "in", keyed.sync_id.ids), ("group_key", "!=", False)]).filtered(
            lambda row: (row.sync_id, row.group_key) in keys)

    def _mark(self, side):
        self.env.flush_all()
        conflicts.mark(self.env.cr, self.ids, side, self.env.uid, fields.Datetime.now())
        self.invalidate_model(["decision", "decided_by_id", "decided_at"], flush=False)
        self.env.ref("integration_flow.cron_conflicts").sudo()._trigger()

    def _told_queued(self, count, gone=0):
        message = self.env._("%(count)s fields are decided. They are carried out in the background.", count=count)
        if gone:
            message += " " + self.env._("%(count)s others had changed meanwhile and are still open.", count=gone)
        return self._notify("warning" if gone else "info", message, sticky=bool(gone))

    def _decide_now(self, side, gone=0):
        """Carry out the decision in a transaction of the engine's own and say what came of it."""
        self._check_running()
        fields_of = {sync.id: rows.mapped("label") for sync, rows in self.grouped("sync_id").items()}
        wanted = {(row.sync_id.id, row.code) for row in self}
        ids, outcomes = self.ids, []
        answers = self._process_now(lambda queued: outcomes.append(conflicts.carry_out(queued.env, ids, side)))
        outcome = outcomes[-1]
        # In conflict again: the other side had moved on, which the record was read for.
        again = self.sudo().search([("sync_id", "in", list(outcome.decided))]).filtered(
            lambda row: (row.sync_id.id, row.code) in wanted)
        moved = dict(outcome.moved)
        for row in again:
            moved.setdefault(row.sync_id.id, []).append(row.label or row.code)
        return self._told_now(answers, outcome, moved, fields_of, gone)

    def _told_now(self, answers, outcome, moved, fields_of, gone):
        lines, kind = [], "success"
        for answer in answers:
            sync_id, name = answer["id"], answer["name"]
            if sync_id in moved:
                kind = "warning"
                lines.append(self.env._(
                    "%(name)s, %(fields)s: the values changed meanwhile, so nothing was overwritten. Look at them again.",
                    name=name, fields=", ".join(dict.fromkeys(moved[sync_id]))))
            elif sync_id in outcome.busy or sync_id not in outcome.decided:
                kind = "warning"
                lines.append(self.env._("%(name)s is being worked on just now. Try again in a moment.", name=name))
            elif failure := self._failure_text(answer):
                kind = "danger"
                lines.append(failure)
            else:
                lines.append(self.env._(
                    "%(name)s: %(fields)s decided.", name=name, fields=", ".join(filter(None, fields_of[sync_id]))))
        if gone:
            kind = "warning" if kind == "success" else kind
            lines.append(self.env._("%(count)s others had changed meanwhile and are still open.", count=gone))
        return self._notify(kind, "\n".join(lines), sticky=kind != "success")

    # -- for the engine ------------------------------------------------------------------------------------

    @api.model
    def _cron_carry_out(self):
        """Entry point of the background job: see ``engine/conflicts.py``."""
        conflicts.run_jobs(self.env)
