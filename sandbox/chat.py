"""Incoming webhooks of a chat: ``/chat/services/<team>/<hook>/<token>``, answering as Slack documents it.

200 ``ok``; 400 ``invalid_payload`` or ``no_text``; 403 ``action_prohibited``; 404 ``no_service``; 410
``channel_is_archived``; 429 with ``Retry-After`` comes from the ordered fault. ``/chat/workflows/<token>`` takes adaptive
cards as Microsoft Teams does (202, no body). ``GET /chat/messages`` with the control key shows what was posted.
"""

import json

from .auth import same
from .messages import ApiError, Response, no_route
from .system import System

TOKEN = "sandbox-hook-token"  # noqa: S105 - the sandbox's own
BLOCKS = {"header", "section", "context", "divider", "actions", "image"}
MOST_TEXT, MOST_BLOCKS, MOST_SECTION, MOST_HEADER = 40_000, 50, 3000, 150
CARD = "application/vnd.microsoft.card.adaptive"
LARGEST_CARD = 28 * 1024


def plain(text, status):
    return Response(text.encode(), status, content_type="text/html")


class Chat(System):
    def clear(self):
        with self.lock:
            self.messages = []
            self.archived = set()

    def refusal(self, error):
        return plain(error.code, error.status) if not error.headers else Response(
            error.code.encode(), error.status, error.headers, content_type="text/html")

    def serve(self, request):
        parts = request.segments[1:]
        with self.lock:
            if parts == ["messages"] and request.method == "GET":
                if not same(request.headers.get("x-control-key"), self.app.settings.control_key):
                    raise ApiError(401, "control_key_needed", "Send the control key as X-Control-Key.")
                return Response.of({"messages": self.messages})
            if request.method != "POST":
                raise no_route()
            if parts[:1] == ["services"] and len(parts) == 4:
                return self._slack(request, *parts[1:])
            if parts[:1] == ["workflows"] and len(parts) == 2:
                return self._teams(request, parts[1])
        raise no_route()

    def _slack(self, request, _team, hook, token):
        if token != TOKEN:
            return plain("no_service", 404)
        if hook == "archived":
            return plain("channel_is_archived", 410)
        if hook == "prohibited":
            return plain("action_prohibited", 403)
        problem = slack_problem(request.body)
        if problem:
            return plain(problem, 400)
        self._keep(hook, json.loads(request.body))
        return plain("ok", 200)

    def _teams(self, request, token):
        if token != TOKEN:
            return Response.of({"error": {"code": "DirectApiAuthorizationRequired"}}, 401)
        body = as_object(request.body)
        cards = [part for part in (body or {}).get("attachments") or () if part.get("contentType") == CARD]
        if body is None or body.get("type") != "message" or not cards or len(request.body) > LARGEST_CARD \
                or any(card.get("content", {}).get("type") != "AdaptiveCard" for card in cards):
            return Response.of({"error": {"code": "InvalidBotFrameworkCard"}}, 400)
        self._keep("teams", body)
        return Response(b"", 202, content_type="text/plain")

    def _keep(self, hook, body):
        self.messages.append({"hook": hook, "body": body})
        self.app.metrics.created("chat.messages", {"reference": str(len(self.messages))}, None)


def as_object(raw):
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def slack_problem(raw):
    """What is wrong with a body, in Slack's word; blank when it is posted.

    >>> slack_problem(b"{}"), slack_problem(b"not json"), slack_problem(b'{"text": "hello"}')
    ('no_text', 'invalid_payload', '')
    """
    body = as_object(raw)
    if body is None:
        return "invalid_payload"
    text, blocks = body.get("text"), body.get("blocks")
    if not text and not blocks:
        return "no_text"
    if text is not None and (not isinstance(text, str) or len(text) > MOST_TEXT):
        return "invalid_payload"
    if blocks is not None and (not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS or not all(
            isinstance(block, dict) and block_fits(block) for block in blocks)):
        return "invalid_blocks"
    return ""


def block_fits(block):
    kind = block.get("type")
    if kind not in BLOCKS:
        return False
    if kind in ("header", "section"):
        text = (block.get("text") or {}).get("text")
        most = MOST_HEADER if kind == "header" else MOST_SECTION
        wanted = {"plain_text"} if kind == "header" else {"plain_text", "mrkdwn"}
        return isinstance(text, str) and 1 <= len(text) <= most and block["text"].get("type") in wanted
    return kind != "context" or bool(block.get("elements"))
