"""One message of a business alert on its way: to a chat over HTTP, or in Odoo as e-mail, activity or message of Discuss.

Never the same twice. What stays in Odoo is made in the transaction that records it. A call to a chat is marked and committed
before it is made; when its answer is lost, or the process dies in between, nobody knows whether the message arrived, and a
chat could not tell a repeat: so it is *in doubt* and waits for a person, unless its channel says that twice is better
than never.
"""

import logging
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from markupsafe import Markup

from odoo import fields
from odoo.exceptions import UserError

from ..core import chat
from ..core import noticing as rules_of
from ..core.errors import SyncError
from ..transport import Client, ConnectionConfig, Request
from . import claim, failures, messages

_logger = logging.getLogger(__name__)

# First key of the two-key advisory locks ('noti' in ASCII); the second one is the message's id, 0 for who folds.
LOCK_SPACE = 0x6E6F7469
BATCH = 50
LONGEST_PAUSE = 3600
KEPT_CHARACTERS = 2000
LARGEST_ANSWER = 64 * 1024
# A gateway gave up waiting: what stands behind it may have posted the message.
LOST_STATUSES = (502, 504)
# The webhook is gone, was switched off, or knows us no more: the next message would fare the same.
STOP_STATUSES = (401, 403, 404, 410)


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def lasting(env, work):
    """Do database work and commit it; again, when another transaction was in the way."""
    for attempt in range(3):
        try:
            result = work()
            env.flush_all()
            env.cr.commit()
            return result
        except Exception as error:
            env.cr.rollback()
            env.invalidate_all(flush=False)
            if attempt == 2 or not failures.is_concurrency(error):
                raise
            time.sleep(0.05 * (attempt + 1))
    return None


