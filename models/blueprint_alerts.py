from odoo import api, models
from odoo.exceptions import UserError

from ..core.blueprints import domain_text
from .blueprint import located

SECTIONS = {"alert_channels": "integration.notice.channel", "alerts": "integration.notice.rule"}
CHANNELS = {"channels": "channel_ids", "escalate_channels": "escalate_channel_ids"}


class IntegrationBlueprint(models.AbstractModel):
    """Business alerts and their channels in blueprints. Addresses of webhooks, people and rooms are this database's own."""

    _inherit = "integration.blueprint"

    # -- importing -----------------------------------------------------------------------------------------

    @api.model
    def _apply_valid(self, data, connection_vals):
        flows = super()._apply_valid(data, connection_vals)
        for number, vals in enumerate(data.get("alert_channels", [])):
            with located(f"alert_channels/{number}"):
                self._apply_alert_channel(vals)
        for number, vals in enumerate(data.get("alerts", [])):
            with located(f"alerts/{number}"):
                self._apply_alert(vals)
        return flows

    def _apply_alert_channel(self, vals):
        values = self._field_values("integration.notice.channel", "alert_channels", vals)
        known = self.env["integration.notice.channel"].with_context(active_test=False).search([("code", "=", vals["code"])])
        if not known and vals["kind"] in ("mail", "activity") and not (vals.get("user_path") or vals.get("email_to")):
            values["user_id"] = self.env.uid  # somebody has to be told
        return self._upsert("integration.notice.channel", [("code", "=", vals["code"])], values)

    def _apply_alert(self, vals):
        values = {name: value for name, value in vals.items() if name not in ("model", *CHANNELS)}
        if isinstance(values.get("domain"), list):
            values["domain"] = domain_text(values["domain"])
        values["model_id"] = self._model_id(vals["model"])
        known = self.env["integration.notice.rule"].with_context(active_test=False).search([("code", "=", vals["code"])])
        for name, field in CHANNELS.items():
            if name in vals:
                wanted = self._named_channels(vals[name])
                if wanted != known[field]:
                    values[field] = [(6, 0, wanted.ids)]
        return self._upsert("integration.notice.rule", [("code", "=", vals["code"])], values)

    def _named_channels(self, codes):
        found = self.env["integration.notice.channel"].search([("code", "in", codes)])
        missing = set(codes) - set(found.mapped("code"))
        if missing:
            raise UserError(self.env._("There is no alert channel '%(code)s'.", code=min(missing)))
        return found

    # -- exporting and comparing ---------------------------------------------------------------------------

    def _more_sections(self):
        return {**super()._more_sections(), **SECTIONS}

    def _normal_defaults(self):
        defaults = super()._normal_defaults()
        defaults["alerts"].update(domain="[]")
        defaults["alerts"].pop("title", None)
        return defaults

    @api.model
    def _export(self, flows, *, alerts=None, name=None, description=None):
        """Also these business alerts (``integration.notice.rule``) and the channels that they use."""
        alerts = alerts or self.env["integration.notice.rule"]
        data, notes = super()._export(flows, name=name or flows[:1].name or alerts[:1].name, description=description)
        if not alerts:
            return data, notes
        alerts.check_access("read")
        channels = alerts.channel_ids | alerts.escalate_channel_ids
        self._give_codes(alerts, channels)
        models_needed = {self.env[alert.model_name]._original_module for alert in alerts if alert.model_name in self.env}
        needed = {*data.get("requires", ()), *models_needed} - set(self._own_apps())
        needed = sorted(needed - self._brought_along(needed))
        return self._normal({**data, "requires": needed, **self._alert_sections(alerts, channels, notes)}), notes

    def _alert_sections(self, alerts, channels, notes):
        left_out = channels.filtered(lambda channel: channel.kind == "discuss")
        notes += [self.env._(
            "Alert channel %(channel)s is a room of this database's Discuss, and is left out.", channel=channel.name)
            for channel in left_out]
        kept = channels - left_out
        return {
            "alert_channels": [self._plain_entry(channel, "alert_channels") for channel in kept],
            "alerts": [self._alert_entry(alert.with_context(lang=None), left_out) for alert in alerts],
        }

    def _alert_entry(self, alert, left_out):
        entry = self._plain_entry(alert, "alerts")
        entry["model"] = alert.model_name
        for name, field in CHANNELS.items():
            entry[name] = sorted((alert[field] - left_out).mapped("code"))
        return entry

    def _present_more(self, data):
        found = {}
        for section, model_name in SECTIONS.items():
            codes = [entry["code"] for entry in data.get(section, ())]
            found[section] = self.env[model_name].with_context(active_test=False).search([("code", "in", codes)])
        told_in = found["alerts"].channel_ids | found["alerts"].escalate_channel_ids
        left_out = told_in.filtered(lambda channel: not channel.code)
        return {
            **super()._present_more(data),
            "alert_channels": [self._plain_entry(channel, "alert_channels") for channel in found["alert_channels"]],
            "alerts": [self._alert_entry(alert.with_context(lang=None), left_out) for alert in found["alerts"]],
        }


class IntegrationNoticeRule(models.Model):
    _inherit = "integration.notice.rule"

    def action_export_blueprint(self):
        """Offer these alerts with their channels as one file."""
        return self.env["integration.blueprint.export"]._open_for(self.env["integration.flow"], alerts=self)
