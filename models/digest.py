from datetime import timedelta

from odoo import api, fields, models

LISTED = 20
SETTINGS = "integration_flow.digest_users"
PERIODS = {"daily": timedelta(hours=20), "weekly": timedelta(days=6, hours=20)}


class IntegrationDigest(models.AbstractModel):
    """The digest: what is open, what was resolved, what is silent, by e-mail and only when there is something to say."""

    _name = "integration.digest"
    _description = "Integration Digest"

    @api.model
    def _cron_send(self):
        """Send the digest, when its day has come."""
        parameters = self.env["ir.config_parameter"].sudo()
        period = PERIODS.get(parameters.get_param("integration_flow.digest"))
        now = fields.Datetime.now()
        last = fields.Datetime.to_datetime(parameters.get_param("integration_flow.digest_sent_at") or False)
        if period is None or last and now - last < period:
            return self.env["mail.mail"]
        parameters.set_param("integration_flow.digest_sent_at", fields.Datetime.to_string(now))
        return self._send(last or now - period - timedelta(hours=4), now)

    @api.model
    def _send(self, since, now):
        """One e-mail to each recipient for whom there is something to say. Returns the e-mails."""
        mails = self.env["mail.mail"].sudo()
        for user, flows in self._recipients().items():
            content = self._content(user, flows, since)
            if content is None:
                continue
            own = self.with_context(lang=user.lang)
            body = own.env["ir.qweb"]._render("integration_flow.digest_mail", {
                **content, "since": since, "user": user, "format_count": lambda number: f"{number:,}",
                "base_url": self.env["ir.config_parameter"].sudo().get_param("web.base.url", ""),
            }, minimal_qcontext=True, lang=user.lang)
            mails += mails.create({
                "subject": own.env._(
                    "Integrations: %(open)s open, %(resolved)s resolved", open=content["open_count"],
                    resolved=content["resolved_count"]),
                "body_html": body, "email_from": user.company_id.email_formatted or user.email_formatted,
                "recipient_ids": [fields.Command.link(user.partner_id.id)], "auto_delete": True,
            })
        return mails

    @api.model
    def _recipients(self):
        """``{user: flows that he is told about, or None for all that he may see}``"""
        flows = self.env["integration.flow"].sudo().search([("digest_user_ids", "!=", False)])
        found = {}
        for flow in flows:
            for user in flow.digest_user_ids:
                found[user] = found.get(user, self.env["integration.flow"]) + flow
        names = self.env["ir.config_parameter"].sudo().get_param(SETTINGS) or ""
        named = self.env["res.users"].sudo().browse([int(part) for part in names.split(",") if part.isdecimal()])
        found.update(dict.fromkeys(named.exists()))
        return {user: flows for user, flows in found.items() if user.active and not user.share and user.email}

    @api.model
    def _content(self, user, flows, since):
        """What there is to say to this user; None when there is nothing. Only what he may see, in his language."""
        if not user.has_group("integration_flow.group_integration_user"):
            return None
        own = self.with_user(user).with_context(lang=user.lang, allowed_company_ids=user.company_ids.ids)
        issues = own.env["integration.issue"]
        mine = [] if flows is None else [
            "|", ("flow_id", "in", flows.ids),
            "&", ("flow_id", "=", False), ("connection_id", "in", flows.connection_id.ids)]
        is_open, is_resolved = [*mine, ("state", "=", "open")], [
            *mine, ("state", "=", "resolved"), ("resolved_at", ">=", since)]
        silent = own.env["integration.flow"].search(
            [("silent_since", "!=", False), *([] if flows is None else [("id", "in", flows.ids)])])
        content = {
            "open_issues": issues.search(is_open, limit=LISTED), "open_count": issues.search_count(is_open),
            "resolved_issues": issues.search(is_resolved, limit=LISTED), "resolved_count": issues.search_count(is_resolved),
            "new_count": issues.search_count([*is_open, ("first_seen_at", ">=", since)]), "silent_flows": silent,
        }
        return content if content["open_count"] or content["resolved_count"] or silent else None