class Sender:
    """Sends what is due, one after the other: there are few, because alerts are throttled, and each channel has an order."""

    def __init__(self, env, held: claim.Claims):
        self.env = env
        self.cr = env.cr
        self.held = held
        self._clients: dict[int, tuple[ConnectionConfig, Client]] = {}

    def run(self, until: float) -> bool:
        """Send until nothing is due or the time is over. Returns whether something is left."""
        try:
            self._settle_interrupted()
            while ids := self._due():
                for notice_id in ids:
                    self._send(notice_id, due=True)
                    if time.monotonic() > until:
                        return True
            return False
        finally:
            self._close()

    def send(self, ids: list[int]) -> None:
        """Send these, due or not."""
        try:
            for notice_id in ids:
                self._send(notice_id)
        finally:
            self._close()

    def _close(self) -> None:
        for _config, client in self._clients.values():
            client.close()
        self._clients.clear()

    def _due(self) -> list[int]:
        """What may be sent now. Of a channel that fails, the oldest alone: it shows soon enough whether it works again."""
        self.cr.execute(
            """SELECT id FROM (
                   SELECT n.id, c.failures_in_row, row_number() OVER (PARTITION BY n.channel_id ORDER BY n.id) AS place
                   FROM integration_notice n JOIN integration_notice_channel c ON c.id = n.channel_id
                   WHERE n.state IN ('pending', 'waiting') AND n.left_at IS NOT NULL AND n.next_attempt_at <= %(now)s
                     AND c.active AND c.state <> 'stopped' AND (c.retry_at IS NULL OR c.retry_at <= %(now)s)) due
               WHERE COALESCE(failures_in_row, 0) = 0 OR place = 1 ORDER BY id LIMIT %(batch)s""",
            {"now": utc_now(), "batch": BATCH})
        ids = [row[0] for row in self.cr.fetchall()]
        self.cr.commit()
        return ids

    def _settle_interrupted(self) -> None:
        """A message is being sent and nobody is at it: its process has died, and whether it arrived is not known."""
        self.cr.execute("SELECT id FROM integration_notice WHERE state = 'sending' ORDER BY id")
        ids = [row[0] for row in self.cr.fetchall()]
        for notice_id in self.held.take(ids, LOCK_SPACE):
            self.cr.commit()
            self.env.invalidate_all()
            notice = self.env["integration.notice"].browse(notice_id)
            if notice.state == "sending":
                lasting(self.env, lambda notice=notice: self._in_doubt(notice, self.env._(
                    "Odoo was stopped while this message was being sent.")))
        self.held.release()

    def _send(self, notice_id: int, *, due: bool = False) -> None:
        if not self.held.take([notice_id], LOCK_SPACE):
            return  # another process is at it
        try:
            self.cr.commit()  # what another process recorded until just now is seen from here
            self.env.invalidate_all()
            notice = self.env["integration.notice"].browse(notice_id).exists()
            if not notice or notice.state not in ("pending", "waiting") or notice.channel_id.state == "stopped" \
                    and notice.level != "2":
                return
            if due and notice.channel_id.retry_at and notice.channel_id.retry_at > utc_now():
                return  # the channel has failed meanwhile
            if notice.channel_id.kind == "chat":
                self._post(notice)
            else:
                self._leave_in_odoo(notice)
        finally:
            self.held.release()

    # -- in Odoo -------------------------------------------------------------------------------------------

    def _leave_in_odoo(self, notice) -> None:
        """The e-mail, activity or message, and the word that it was made, in one transaction."""
        try:
            lasting(self.env, lambda: (getattr(self, f"_by_{notice.channel_id.kind}")(notice), self._sent(notice)))
        except Exception as error:
            _logger.info("Alert message %s could not be delivered", notice.id, exc_info=True)
            words = str(error)
            lasting(self.env, lambda: self._failed(notice, words, self.env._(
                "Correct the alert channel, then press Retry.")))

    def _record(self, notice):
        if not notice.res_id or notice.model not in self.env:
            return None
        return self.env[notice.model].browse(notice.res_id).exists() or None

    def _person(self, notice):
        """Who is told: of a test who asked for it, else whom the record names, else the person of the channel."""
        channel, record = notice.channel_id, self._record(notice)
        if notice.level == "2":
            return notice.user_id
        person = self.env["res.users"]
        if channel.user_path and record is not None:
            found = record.mapped(channel.user_path)
            person = found[:1].filtered("active") if found._name == "res.users" else person
        return person or channel.user_id

    def _nobody(self) -> UserError:
        return UserError(self.env._(
            "There is nobody to tell: neither the record nor the channel names a person who can be reached."))

    def _html(self, notice) -> Markup:
        lines = Markup("<br/>").join(notice.sudo().body.splitlines()) if notice.sudo().body else ""
        link = Markup('<p><a href="%s">%s</a></p>') % (notice.url, self._label(notice)) if notice.url else ""
        return Markup("<p><b>%s</b></p><p>%s</p>%s") % (notice.title, lines, link)

    def _label(self, notice) -> str:
        lang = notice.rule_id.user_id.lang or notice.user_id.lang
        return self.env["integration.notice"].with_context(lang=lang).env._("Open in Odoo")

    def _by_mail(self, notice) -> None:
        channel, person = notice.channel_id, self._person(notice)
        company = notice.company_id or channel.responsible_id.company_id or self.env.company
        to = "" if notice.level == "2" else channel.email_to or ""
        if not person.email and not to:
            raise self._nobody()
        self.env["mail.mail"].create({
            "subject": notice.title, "body_html": self._html(notice), "email_to": to,
            "email_from": company.email_formatted or channel.responsible_id.email_formatted, "auto_delete": True,
            "recipient_ids": [fields.Command.link(person.partner_id.id)] if person.email else [],
        })

    def _by_activity(self, notice) -> None:
        person, record = self._person(notice), self._record(notice)
        if not person:
            raise self._nobody()
        if record is None or "activity_ids" not in record._fields:
            record = notice.rule_id or notice.channel_id  # this kind of record has no activities
        record.activity_schedule(
            "mail.mail_activity_data_todo", user_id=person.id, summary=notice.title, note=self._html(notice))

    def _by_discuss(self, notice) -> None:
        notice.channel_id.discuss_channel_id.message_post(
            body=self._html(notice), message_type="comment", subtype_xmlid="mail.mt_comment",
            author_id=self.env.ref("base.partner_root").id)

    # -- to a chat -----------------------------------------------------------------------------------------

    def _post(self, notice) -> None:
        """Mark and commit, call with no transaction open, record."""
        channel = notice.channel_id
        address = channel._address()
        if not address:
            lasting(self.env, lambda: self._stopped(notice, self.env._("The address of the webhook is not set.")))
            return
        body = chat.payload(
            channel.style or "slack", notice.title or "", notice.body or "", notice.url or "", self._label(notice))
        client, request = self._client(channel, address), self._request(address, body)
        attempts = (notice.attempts or 0) + 1
        notice.write({"state": "sending", "attempts": attempts})
        self.env.flush_all()
        self.cr.commit()
        exchange = client.send(request)
        lasting(self.env, lambda: self._settle(notice, exchange))

    def _request(self, address: str, body: dict) -> Request:
        parts = urlsplit(address)
        secrets = tuple(text for text in (address, parts.path, parts.query, parts.path.rpartition("/")[2]) if len(text) > 5)
        return Request("POST", address, body=body, secrets=secrets)

    def _client(self, channel, address: str) -> Client:
        parts = urlsplit(address)
        config = ConnectionConfig(
            base_url=f"{parts.scheme}://{parts.netloc}", timeout_connect=min(channel.timeout, 5.0),
            timeout_read=channel.timeout, timeout_total=channel.timeout * 1.5, rate_calls=1, rate_period=1.0, patience=5.0,
            parallel_calls=1, max_response_bytes=LARGEST_ANSWER,
            public_only=not self.env["integration.subscriber"]._private_allowed(), status_only=True)
        known, client = self._clients.get(channel.id, (None, None))
        if known != config:
            if client is not None:
                client.close()
            client = Client(config)
            self._clients[channel.id] = config, client
        return client

    def _settle(self, notice, exchange) -> None:
        response, error = exchange.response, exchange.error
        status = response.status if response is not None else None
        notice.write({
            "last_status": status or 0,
            "response_body": _kept(exchange.response_body)})
        if status is not None and 200 <= status < 300:
            self._sent(notice)
        elif error is None or status in STOP_STATUSES:
            self._stopped(notice, self._words(error, status, exchange))
        elif status in LOST_STATUSES or status is None and error.outcome_unknown:
            self._lost(notice, self._words(error, status, exchange))
        elif error.info.retried:
            self._again(notice, error, self._words(error, status, exchange))
        elif error.error_class in ("authentication", "internal") or error.code == "address_refused":
            self._stopped(notice, self._words(error, status, exchange))
        else:
            self._failed(notice, self._words(error, status, exchange), self.env._(
                "The chat does not take this message. Change the text of the alert or the kind of chat, then press Retry."))

    def _words(self, error: SyncError | None, status: int | None, exchange) -> str:
        said = _kept(exchange.response_body).strip()[:200]
        if status in STOP_STATUSES:
            return self.env._(
                "The chat refuses this webhook (status %(status)s: %(said)s).", status=status, said=said or "–")
        text = messages.explain(self.env, error)[0] if error is not None else self.env._(
            "The address leads elsewhere (status %(status)s).", status=status)
        return f"{text} ({said})" if said and said not in text else text

    # -- outcomes ------------------------------------------------------------------------------------------

    def _sent(self, notice) -> None:
        now = utc_now()
        notice.write({
            "state": "sent", "sent_at": now, "next_attempt_at": False, "error_message": False, "error_hint": False})
        notice.channel_id.write({
            "last_sent_at": now, "failures_in_row": 0, "retry_at": False, "last_error": False,
            **({"state": "working"} if notice.channel_id.state == "failing" else {})})

    def _again(self, notice, error: SyncError, text: str) -> None:
        """Not received, for certain: it is sent again by itself."""
        channel = notice.channel_id
        counts = error.info.counts_attempt and error.code != "not_sent"
        attempts = notice.attempts - (0 if counts else 1)
        wait = error.retry_after if error.retry_after is not None else rules_of.next_wait(max(attempts, 1))
        if wait is None:
            self._failed(notice, text, self.env._(
                "It was tried several times. When the chat works again, press Retry."))
            return
        due = failures.later(utc_now(), wait)
        notice.write({
            "state": "waiting", "attempts": attempts, "next_attempt_at": due, "error_message": text,
            "error_hint": self.env._("It is sent again by itself.")})
        channel.write({
            "retry_at": failures.later(utc_now(), min(wait, LONGEST_PAUSE)),
            **({"state": "failing", "failures_in_row": channel.failures_in_row + 1, "last_error": text[:500]}
               if counts else {})})

    def _lost(self, notice, text: str) -> None:
        """The answer did not come. Before more messages are in doubt, the channel rests."""
        notice.channel_id.write({"retry_at": failures.later(utc_now(), rules_of.WAITS[0])})
        self._in_doubt(notice, text)

    def _in_doubt(self, notice, text: str) -> None:
        """Nobody knows whether it arrived."""
        if notice.channel_id.when_lost == "again" and (wait := rules_of.next_wait(max(notice.attempts, 1))) is not None:
            notice.write({
                "state": "waiting", "next_attempt_at": failures.later(utc_now(), wait), "error_message": text,
                "error_hint": self.env._("It is sent again by itself, and may arrive twice.")})
            return
        notice.write({
            "state": "doubtful", "next_attempt_at": False, "error_message": text, "error_hint": self.env._(
                "It may have arrived. Look there: press It Is There, or Retry to send it once more.")})
        notice.channel_id._tell_responsible(text)

    def _failed(self, notice, text: str, hint: str) -> None:
        notice.write({
            "state": "failed", "next_attempt_at": False, "error_message": text, "error_hint": hint})
        notice.channel_id.write({"last_error": text[:500]})
        if notice.level != "2":
            notice.channel_id._tell_responsible(text)

    def _stopped(self, notice, text: str) -> None:
        """This message and those behind it wait until somebody has put the channel right."""
        if notice.level == "2":
            self._failed(notice, text, self.env._("Put in the present address of the webhook, and test again."))
            return
        notice.write({
            "state": "waiting", "next_attempt_at": utc_now(), "error_message": text, "error_hint": self.env._(
                "The channel is stopped. Put in its present address, then press Resume: what waits is sent.")})
        notice.channel_id.write({"last_error": text[:500]})
        notice.channel_id._stop(text)


def _kept(text: str | None) -> str:
    return (text or "").replace("\x00", "")[:KEPT_CHARACTERS]
