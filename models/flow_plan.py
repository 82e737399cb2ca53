from markupsafe import Markup

from odoo import api, fields, models

from ..core import diagram, volume


class IntegrationFlow(models.Model):
    """What only people can answer about a flow; what the configuration answers is shown beside it.

    From both come the diagram, the arithmetic of calls, the readiness list and the specification.
    """

    _inherit = "integration.flow"

    purpose = fields.Text(
        help="What this flow is for, in words of the business: which work it replaces, and what goes wrong without it.")
    frequency_reason = fields.Text(
        string="Why This Often",
        help="What decides how soon the other side has to know: a promise to customers, a cut-off time.")
    users_see = fields.Text(
        string="What Users See", help="What changes for the people who work with these records: new fields, locked fields, "
                                      "banners, whom to ask.")
    business_owner_id = fields.Many2one(
        "res.users", ondelete="set null", index="btree_not_null", tracking=True, copy=True, domain=[("share", "=", False)],
        help="Decides what this flow has to do, and agrees to its specification.")
    records_in_per_day = fields.Integer(
        string="Changed There per Day", aggregator=None, help="Records of the other system that change on a busy day.")
    records_out_per_day = fields.Integer(
        string="Changed in Odoo per Day", aggregator=None, help="Records that change in Odoo on a busy day.")
    records_peak_hour = fields.Integer(
        string="In the Busiest Hour", aggregator=None, help="Records of both directions together. 0: not known.")
    records_in_all = fields.Integer(
        string="Records There in All", aggregator=None,
        help="For the first import, and for systems that cannot be asked for changes only.")

    provider_contact = fields.Char(related="connection_id.provider_contact")
    documentation_url = fields.Char(related="connection_id.documentation_url")
    plan_answers = fields.Html(
        string="Answered by the Configuration", compute="_compute_plan", sanitize=False,
        help="Taken from the live configuration.")
    volume_text = fields.Html(string="Calls of the API", compute="_compute_plan", sanitize=False)
    volume_verdict = fields.Selection([
        ("unknown", "Not Known Yet"), ("no_limit", "No Limit Set"), ("fits", "Fits"), ("tight", "Tight"),
        ("exceeds", "Too Much"),
    ], compute="_compute_plan")
    diagram = fields.Text(compute="_compute_diagram")

    _volumes = models.Constraint(
        "CHECK (COALESCE(records_in_per_day, 0) >= 0 AND COALESCE(records_out_per_day, 0) >= 0 "
        "AND COALESCE(records_peak_hour, 0) >= 0 AND COALESCE(records_in_all, 0) >= 0)",
        "Expected numbers of records cannot be negative.")

    # -- answers of the configuration ----------------------------------------------------------------------

    def _plan_rows(self):
        """What the configuration answers: ``[(question, [sentences])]``."""
        self.ensure_one()
        system = self._system_name()
        rows = [
            (self.env._("Who creates a record?"), self._creation_words()),
            (self.env._("What happens when one is deleted?"), self._deletion_words()),
            (self.env._("Who decides about the fields?"), [
                self.env._("%(count)s fields: %(owner)s", count=count, owner=self._owner_words(owner)) if count != 1 else
                self.env._("1 field: %(owner)s", owner=self._owner_words(owner))
                for owner, count in self._owner_counts()] or [self.env._("No field is exchanged yet.")]),
        ]
        for side in self._sides():
            label = (self.env._("When does it come from %(system)s?", system=system) if side == "import" else
                     self.env._("When does it go to %(system)s?", system=system))
            rows.append((label, [", ".join(self._trigger_words(side))]))
        rows += [
            (self.env._("What happens on failure?"), self._failure_words()),
            (self.env._("Who is told?"), [
                self.env._("%(name)s: %(what)s", name=name, what=what) for name, what in self._told_users()] or [
                    self.env._("Nobody.")]),
        ]
        return rows

    # Whatever the answers are made of; the whole is only computed when somebody looks.
    @api.depends(
        "connection_id", "resource_id", "direction", "timing", "interval_number", "interval_unit", "cron_expression", "tz",
        "create_in_odoo", "create_in_external", "delete_in_odoo", "delete_in_external", "read_before_write",
        "rule_ids.owner",
        "retry_attempts", "retry_first_seconds", "retry_maximum_seconds", "alert_policy", "responsible_id", "gate_buttons",
        "records_in_per_day", "records_out_per_day", "records_peak_hour", "records_in_all")
    def _compute_plan(self):
        for flow in self:
            if not (flow.connection_id and flow.resource_id and flow.model_id):
                flow.plan_answers = flow.volume_text = False
                flow.volume_verdict = "unknown"
                continue
            flow.plan_answers = Markup("<dl class='row mb-0'>%s</dl>") % Markup().join(
                Markup("<dt class='col-sm-4 fw-normal text-muted'>%s</dt><dd class='col-sm-8'>%s</dd>") % (
                    question, Markup("<br/>").join(sentences)) for question, sentences in flow._plan_rows())
            estimate = flow._volume_estimate()
            flow.volume_verdict = estimate.verdict
            flow.volume_text = Markup("<ul class='list-unstyled mb-0'>%s</ul>") % Markup().join(
                Markup("<li>%s</li>") % line for line in flow._volume_lines(estimate))

    # -- volume --------------------------------------------------------------------------------------------

    def _volume(self):
        """What is expected, as the arithmetic wants it."""
        self.ensure_one()
        operations = self.resource_id.operation_ids
        listing = operations.filtered(lambda operation: operation.kind == "list")[:1]
        imports, exports = "import" in self._sides(), "export" in self._sides()
        topics = self._webhook_topics() if imports else ()
        bulk = operations.filtered(lambda operation: operation.bulk and operation.kind in ("create", "update"))
        return volume.Volume(
            polls=volume.runs_per_day(
                every=self.interval_number, unit=self.interval_unit, cron=self.cron_expression or "",
            ) if self._polls() else 0,
            changed=self.records_in_per_day if imports and not self._asks() else 0,
            total=self.records_in_all if imports and not self._asks() else 0,
            incremental=self._asks() or not imports or bool(listing.incremental_param or listing.incremental_template),
            page_size=listing.page_size if listing and listing.paging_style != "none" else 0,
            read_back=any(topic.kind == "ids" for topic in topics),
            sent=self.records_out_per_day if exports else 0,
            per_call=min(bulk.mapped("bulk_limit"), default=1) if exports and not self._asks() else 1,
            calls_each=max(len(self.request_step_ids), 1) if self._asks() else 1,
            read_before=exports and self.read_before_write and not self._asks(),
            peak=self.records_peak_hour,
        )

    def _other_calls(self):
        """Calls a day that all other flows of the connection are expected to make."""
        others = self.connection_id.flow_ids.filtered(
            lambda flow: flow.state in ("test", "live") and flow.id != self._origin.id)
        return sum(volume.estimate(flow._volume(), volume.Limit()).calls for flow in others)

    def _volume_estimate(self):
        self.ensure_one()
        connection = self.connection_id
        return volume.estimate(
            self._volume(), volume.Limit(connection.rate_calls, connection.rate_period), self._other_calls())

    def _volume_lines(self, estimate=None):
        """The arithmetic, line by line."""
        self.ensure_one()
        estimate = estimate or self._volume_estimate()
        number = self._number
        lines = [self._step_words(step) for step in estimate.steps]
        if len(lines) > 1:
            lines.append(self.env._("Together %(calls)s calls a day.", calls=number(estimate.calls)))
        if estimate.others:
            lines.append(self.env._(
                "The other running flows of %(system)s: %(calls)s calls a day. Together %(sum)s.",
                system=self._system_name(),
                calls=number(estimate.others), sum=number(estimate.calls + estimate.others)))
        if estimate.allowed:
            lines.append(self.env._(
                "%(allowed)s a day are allowed: %(share)s %% are used.", allowed=number(estimate.allowed),
                share=number(round(100 * (estimate.calls + estimate.others) / estimate.allowed))))
        else:
            lines.append(self.env._(
                "No limit is set on the connection. Look into the documentation of %(system)s and enter it there, if there "
                "is one.", system=self._system_name()))
        if estimate.peak_calls:
            lines.append(
                self.env._("Busiest hour: %(calls)s calls of %(allowed)s allowed.", calls=number(estimate.peak_calls),
                           allowed=number(estimate.peak_allowed)) if estimate.peak_allowed else
                self.env._("Busiest hour: %(calls)s calls.", calls=number(estimate.peak_calls)))
        if estimate.first_calls:
            lines.append(self.env._("First import of %(total)s records: %(calls)s calls, at least %(duration)s.",
                                    total=number(self.records_in_all), calls=number(estimate.first_calls),
                                    duration=self._about(estimate.first_seconds)) if estimate.first_seconds else
                         self.env._("First import of %(total)s records: %(calls)s calls.", total=number(self.records_in_all),
                                    calls=number(estimate.first_calls)))
        lines += self._verdict_words(estimate)
        return lines

    def _step_words(self, step):
        numbers = {name: self._number(value) for name, value in step.numbers.items()}
        numbers["calls"] = self._number(step.calls)
        if step.code == "polls":
            return self.env._("%(when)s = %(calls)s calls a day, also when nothing has changed.",
                              when=self._schedule_words().capitalize(), **numbers)
        if step.code == "pages":
            return self.env._("Pages of %(page_size)s for %(changed)s changed records = %(calls)s more.", **numbers)
        if step.code == "everything":
            return self.env._(
                "This API cannot be asked for changes only: %(pages)s pages of %(page_size)s for all %(total)s records, in "
                "each of %(polls)s runs = %(calls)s more.", **numbers)
        if step.code == "read_back":
            return self.env._("Events bring only IDs: each of %(changed)s records is read = %(calls)s calls.", **numbers)
        if step.code == "sent":
            if step.numbers["per_call"] > 1:
                return self.env._("%(sent)s records sent, %(per_call)s in a call = %(calls)s calls.", **numbers)
            return self.env._("%(sent)s records sent, one by one = %(calls)s calls.", **numbers)
        if step.code == "asked":
            return self.env._("%(sent)s requests of %(calls_each)s calls each = %(calls)s calls.", **numbers)
        return self.env._("Each of them is read before it is written = %(calls)s calls.", **numbers)

    def _verdict_words(self, estimate):
        if estimate.verdict == "unknown":
            return [self.env._("Enter how many records are expected.")]
        if estimate.verdict == "tight":
            return [self.env._("It fits, but leaves little room for retries and for other flows.")]
        if estimate.verdict == "exceeds":
            return [self.env._(
                "This is more than allowed. Run less often, use webhooks, larger pages or calls for several records, or ask "
                "the provider for more.")]
        return []

    def _number(self, value):
        return self.env["res.lang"]._lang_get(self.env.user.lang or "en_US").format("%d", value, grouping=True) \
            if isinstance(value, int) else str(value)

    def _about(self, seconds):
        """A duration in its largest full unit: 249 s are 4 minutes."""
        for size in (86400, 3600, 60):
            if seconds >= 2 * size:
                return self._duration_words(seconds // size * size)
        return self._duration_words(seconds)

    # -- diagram -------------------------------------------------------------------------------------------

    @api.depends(
        "name", "state", "connection_id", "resource_id", "model_id", "direction", "timing", "interval_number",
        "interval_unit",
        "cron_expression", "create_in_odoo", "create_in_external", "delete_in_odoo", "delete_in_external", "rule_ids.owner",
        "retry_attempts", "alert_policy", "responsible_id", "business_owner_id")
    def _compute_diagram(self):
        for flow in self:
            flow.diagram = diagram.flow_diagram(flow._diagram_spec()) \
                if flow.connection_id and flow.resource_id and flow.model_id else False

    def _flows_before(self):
        """Flows whose records must be there first."""
        flows = self.all_rule_ids.filtered("active").relation_flow_id - self._origin
        return flows.sorted(lambda flow: (flow.sequence, flow.id))

    def _flows_after(self):
        """Flows that wait for records of this one."""
        if not self._origin:
            return self.browse()
        return self.env["integration.field.rule"].search([
            ("relation_flow_id", "in", self._origin.ids)], order="id").flow_id - self._origin

    def _diagram_spec(self):
        self.ensure_one()
        system = self._system_name()
        return {
            "title": self.name or "",
            "description": " ".join(
                f"{question} {' '.join(sentences)}" for question, sentences in self._plan_rows()),
            "odoo": {"name": "Odoo", "detail": self.model_id.sudo().name},
            "external": {
                "name": system, "detail": self.resource_id.name,
                "badge": self._label("environment").upper() if self.environment == "sandbox" else ""},
            "direction": "both" if self._asks() else self.direction,
            "lanes": {side: {"label": self._moves_words(side), "trigger": ", ".join(self._trigger_words(side))}
                      for side in self._sides()},
            "order": {
                "title": self.env._("Order of creation"), "before": self._flows_before().mapped("name"), "this": self.name,
                "after": self._flows_after().mapped("name")},
            "owners": {"title": self.env._("Who decides about the fields"), "items": [{
                "kind": owner, "count": count,
                "label": self.env._("%(count)s fields: %(owner)s", count=count, owner=self._owner_words(owner)) if count != 1
                else self.env._("1 field: %(owner)s", owner=self._owner_words(owner)),
            } for owner, count in self._owner_counts()]},
            "failure": {
                "title": self.env._("When something fails"), "steps": self._failure_words(),
                "told_title": self.env._("Who is told"),
                "told": [self.env._("%(name)s: %(what)s", name=name, what=what) for name, what in self._told_users()]},
        }

    # -- all flows of a company ----------------------------------------------------------------------------

    @api.model
    def _landscape(self, company=None):
        """SVG of all flows that a company's people may see."""
        company = company or self.env.company
        flows = self.search([("company_id", "in", [company.id, False]), ("connection_id.active", "=", True)])
        systems = []
        for connection, own in flows.grouped("connection_id").items():
            environment = dict(connection._fields["environment"]._description_selection(self.env))[connection.environment]
            systems.append({
                "name": connection.name, "detail": connection.api_name,
                "badge": environment.upper() if connection.environment == "sandbox" else "",
                "flows": [{
                    "label": f"{number}. {flow.name}", "direction": "both" if flow._asks() else flow.direction,
                    "quiet": flow.state not in ("live", "test"),
                    "detail": "; ".join(filter(None, [
                        flow._label("state") if flow.state != "live" else "",
                        *dict.fromkeys(part for side in flow._sides() for part in flow._trigger_words(side))])),
                } for number, flow in enumerate(own._in_order(), 1)],
            })
        return diagram.landscape_diagram(
            self.env._("Integrations of %(company)s", company=company.name), {"name": "Odoo", "detail": company.name},
            systems)

    def _in_order(self):
        """These flows, those that others need first."""
        ordered, left = self.browse(), self
        while left:
            free = self.browse([flow.id for flow in left if not flow._flows_before() & left]) or left[:1]  # or a circle
            ordered += free
            left -= free
        return ordered

    def action_landscape(self):
        """All flows of the present company in one picture, ready to be printed."""
        action = self.env.ref("integration_flow.report_landscape").report_action(self.env.company, config=False)
        return dict(action, report_type="qweb-html", name=self.env._("Map of All Integrations"))
