from markupsafe import Markup

from odoo import fields, models

from ..core.issues import ATTENTION_STATES, COUNTED_STATES, DELETION

USER_GROUP = "integration_flow.group_integration_user"
# Bounds, so that 100,000 failures are not 100,000 activities.
MOST_PEOPLE = 20  # told about one issue
MOST_PER_FLOW = 20  # activities that one person gets from one flow at a time
LOOKED_AT = 2000  # of an issue's records, the latest, when it depends on the record who is told
ISSUES_AT_ONCE = 200


class IntegrationIssue(models.Model):
    """Activities: one per issue and person, when a person is needed; closed with the issue.

    Raised by the engine after the slice is committed, in a transaction of its own.
    """

    _inherit = "integration.issue"

    notified = fields.Json(readonly=True, help="Who was told since it was opened.", groups=fields.NO_ACCESS)
    notified_at = fields.Datetime(readonly=True)

    def _attend(self, connection, now):
        """Raise and close the activities of a connection's issues."""
        self._close_activities(connection)
        self.env.cr.execute(
            """SELECT id FROM integration_issue WHERE connection_id = %s AND state = 'open' AND needs_person
               AND (notified IS NULL OR notified_at IS NULL OR notified_at <= last_seen_at)
               ORDER BY severity DESC, id LIMIT %s""", [connection.id, ISSUES_AT_ONCE])
        for issue in self.browse([row[0] for row in self.env.cr.fetchall()]):
            issue._notify_people(now)

    def _close_activities(self, connection):
        activities = self.env["mail.activity"].search([
            ("integration_issue_id.connection_id", "=", connection.id), ("integration_issue_id.state", "=", "resolved")])
        for issue, mine in activities.grouped("integration_issue_id").items():
            mine.action_feedback(feedback=issue._resolution_text())

    def _notify_people(self, now):
        told = dict(self.notified or {})
        # Tells already: the connection's own alert, the activity of the run that a guardrail holds, of the flow that asks.
        if self.error_class != "authentication" and self.error_code not in ("held", DELETION):
            for user, records in self._people().items():
                self._notify_person(user, records, told)
        self.write({"notified": told, "notified_at": now})

    def _notify_person(self, user, records, told):
        target = self._activity_target(user, records)
        mine = self.env["mail.activity"].search([("integration_issue_id", "=", self.id), ("user_id", "=", user.id)])
        if str(user.id) in told:
            if not mine or target is None or (mine.res_model, mine.res_id) == (target._name, target.id) \
                    or target != self:
                return
            mine.unlink()  # it was on the only document; by now there are more
        elif len(told) >= MOST_PEOPLE or self._activities_of_flow(user) >= MOST_PER_FLOW:
            return
        if target is None:
            user, target = self._caretaker(), self
            if not user or str(user.id) in told:
                return
        told[str(user.id)] = target._name
        issue = self.with_context(lang=user.lang)
        target.with_context(lang=user.lang).activity_schedule(
            "mail.mail_activity_data_warning", user_id=user.id, summary=issue._activity_summary(),
            note=issue._activity_note(target), integration_issue_id=self.id)

    def _activity_summary(self):
        return self.env._(
            "%(where)s: %(what)s", where=(self.flow_id or self.connection_id).display_name, what=self.message)[:200]

    def _activity_note(self, target):
        text = Markup("<p>%s</p><p>%s</p>") % (self.message or "", self.hint or "")
        if self.affected_count > 1:
            text += Markup("<p>%s</p>") % self.env._("Records that wait for this: %(count)s", count=self.affected_count)
        if target != self:
            text += Markup("<p>%s</p>") % self.env._("This activity closes itself as soon as the record is synced.")
        return text

    def _activities_of_flow(self, user):
        return self.env["mail.activity"].search_count([
            ("user_id", "=", user.id), ("integration_issue_id.flow_id", "=", self.flow_id.id),
            ("integration_issue_id.connection_id", "=", self.connection_id.id)])

    def _caretaker(self):
        """Who looks after it when nobody else is named."""
        users = self.flow_id.responsible_id or self.connection_id.administrator_id
        return users.filtered("active")

    # -- who -----------------------------------------------------------------------------------------------

    def _people(self):
        """``{user: some of the failing records that are his}``"""
        self.ensure_one()
        if self.assignee_id:
            return {self.assignee_id: self.env["integration.sync"]}
        flow = self.flow_id
        if not flow:
            user = self.connection_id.administrator_id.filtered("active")
            return {user: self.env["integration.sync"]} if user else {}
        if flow.alert_policy == "none":
            return {}
        if flow.alert_policy == "flow" or self.of_run:
            user = self._caretaker()
            return {user: self.env["integration.sync"]} if user else {}
        return self._people_of_records()

    def _people_of_records(self):
        flow = self.flow_id
        syncs = self.env["integration.sync"].search(
            [("issue_id", "=", self.id), ("state", "in", ATTENTION_STATES)], order="id desc", limit=LOOKED_AT)
        model = self.env[flow.model_name]
        existing = {record.id: record for record in model.browse(
            [sync.res_id for sync in syncs if sync.res_id]).exists()}
        nobody = self.env["res.users"]
        found = {}
        for sync in syncs:
            record = existing.get(sync.res_id) or model
            if flow.alert_policy == "record":
                user = record.mapped(flow.alert_user_path)[:1] if record else nobody
            else:
                user = next((rule.user_id for rule in flow.alert_rule_ids if rule._fits(self.error_class, record)), nobody)
            if not user or not user.active or user.share:
                user = self._caretaker()
            if user:
                found.setdefault(user, []).append(sync.id)
        return {user: syncs.browse(ids) for user, ids in found.items()}

    def _activity_target(self, user, records):
        """Where the activity stands: on the business document when that is the only one, or when the person may not see
        issues; else on the issue. None when the person can see neither."""
        only = self.env["integration.sync"].search(
            [("issue_id", "=", self.id), ("state", "in", COUNTED_STATES)], limit=2)
        if self.flow_id and len(only) == 1 and (document := self._open_document(only, user)) is not None:
            return document
        if user.has_group(USER_GROUP) and self.with_user(user).with_context(
                allowed_company_ids=user.company_ids.ids).has_access("read"):
            return self
        return next((document for sync in records[:20] if (document := self._open_document(sync, user)) is not None), None)

    def _open_document(self, sync, user):
        """The Odoo record, if it can have activities and this person may see it."""
        document = sync._document()
        if document is None or "activity_ids" not in document._fields or not hasattr(document, "message_subscribe"):
            return None
        reader = document.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        return document if reader.has_access("read") else None

    def _hand_over_activities(self):
        """Who is assigned to an issue gets its activity."""
        for issue in self.filtered("assignee_id").sudo():
            activities = self.env["mail.activity"].sudo().search([("integration_issue_id", "=", issue.id)])
            others = activities.filtered(lambda activity, issue=issue: activity.user_id != issue.assignee_id)
            if others and others == activities:
                others[0].write({"user_id": issue.assignee_id.id})
                others[1:].unlink()
            elif others:
                others.unlink()
            issue.notified = dict(issue.notified or {}, **{str(issue.assignee_id.id): issue._name})
