from odoo import Command, models
from odoo.exceptions import UserError

from ..core import statuses
from .status_rule import WRITE

# Names of a blueprint's statuses and the fields of the flow.
FLOW_NAMES = {
    "field": "status_field", "path": "status_path", "send_path": "status_send_path", "as_number": "status_as_number",
    "ignore_late": "status_ignore_late", "chain": "status_chain"}


class IntegrationBlueprint(models.AbstractModel):
    """Statuses of flows in blueprints. Server actions belong to one database and are no part of them."""

    _inherit = "integration.blueprint"

    def _apply_flow(self, vals, connections, resources):
        vals = dict(vals)
        told = vals.pop("statuses", None)
        flow = super()._apply_flow(vals, connections, resources)
        if told is not None:
            self._apply_statuses(flow, told)
        return flow

    def _apply_statuses(self, flow, told):
        given = {field: told[name] for name, field in FLOW_NAMES.items() if name in told}
        given = dict(self._defaults("integration.flow", FLOW_NAMES.values(), given), **given)
        if flow.status_field and flow.status_field != given["status_field"]:
            (flow.status_rule_ids | flow.status_send_ids).unlink()
        self._write_changed(flow, given)
        wanted = []
        for number, rule in enumerate(told.get("rules", ())):
            wanted.append(self._status_vals(flow, rule, 10 * (number + 1)))
        wanted += [{
            "side": "out", "external_status": status, "stage_id": self._status_stage(flow, stage), "effect": "stage"}
            for stage, status in told.get("sends", {}).items()]
        known = {self._status_key(rule): rule for rule in flow.status_rule_ids | flow.status_send_ids}
        kept = {key for vals in wanted if (key := self._status_key(self._as_rule(flow, vals))) in known}
        covered = {status for vals in wanted if vals["side"] == "in" for status in _cleaned(vals["external_status"])}
        for key, rule in known.items():  # first what is gone: a status may have moved to another rule
            if key not in kept and (rule.effect != "open" or covered & set(rule._statuses())):
                rule.unlink()
        for vals in wanted:
            key = self._status_key(self._as_rule(flow, vals))
            if key in kept:
                known[key].write(vals)
            else:
                self.env["integration.status.rule"].create(dict(vals, flow_id=flow.id))

    def _normal_defaults(self):
        given = self.env["integration.flow"].default_get(list(FLOW_NAMES.values()))
        return {**super()._normal_defaults(), "statuses": {
            name: given.get(field, False) for name, field in FLOW_NAMES.items()}}

    def _flow_entry(self, flow, notes):
        entry = super()._flow_entry(flow, notes)
        if flow.status_field:
            entry["statuses"] = self._statuses_entry(flow, notes)
        return entry

    def _statuses_entry(self, flow, notes):
        told = {name: flow[field] for name, field in FLOW_NAMES.items()}
        told["rules"] = []
        for rule in flow.status_rule_ids.sorted("sequence"):
            if rule.effect == "open":
                continue  # collected, and nobody has decided yet
            if rule.server_action_id:
                notes.append(self.env._(
                    "Status rule %(rule)s runs a server action of this database, and is left out.", rule=rule.display_name))
                continue
            each = {"status": rule.external_status, "step": rule.sequence}
            if rule.stage_id:
                each["stage"] = self._stage_name(flow, rule.stage_id)
            if rule.from_stage_ids:
                each["from"] = [self._stage_name(flow, stage) for stage in rule.from_stage_ids]
            if rule.action and rule.action != WRITE:
                each["action"] = rule.action.partition(":")[2]
            told["rules"].append(each)
        told["sends"] = {
            self._stage_name(flow, rule.stage_id): rule.external_status
            for rule in flow.status_send_ids if rule.effect != "open" and rule.external_status and rule.stage_id}
        return told

    def _stage_name(self, flow, stage):
        """A stage as every database knows it: the value of the selection, the record's identifier, else its name."""
        field = self.env[flow.model_name]._fields[flow.status_field]
        if not field.comodel_name:
            return stage.value
        record = self.env[field.comodel_name].browse(int(stage.value)).exists()
        identifier = record.sudo().get_external_id().get(record.id) if record else ""
        return identifier if identifier and not identifier.startswith("__export__.") else stage.name

    def _as_rule(self, flow, vals):
        return self.env["integration.status.rule"].new(dict(vals, flow_id=flow.id))

    @staticmethod
    def _status_key(rule):
        """By what a rule is recognised: what comes by its statuses, what is sent by its stage."""
        if rule.side == "out":
            return "out", rule.stage_id.value
        return "in", frozenset(_cleaned(rule.external_status))

    def _status_vals(self, flow, rule, step):
        status = rule["status"] if isinstance(rule["status"], str) else ", ".join(rule["status"])
        action = rule.get("action")
        return {
            "side": "in", "external_status": status, "sequence": rule.get("step", step),
            "effect": "stage" if rule.get("stage") or action else "none",
            "stage_id": self._status_stage(flow, rule["stage"]) if rule.get("stage") else False,
            "from_stage_ids": [Command.set([self._status_stage(flow, stage) for stage in rule.get("from", ())])],
            "action": f"{flow.model_name}:{action}" if action else WRITE, "server_action_id": False}

    def _status_stage(self, flow, name):
        """The stage of a flow by its value, by the external identifier of its record, or by its name."""
        by_value = {stage.value: stage.id for stage in flow.status_stage_ids if not stage.is_gone}
        record = self.env.ref(name, raise_if_not_found=False) if "." in name else None
        value = str(record.id) if record else name
        found = [by_value[value]] if value in by_value else [
            stage.id for stage in flow.status_stage_ids if stage.name == name and not stage.is_gone]
        if not found:
            raise UserError(self.env._(
                "Flow %(flow)s: the blueprint names the stage '%(stage)s', which %(model)s has not in this database.",
                flow=flow.name, stage=name, model=flow.model_id.name))
        return found[0]


def _cleaned(text):
    return [statuses.clean(status) for status in statuses.split(text)]
