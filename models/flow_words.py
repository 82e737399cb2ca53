from odoo import models

from ..core.errors import ERROR_CLASSES as CLASS_TABLE
from .selections import ERROR_CLASSES

# Settings of a rule that its words leave out: they say where it stands, or are told in the sentence itself.
SAID_ELSEWHERE = {
    "flow_id", "parent_id", "child_ids", "sequence", "code", "kind", "model_name", "odoo_path", "external_path",
    "direction", "owner", "transform", "required", "match_key", "sensitive", "active", "display_name", "company_id",
    "blank_policy", "overruled_policy", "owner_switch_domain", "owner_after", "merge_group",
}


def configuration_fields(record):
    """Fields that a person sets on a rule or another part of a flow, whatever modules add to it."""
    return [
        name for name, field in record._fields.items()
        if field.store and not field.related and name not in models.MAGIC_COLUMNS
        and field.type not in ("one2many", "many2many") and (not field.compute or not field.readonly)
        and name not in ("flow_id", "parent_id", "sequence", "code")]


def value_words(record, name):
    """The value of one of its fields, for people."""
    field, value = record._fields[name], record[name]
    if field.type == "selection":
        return dict(field._description_selection(record.env)).get(value, "") if value else ""
    if field.type == "many2one":
        return value.display_name or ""
    if field.type == "boolean":
        return record.env._("yes") if value else record.env._("no")
    if field.type == "float":
        return f"{value:g}"
    return "" if value is False or value is None else str(value)


