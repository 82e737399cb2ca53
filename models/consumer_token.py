import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import ormcache

from .selections import SECRETS_GROUP

PREFIX = "ifp_"


class Access(NamedTuple):
    """What a token opens, as plain values that stay in the cache of the registry."""

    digest: str
    token_id: int
    consumer_id: int
    name: str
    company_id: int
    expires: float
    """Seconds since 1970; 0 = never"""
    rate_limit: int
    flow_ids: frozenset
    limits: tuple
    """((filter, (value, ...)), ...), by name"""


class IntegrationConsumerToken(models.Model):
    """A token of a consumer. Only its SHA-256 is kept: it has 256 random bits, so nothing slower is needed."""

    _name = "integration.consumer.token"
    _description = "Integration Consumer Token"
    _order = "consumer_id, id desc"
    _allow_sudo_commands = False

    consumer_id = fields.Many2one("integration.consumer", required=True, ondelete="cascade", index=True, readonly=True)
    company_id = fields.Many2one(related="consumer_id.company_id")
    name = fields.Char(required=True, help="Where it is used, for example Warehouse screen.")
    hint = fields.Char(string="Begins With", readonly=True)
    digest = fields.Char(required=True, readonly=True, groups=fields.NO_ACCESS, copy=False)
    expires_on = fields.Date(string="Valid Until", readonly=True)
    revoked_at = fields.Datetime(string="Revoked On", readonly=True, copy=False)
    revoked_by_id = fields.Many2one(
        "res.users", readonly=True, ondelete="set null", index="btree_not_null", copy=False)
    use_ids = fields.One2many("integration.consumer.use", "token_id")
    last_used_at = fields.Datetime(string="Last Read", compute="_compute_last_used")
    state = fields.Selection(
        [("valid", "Valid"), ("expired", "Expired"), ("revoked", "Revoked")], compute="_compute_state")

    _digest_unique = models.UniqueIndex("(digest)")

    @api.depends("expires_on", "revoked_at")
    def _compute_state(self):
        today = fields.Date.today()
        for token in self:
            token.state = "revoked" if token.revoked_at else (
                "expired" if token.expires_on and token.expires_on < today else "valid")

    def _compute_last_used(self):
        used = dict(self.env["integration.consumer.use"].sudo()._read_group(
            [("token_id", "in", self.ids)], ["token_id"], ["last_used_at:max"]))
        for token in self:
            token.last_used_at = used.get(token, False)

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model
    def _check_may_make(self):
        if not (self.env.su or self.env.user.has_group(SECRETS_GROUP)):
            raise AccessError(self.env._("Only a technical administrator of integrations may make tokens."))

    @api.model
    def _make(self, consumer, name, expires_on=False):
        """A new token, in clear: ``(record, text)``. The text is kept nowhere."""
        self._check_may_make()
        if expires_on and expires_on < fields.Date.today():
            raise ValidationError(self.env._("The token would have expired already. Choose a day to come."))
        text = PREFIX + secrets.token_urlsafe(32)
        token = self.sudo().create({
            "consumer_id": consumer.id, "name": name, "expires_on": expires_on, "hint": text[:len(PREFIX) + 4],
            "digest": self._digest(text)})
        consumer.sudo().message_post(body=self.env._(
            "Token %(name)s (%(hint)s…) was made by %(user)s.", name=name, hint=token.hint, user=self.env.user.name))
        return token.with_env(self.env), text

    @staticmethod
    def _digest(text):
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def action_revoke(self):
        """The very next call with this token is refused."""
        self.consumer_id.check_access("write")
        for token in self.sudo().filtered(lambda token: not token.revoked_at):
            token.write({"revoked_at": fields.Datetime.now(), "revoked_by_id": self.env.uid})
            token.consumer_id.message_post(body=self.env._(
                "Token %(name)s (%(hint)s…) was revoked by %(user)s.", name=token.name, hint=token.hint,
                user=self.env.user.name))
        return True

    @api.model_create_multi
    def create(self, vals_list):
        self._check_may_make()
        tokens = super().create(vals_list)
        self.env["integration.consumer"]._access_changed()
        return tokens

    def write(self, vals):
        result = super().write(vals)
        self.env["integration.consumer"]._access_changed()
        return result

    def unlink(self):
        result = super().unlink()
        self.env["integration.consumer"]._access_changed()
        return result

    # -- for the endpoint ----------------------------------------------------------------------------------

    @api.model
    @ormcache("digest", cache="stable")
    def _access(self, digest):
        """What the token with this digest opens. Whoever changes a token, a consumer or its limits clears this in every
        process, so it may be kept.

        :raises KeyError: when it opens nothing, so that guesses of strangers are not kept
        """
        token = self.sudo().search([("digest", "=", digest), ("revoked_at", "=", False), ("consumer_id.active", "=", True)])
        if not token:
            raise KeyError
        consumer = token.consumer_id
        end = token.expires_on and fields.Datetime.to_datetime(token.expires_on) + timedelta(days=1)
        limits = {}
        for limit in consumer.filter_ids:
            values = set(limit._values())
            name = limit.name.strip()
            limits[name] = limits[name] & values if name in limits else values
        return Access(
            digest, token.id, consumer.id, consumer.name, consumer.company_id.id,
            (end - fields.Datetime.to_datetime("1970-01-01")).total_seconds() if end else 0.0, consumer.rate_limit,
            frozenset(consumer.flow_ids.ids),
            tuple(sorted((name, tuple(sorted(values))) for name, values in limits.items())))
