from odoo import api, fields, models
from odoo.exceptions import UserError

# How far a flow has come. Nothing is asked on the way back.
LEVELS = ("draft", "test", "live")


class IntegrationFlow(models.Model):
    """What is missing before a flow may run: computed from the live configuration, not ticked on trust.

    Test needs what is technical (the rules and operations fit each other); Live needs everything. A flow that is live goes
    on when something is changed afterwards: its list says so, and nothing stops by itself.
    """

    _inherit = "integration.flow"

    readiness_items = fields.Json(
        compute="_compute_readiness_items", help="What this flow needs before it may go live, and where it is answered.")
    ready_for_live = fields.Boolean(compute="_compute_readiness_items")

    @api.depends(
        "state", "direction", "resource_id.operation_ids", "resource_id.sample_payload", "model_id", "connection_id.test_ok",
        "connection_id.provider_contact", "connection_id.documentation_url", "rule_ids", "agreement_state", "purpose",
        "frequency_reason", "users_see", "business_owner_id", "responsible_id", "alert_policy", "volume_verdict")
    @api.depends_context("uid", "lang")
    def _compute_readiness_items(self):
        for flow in self:
            if not (flow.connection_id and flow.resource_id and flow.model_id):
                flow.readiness_items, flow.ready_for_live = False, False
                continue
            items = flow._readiness()
            flow.readiness_items = items
            flow.ready_for_live = all(item["ok"] for item in items)

    # -- the list ------------------------------------------------------------------------------------------

    def _readiness(self):
        """All items: ``[{"key", "ok", "text", "page" | "method", "label"}]``.

        ``page`` is the tab of the form where it is answered, ``method`` a button of the flow that leads there.
        """
        self.ensure_one()
        items = [
            self._ready_rules(), self._ready_owners(), self._ready_statuses(), self._ready_purpose(), self._ready_trigger(),
            self._ready_volume(),
            self._ready_failure(), self._ready_users(), *self._ready_credentials(), self._ready_example(),
            *self._ready_tests(), self._ready_contact(), self._ready_agreement(),
        ]
        return [item for item in items if item]

    def _item(self, key, ok, done, missing, *, page=None, method=None, label=None):
        return {"key": key, "ok": bool(ok), "text": done if ok else missing, "page": page, "method": method, "label": label}

    def _ready_rules(self):
        problems = self._problems()
        return self._item(
            "rules", not problems, self.env._("The field rules and the operations of the API fit each other."),
            " ".join([*problems[:3], *([self.env._("And %(count)s more.", count=len(problems) - 3)] * (len(problems) > 3))]),
            page="fields", label=self.env._("Fields"))

    def _ready_owners(self):
        counts = self._owner_counts()
        return self._item(
            "owners", counts and any(owner != "nobody" for owner, _count in counts),
            self.env._("Every exchanged field has an owner: %(owners)s.", owners=", ".join(
                f"{self._owner_words(owner)} ({count})" for owner, count in counts)),
            self.env._("No field is exchanged yet, so nobody decides about one."), page="fields", label=self.env._("Fields"))

    def _ready_statuses(self):
        if not self.status_field and not self.status_rule_ids:
            return None
        return self._item(
            "statuses", not self.status_open_count, self.env._("It is decided what each known status does."),
            self.env._("%(count)s statuses that came are not decided yet.", count=self.status_open_count), page="statuses",
            label=self.env._("Statuses"))

    def _ready_purpose(self):
        return self._item(
            "purpose", self.purpose, self.env._("Its purpose is said in business words."),
            self.env._("Say what this flow is for, in business words."), page="plan", label=self.env._("Plan"))

    def _ready_trigger(self):
        words = "; ".join(", ".join(self._trigger_words(side)) for side in self._sides())
        return self._item(
            "trigger", self.frequency_reason, self.env._("It runs %(when)s, and why is said.", when=words),
            self.env._("It runs %(when)s. Say why that often.", when=words), page="plan", label=self.env._("Plan"))

    def _ready_volume(self):
        estimate = self._volume_estimate()
        calls = self._number(estimate.calls + estimate.others)
        allowed = self._number(estimate.allowed)
        done = (self.env._("%(calls)s calls a day of %(allowed)s allowed.", calls=calls, allowed=allowed) if estimate.allowed
                else self.env._("%(calls)s calls a day; the connection has no limit.", calls=calls))
        missing = (self.env._(
            "Say how many records are expected: per day, and in all where the other system cannot be asked for changes only."
        ) if estimate.verdict == "unknown" else self.env._(
            "%(calls)s calls a day are expected, and %(allowed)s are allowed; in the busiest hour %(peak)s of %(hour)s.",
            calls=calls, allowed=allowed, peak=self._number(estimate.peak_calls),
            hour=self._number(estimate.peak_allowed)))
        return self._item(
            "volume", estimate.verdict not in ("unknown", "exceeds"), done, missing, page="plan", label=self.env._("Plan"))

    def _ready_failure(self):
        told = self._told_users()
        # A person who sees to refused credentials is not one who repairs a record.
        business = self.alert_policy == "none" or any(
            name != self.connection_id.administrator_id.name or name == self.responsible_id.name for name, _what in told)
        return self._item(
            "failure", business and self.connection_id.administrator_id,
            self.env._("On failure these are told: %(names)s.", names=", ".join(dict.fromkeys(name for name, _what in told)))
            if self.alert_policy != "none" else self.env._(
                "Failures only stand in the list; %(name)s is told of outages.",
                name=self.connection_id.administrator_id.name),
            self.env._("The connection has no administrator who is told of outages.")
            if not self.connection_id.administrator_id else
            self.env._("Nobody is told when a record fails. Choose a responsible person, or that failures only stand in the "
                       "list."),
            **({"page": "failure", "label": self.env._("Failure")} if self.connection_id.administrator_id else
               {"method": "action_open_connection", "label": self.env._("Connection")}))

    def _ready_users(self):
        return self._item(
            "users", self.users_see, self.env._("What users see is said."),
            self.env._("Say what the people who work with these records see of it."), page="plan", label=self.env._("Plan"))

    def _ready_credentials(self):
        """The connection works; and so did a sandbox of the same API, before production is touched."""
        connection = self.connection_id
        if not connection.tested_at:
            missing = self.env._(
                "%(name)s has not been tested with its present address and credentials.", name=connection.name)
        elif connection.test_ok:
            missing = self.env._(
                "%(name)s answers, but its test does not need the credentials. Enter a test path.", name=connection.name)
        else:
            missing = self.env._("The last test of %(name)s failed.", name=connection.name)
        items = [self._item(
            "connection", connection._credentials_proved(),
            self.env._("%(name)s accepted its credentials in the last test.", name=connection.name), missing,
            method="action_open_connection", label=self.env._("Connection"))]
        if connection.environment != "sandbox":
            sandbox = self.env["integration.connection"].search([
                ("api_name", "=", connection.api_name), ("environment", "=", "sandbox"), ("test_ok", "=", True),
            ]).filtered(lambda connection: connection._credentials_proved())[:1]
            items.append(self._item(
                "sandbox", sandbox,
                self.env._("The sandbox %(name)s accepted its credentials in the last test.", name=sandbox.name or ""),
                self.env._("No sandbox connection of the API '%(api)s' has passed a test with its credentials yet.",
                           api=connection.api_name),
                method="action_open_connections", label=self.env._("Connections")))
        return items

    def _ready_example(self):
        return self._item(
            "example", self.resource_id.sample_payload or self._stored_example() or self._case_example(),
            self.env._("There is an example of %(resource)s as the API sends it.", resource=self.resource_id.name),
            self.env._("There is no example of %(resource)s as the API sends it. Paste one, or import a record in Test.",
                       resource=self.resource_id.name),
            method="action_open_resource", label=self.env._("Resource"))

    def _stored_example(self):
        """A sync record of this flow that still holds its payload."""
        if not self._origin:
            return self.env["integration.sync"]
        return self.env["integration.sync"].sudo().search(
            [("flow_id", "=", self._origin.id), ("payload", "!=", False)], order="id desc", limit=1)

    def _case_example(self):
        """Whether a test case holds what the API sends, or, where only Odoo sends, what Odoo does."""
        cases = self._test_cases() or self.env["integration.test.case"]
        wanted = "export" if self.direction in ("export", "request") else "import"
        return any(case.payload and case.direction == wanted for case in cases)

    def _test_cases(self):
        """The test cases of this flow, where test cases are installed; else None."""
        return self.sudo().test_case_ids if "test_case_ids" in self._fields else None

    def _ready_tests(self):
        cases = self._test_cases()
        if cases is None:
            return []
        failed = cases.filtered(lambda case: case.last_result == "failed")
        passed = cases.filtered(lambda case: case.last_result == "passed")
        return [self._item(
            "tests", passed and not failed,
            self.env._("%(count)s test cases pass.", count=len(passed)) if len(passed) != 1
            else self.env._("1 test case passes."),
            self.env._("Test cases fail: %(names)s.", names=", ".join(failed.mapped("name"))) if failed else self.env._(
                "No test case has passed yet. Add an example with the result that the business expects, and run it."),
            page="tests", label=self.env._("Test Cases"))]

    def _ready_contact(self):
        connection = self.connection_id
        return self._item(
            "contact", connection.provider_contact,
            self.env._("Whom to ask at the provider: %(contact)s.", contact=connection.provider_contact),
            self.env._("Say whom to ask when %(name)s does not answer as documented.", name=connection.name),
            method="action_open_connection", label=self.env._("Connection"))

    def _ready_agreement(self):
        last = self.agreement_id
        if not self.business_owner_id:
            missing = self.env._("It has no business owner who could agree.")
        elif self.agreement_state == "void":
            missing = self.env._(
                "%(name)s agreed to version %(number)s, but it was changed since. See the tab Agreement.",
                name=last.user_name, number=last.version)
        else:
            missing = self.env._("%(name)s has not agreed yet.", name=self.business_owner_id.name)
        return self._item(
            "agreement", self.agreement_state == "agreed" and self.business_owner_id,
            self.env._("%(name)s agreed to version %(number)s on %(date)s.", name=last.user_name or "", number=last.version,
                       date=fields.Date.to_string(fields.Datetime.context_timestamp(self, last.agreed_at)) if last else ""),
            missing, page="agreement" if self.business_owner_id else "plan",
            label=self.env._("Agreement") if self.business_owner_id else self.env._("Plan"))

    # -- the gates -----------------------------------------------------------------------------------------

    def _require_ready_for_live(self):
        for flow in self:
            missing = [item["text"] for item in flow._readiness() if not item["ok"]]
            if missing:
                raise UserError(self.env._(
                    "%(flow)s may not go live yet:\n%(problems)s", flow=flow.name,
                    problems="\n".join(f"• {text}" for text in missing)))

    def _level(self, vals=None):
        """How far this flow has come (or comes by writing ``vals``). A paused one is where it was before."""
        vals = vals or {}
        state = vals.get("state", self.state)
        if state != "paused":
            return LEVELS.index(state)
        before = vals.get("state_before_pause", self.state_before_pause if self.state == "paused" else self.state)
        return LEVELS.index(before) if before in LEVELS else 0

    def _check_gates(self, vals):
        """Whoever sets the state, by a button, an import or a call from outside, passes the same gates."""
        for flow in self:
            level = flow._level(vals)
            if level > flow._level():
                if LEVELS[level] == "live":
                    flow._require_ready_for_live()
                else:
                    flow._require_ready()

    def action_go_live(self):
        self._require_ready_for_live()
        return super().action_go_live()

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.su:
            return super().create(vals_list)
        # Born as a draft; then it passes the gates as any other.
        steps = {"state", "state_before_pause"}
        wanted = [{name: vals[name] for name in steps & vals.keys()} for vals in vals_list]
        flows = super().create([{name: vals[name] for name in vals.keys() - steps} for vals in vals_list])
        for flow, vals in zip(flows, wanted, strict=True):
            if vals.get("state", "draft") != "draft":
                flow.write(vals)
        return flows

    def write(self, vals):
        if not self.env.su and {"state", "state_before_pause"} & vals.keys():
            self._check_gates(vals)
        return super().write(vals)

    # -- where things are put right ------------------------------------------------------------------------

    def _open_form(self, record):
        return {"type": "ir.actions.act_window", "res_model": record._name, "res_id": record.id, "views": [(False, "form")]}

    def action_open_connection(self):
        return self._open_form(self.connection_id)

    def action_open_connections(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Connections"), "res_model": "integration.connection",
            "view_mode": "list,form", "domain": [("api_name", "=", self.connection_id.api_name)],
            "context": {"default_api_name": self.connection_id.api_name},
        }

    def action_open_resource(self):
        return self._open_form(self.resource_id)
