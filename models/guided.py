from markupsafe import Markup

from odoo import api, models

from ..core.guide_pages import page_for

GUIDES = "/integration/docs/"
# Which page an empty list leads to: by its model, or by what its action's context says where a model has several lists.
PAGES = {
    "overview": "user-guide.md#in-the-morning",
    "integration.issue": "user-guide.md#what-needs-you",
    "integration.sync": "concepts/sync-record.md",
    "integration.conflict": "user-guide.md#a-conflict-choose",
    "integration.deletion": "user-guide.md#a-deletion-approve-or-reject",
    "integration.run": "user-guide.md#where-to-see-what-happened",
    "integration.reconciliation": "concepts/reconciliation.md",
    "integration.bulk.action": "user-guide.md#many-at-once",
    "integration.exchange": "administrator-guide.md#what-is-stored",
    "integration.webhook.event": "administrator-guide.md#webhooks-being-told-at-once",
    "integration.webhook.rejection": "administrator-guide.md#webhooks-being-told-at-once",
    "integration.delivery": "administrator-guide.md#tell-others-subscribers",
    "integration.subscriber": "administrator-guide.md#tell-others-subscribers",
    "integration.link": "concepts/sync-record.md",
    "integration.connection": "administrator-guide.md#1-connection-one-system-in-one-environment",
    "integration.resource": "administrator-guide.md#2-resource-one-object-type-of-the-api",
    "integration.flow": "administrator-guide.md#from-an-empty-database-to-a-live-flow",
    "integration.value.map": "administrator-guide.md#4-field-rules-who-owns-what",
    "integration.blueprint.offer": "blueprints.md",
    "integration.test.case": "administrator-guide.md#prove-it-before-it-is-live",
    "integration.retention": "administrator-guide.md#how-long-things-are-kept",
    "integration.alert": "administrator-guide.md#who-is-told-and-when",
    "integration.notice": "user-guide.md#when-a-chat-tells-you-something",
    "integration.notice.rule": "administrator-guide.md#business-alerts",
    "integration.notice.channel": "administrator-guide.md#business-alerts",
    "integration.file": "user-guide.md#files",
    "integration.document": "administrator-guide.md#let-others-read-published-data",
    "integration.consumer": "administrator-guide.md#let-others-read-published-data",
    "published": "administrator-guide.md#let-others-read-published-data",
}


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model
    def get_empty_list_help(self, help_message):
        """The help of our empty lists ends with the way to the page of the guides."""
        text = super().get_empty_list_help(help_message)
        page = PAGES.get(self._name == "integration.flow" and self.env.context.get("integration_guide") or self._name)
        if not page:
            return text
        return Markup("%s<p><a href='%s%s' target='_blank'>%s</a></p>") % (
            Markup(text or ""), GUIDES, page, self.env._("Read more in the guide"))


class IntegrationIssue(models.Model):
    _inherit = "integration.issue"

    def action_open_guide(self):
        """The page that says more about this cause."""
        self.ensure_one()
        return _open(page_for(self.error_class, self.error_code))


class IntegrationSync(models.Model):
    _inherit = "integration.sync"

    def action_open_guide(self):
        """The page that says more about what became of this record."""
        self.ensure_one()
        return _open(page_for(self.error_class, self.error_code, self.state))


def _open(page):
    return {"type": "ir.actions.act_url", "url": GUIDES + page, "target": "new"}