class IntegrationFlow(models.Model):
    """A flow in business words, always from the live configuration: for the plan, the diagram, the specification and
    the agreement."""

    _inherit = "integration.flow"

    def _label(self, name, record=None):
        """The chosen value of a selection field, as people read it."""
        record = self if record is None else record
        return dict(record._fields[name]._description_selection(self.env)).get(record[name], "")

    def _asks(self):
        """Is it a request: it asks about a record, and the answer fills that record?"""
        return self.direction == "request"

    def _sides(self):
        """The directions in which values move: some of 'import' and 'export'."""
        return (self.direction,) if self.direction in ("import", "export") else ("import", "export")

    def _system_name(self):
        return self.connection_id.name or self.env._("Other system")

    def _duration_words(self, seconds):
        for size, singular, plural in (
            (86400, self.env._("1 day"), self.env._("%(count)s days", count=seconds // 86400)),
            (3600, self.env._("1 hour"), self.env._("%(count)s hours", count=seconds // 3600)),
            (60, self.env._("1 minute"), self.env._("%(count)s minutes", count=seconds // 60)),
        ):
            if seconds >= size and seconds % size == 0:
                return singular if seconds == size else plural
        return self.env._("%(count)s seconds", count=seconds)

    def _schedule_words(self):
        if self.cron_expression:
            return self.env._("at the times of '%(cron)s' (%(tz)s)", cron=self.cron_expression, tz=self.tz)
        if self.interval_number == 1:
            return {"minutes": self.env._("every minute"), "hours": self.env._("every hour"),
                    "days": self.env._("every day")}[self.interval_unit]
        sizes = {"minutes": 60, "hours": 3600, "days": 86400}
        return self.env._(
            "every %(duration)s", duration=self._duration_words(self.interval_number * sizes[self.interval_unit]))

    # -- trigger -------------------------------------------------------------------------------------------

    def _polls(self):
        """Does the other system get asked at intervals?"""
        return (
            self.direction in ("import", "both") and self.timing != "manual"
            and "list" in self.resource_id.operation_ids.mapped("kind"))

    def _webhook_topics(self):
        """Topics of incoming webhooks that concern this flow, where webhooks are received at all."""
        return self.connection_id.webhook_topic_ids.filtered(lambda topic: topic.flow_id == self) \
            if self.connection_id.webhook_enabled else self.connection_id.webhook_topic_ids.browse()

    def _trigger_words(self, side):
        """What begins the exchange in this direction, as parts of a sentence."""
        parts = []
        if self._asks():
            if side == "import":
                return [self.env._("with the answer")]
            parts.append(self.env._("when somebody asks, by the Action menu of the records"))
            if self.timing == "live":
                parts.append(self.env._("at once, when a record is saved in Odoo"))
            elif self.timing != "manual":
                parts.append(self._schedule_words())
        elif side == "import":
            if self._webhook_topics():
                parts.append(self.env._("at once, when %(system)s sends an event", system=self._system_name()))
            if self._polls():
                parts.append(self._schedule_words())
            rules = self.env["integration.field.rule"].sudo().search([
                ("relation_flow_id", "=", self._origin.id), ("relation_mode", "in", ("import", "embedded")),
            ]) if self._origin else self.env["integration.field.rule"]
            for flow in rules.flow_id:
                parts.append(self.env._("when %(flow)s needs it", flow=flow.name))
        elif self.timing == "live":
            parts.append(self.env._("at once, when a record is saved in Odoo"))
        elif self.timing != "manual":
            parts.append(self.env._("%(when)s, what was saved in Odoo since", when=self._schedule_words()))
        if not parts:
            parts.append(self.env._("by button"))
        if self.timing == "batch":
            parts.append(self.env._("after everything else"))
        return parts

    def _moves_words(self, side):
        """What the flow may do on the receiving side."""
        if self._asks():
            if side == "import" and self.request_effect == "tell":
                return self.env._("The answer goes to whoever asked")
            return self.env._("The answer fills the record") if side == "import" else {
                "create": self.env._("Asks, and something is made there"), "end": self.env._("Asks to end what was made"),
            }.get(self.request_effect, self.env._("Asks about the record"))
        create = self.create_in_odoo if side == "import" else self.create_in_external
        delete = self.delete_in_odoo if side == "import" else self.delete_in_external
        if create:
            return {
                "nothing": self.env._("Creates and updates"), "archive": self.env._("Creates, updates and archives"),
                "ask": self.env._("Creates, updates and deletes after approval"),
            }.get(delete) or self.env._("Creates, updates and deletes")
        return {
            "nothing": self.env._("Updates only"), "archive": self.env._("Updates and archives"),
            "ask": self.env._("Updates and deletes after approval"),
        }.get(delete) or self.env._("Updates and deletes")

    def _creation_words(self):
        """Which system creates the record: sentences."""
        sentences = []
        system = self._system_name()
        if self._asks():
            return [{
                "create": self.env._("Each request makes something in %(system)s, once for each record.", system=system),
                "end": self.env._("Each request ends what was made in %(system)s.", system=system),
            }.get(self.request_effect, self.env._("Nothing is created: it only asks."))]
        if "import" in self._sides():
            sentences.append(
                self.env._("A record that is new in %(system)s is created in Odoo.", system=system)
                if self.create_in_odoo else
                self.env._("A record that is new in %(system)s is not created in Odoo.", system=system))
        if "export" in self._sides():
            sentences.append(
                self.env._("A record that is new in Odoo is created in %(system)s.", system=system)
                if self.create_in_external else
                self.env._("A record that is new in Odoo is not created in %(system)s.", system=system))
        keys = self.rule_ids.filtered(lambda rule: rule.match_key and rule.owner != "nobody")
        if keys:
            sentences.append(self.env._(
                "Records that exist on both sides already are recognised by %(fields)s.",
                fields=", ".join(rule._field_words() for rule in keys)))
        return sentences

    def _deletion_words(self):
        if self._asks():
            return [self.env._("Nothing: a request is made for a record that is there.")]
        sentences = []
        system = self._system_name()
        if "import" in self._sides():
            sentences.append({
                "nothing": self.env._("A record that is deleted in %(system)s stays in Odoo.", system=system),
                "archive": self.env._("A record that is deleted in %(system)s is archived in Odoo.", system=system),
                "delete": self.env._("A record that is deleted in %(system)s is deleted in Odoo.", system=system),
                "ask": self.env._(
                    "A record that is deleted in %(system)s is deleted in Odoo after a person has approved it.",
                    system=system),
            }.get(self.delete_in_odoo) or self._label("delete_in_odoo"))
        if "export" in self._sides():
            sentences.append({
                "nothing": self.env._("A record that is deleted in Odoo stays in %(system)s.", system=system),
                "delete": self.env._("A record that is deleted in Odoo is deleted in %(system)s.", system=system),
                "ask": self.env._(
                    "A record that is deleted in Odoo is deleted in %(system)s after a person has approved it.",
                    system=system),
            }.get(self.delete_in_external) or self._label("delete_in_external"))
        return sentences

    # -- owners --------------------------------------------------------------------------------------------

    def _owner_words(self, owner):
        system = self._system_name()
        return {
            "external": self.env._("%(system)s decides", system=system),
            "external_unless_blank": self.env._("%(system)s decides, unless it is blank there", system=system),
            "odoo": self.env._("Odoo decides"),
            "newest": self.env._("the newer change wins"),
            "ask": self.env._("a person decides when both sides have changed"),
            "external_at_creation": self.env._("%(system)s decides at creation, then Odoo", system=system),
            "nobody": self.env._("not exchanged"),
        }.get(owner, owner)

    def _blank_words(self, owner, direction):
        """What an emptied value does; DESIGN.md, section 4."""
        system = self._system_name()
        if owner == "odoo" and direction == "import":
            return self.env._("Odoo's value always stays")
        if owner == "external" and direction == "export":
            return self.env._("the value of %(system)s always stays", system=system)
        return {
            "external": self.env._("blank in %(system)s empties it in Odoo", system=system),
            "external_unless_blank": self.env._("blank in %(system)s leaves Odoo's value", system=system),
            "odoo": self.env._("blank in Odoo empties it in %(system)s", system=system),
            "newest": self.env._("an emptied value counts as a change"),
            "ask": self.env._("an emptied value counts as a change"),
            "external_at_creation": self.env._("blank at creation stays blank"),
        }.get(owner, "")

    def _exchanged_rules(self):
        return self.rule_ids.filtered(lambda rule: rule.active)

    def _owner_counts(self):
        """``[(owner, number of fields)]`` in the order of the selection, fields of lines among them."""
        rules = self._exchanged_rules()
        rules |= rules.child_ids.filtered("active")
        owners = rules.filtered(lambda rule: rule.kind not in ("check", "lines")).mapped("owner")
        return [(owner, owners.count(owner)) for owner, _label in rules._fields["owner"].selection if owner in owners]

    # -- failures ------------------------------------------------------------------------------------------

    def _failure_words(self):
        """What happens when a record fails, step by step."""
        if self.retry_attempts > 1:
            steps = [self.env._(
                "Failures of the technology are tried again by themselves: %(attempts)s attempts, the second one after "
                "%(first)s, none later than %(longest)s after the one before.", attempts=self.retry_attempts,
                first=self._duration_words(self.retry_first_seconds),
                longest=self._duration_words(self.retry_maximum_seconds))]
        else:
            steps = [self.env._("Nothing is tried again by itself.")]
        steps.append(self.env._(
            "What the other side refuses, or what a value is missing for, waits in Needs Attention with a hint what to do. "
            "All other records go on."))
        if self.guard_ids:
            steps.append(self.env._(
                "A run that is about to do more than the guardrails allow is held until a person has looked."))
        return steps

    def _told_users(self):
        """Who is told, and of what: ``[(name, of what)]``."""
        told = []
        responsible = self.responsible_id.name
        if self.alert_policy == "flow" and responsible:
            told.append((responsible, self.env._("every failure that needs a person")))
        elif self.alert_policy == "record":
            told.append((
                self.env._("The record's responsible (%(field)s)", field=self.alert_user_path or ""),
                self.env._("failures of this record")))
            if responsible:
                told.append((responsible, self.env._("failures of records without a responsible")))
        elif self.alert_policy == "rules":
            for rule in self.alert_rule_ids:
                told.append((
                    rule.user_id.name,
                    self._label("error_class", rule) or self.env._("every failure that needs a person")))
            if responsible:
                told.append((responsible, self.env._("what no rule is about")))
        if self.connection_id.administrator_id:
            told.append((
                self.connection_id.administrator_id.name, self.env._("refused credentials, outages and silence")))
        told += [(user.name, self.env._("the digest")) for user in self.digest_user_ids]
        return told

    def _error_table(self):
        """The kinds of errors, whether they are tried again, and who acts: ``[(kind, retried, who)]``."""
        who = {
            "technical": self.connection_id.administrator_id.name or self.env._("administrator of the connection"),
            "administrator": self.connection_id.administrator_id.name or self.env._("administrator of the connection"),
            "business": self.responsible_id.name if self.alert_policy == "flow" and self.responsible_id else self.env._(
                "business user"),
            "developer": self.env._("developer"),
            "nobody": self.env._("nobody: it heals by itself"),
        }
        labels = dict(self.env["integration.sync"]._fields["error_class"]._description_selection(self.env))
        retried = {name: row.retried for name, row in CLASS_TABLE.items()}
        not_retried = self._retry_policy().not_retried if self.retry_attempts > 1 else set(retried)
        return [
            (labels[name], retried[name] and (name not in not_retried or CLASS_TABLE[name].responsible == "nobody"),
             who[CLASS_TABLE[name].responsible])
            for name, _label in ERROR_CLASSES]


class IntegrationFieldRule(models.Model):
    """A field rule in business words."""

    _inherit = "integration.field.rule"

    def _pair_words(self, arrow):
        """Both sides as people see them: 'Customer / E-mail ⇄ billing.email'."""
        self.ensure_one()
        if self.odoo_path and self.external_path:
            return f"{self._field_words()} {arrow} {self.external_path}"
        if self.odoo_path:
            return self.env._("%(field)s (no external path)", field=self._field_words())
        if self.external_path:
            return self.env._("%(path)s (no field of Odoo)", path=self.external_path)
        return self.code or self.env._("New field rule")

    def _field_words(self):
        """The Odoo field as people see it: 'Customer / E-mail'."""
        self.ensure_one()
        labels = []
        model = self.env.get(self.model_name)
        for name in (self.odoo_path or "").split("."):
            field = model._fields.get(name) if model is not None else None
            if field is None:
                return self.odoo_path or self.external_path or self.code or ""
            labels.append(field.get_description(self.env, ["string"])["string"])
            model = self.env[field.comodel_name] if field.comodel_name else None
        return " / ".join(labels)

    def _decides_words(self):
        """Who decides, also after ownership has switched, and what moves together."""
        self.ensure_one()
        flow = self.flow_id
        words = flow._owner_words(self.owner)
        if self.owner_after:
            words = self.env._("%(owner)s; for records with %(condition)s: %(after)s", owner=words,
                               condition=self.owner_switch_domain or "", after=flow._owner_words(self.owner_after))
        if self.merge_group:
            words = self.env._("%(owner)s, together with the group '%(group)s'", owner=words, group=self.merge_group)
        return words

    def _emptied_words(self):
        """What a blank on the owner's side does, and a change against the owner where that is not put back."""
        self.ensure_one()
        if self.kind in ("check", "lines") or self.transform == "constant" or self.owner == "nobody":
            return ""
        words = [{
            "change": self.env._("a blank empties the other side, too"), "ignore": self.env._("a blank is ignored"),
            "fill": self.env._("a blank is filled from the side that has a value"),
        }.get(self.blank_policy) or self.flow_id._blank_words(self.owner, self._effective_direction())]
        if self.overruled_policy == "keep":
            words.append(self.env._("a change against the owner is kept until the owner changes it"))
        return "; ".join(filter(None, words))

    def _effective_direction(self):
        return self.flow_id.direction if self.direction == "flow" else self.direction

    def _arrow(self):
        return {"import": "←", "export": "→"}.get(self._effective_direction(), "⇄")

    def _options_words(self):
        """Settings that differ from their defaults: ``[(label, value in words)]``."""
        defaults = self.default_get(list(self._fields))
        found = []
        for name in configuration_fields(self):
            value = self[name]
            if name in SAID_ELSEWHERE or not value or value == defaults.get(name):
                continue
            found.append((
                self._fields[name].get_description(self.env, ["string"])["string"], value_words(self, name)))
        return found

    def _transform_words(self):
        self.ensure_one()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        words = kinds[self.kind] if self.kind != "field" else dict(
            self._fields["transform"]._description_selection(self.env))[self.transform]
        options = "; ".join(f"{label}: {value}" for label, value in self._options_words())
        return f"{words} ({options})" if options else words

    def _rule_words(self):
        """The whole rule in one line."""
        self.ensure_one()
        parts = [self._pair_words(self._arrow()), self._decides_words()]
        parts.append(self._transform_words())
        parts += [
            label for name, label in (
                ("required", self.env._("required")), ("match_key", self.env._("match key")),
                ("sensitive", self.env._("sensitive"))) if self[name]]
        if not self.active:
            parts.append(self.env._("switched off"))
        return "; ".join(parts)
