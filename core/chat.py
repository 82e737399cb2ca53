"""Messages as chats want them at their incoming webhooks: plain values, no HTTP.

Slack takes a text and blocks; Mattermost and Rocket.Chat a text in Markdown; Microsoft Teams an adaptive card. What a
record is called must neither format the message nor call people: names come from outside.
"""

from __future__ import annotations

import re
from typing import Any, Literal

Style = Literal["slack", "markdown", "teams"]
STYLES: tuple[Style, ...] = ("slack", "markdown", "teams")

MOST_TITLE = 150
"""Characters of a Slack header block; enough for the others."""
MOST_TEXT = 2900
"""Characters of the text: a Slack section holds 3,000."""
_BREAK = "\u200b"
"""A zero-width space: behind @ it keeps a word from being a mention."""
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")


def payload(style: Style, title: str, text: str, url: str = "", label: str = "") -> dict[str, Any]:
    """The body of one message.

    :param text: plain text; its lines stay lines
    :param url: where the message leads; blank = nowhere

    >>> payload("slack", "Order", "Ann & Bob")["blocks"][1]["text"]["text"]
    'Ann &amp; Bob'
    >>> payload("markdown", "Order", "a*b", "https://odoo.example.com/1", "Open")["text"]
    '**Order**\\na\\\\*b\\n[Open](https://odoo.example.com/1)'
    """
    title, text = shortened(" ".join(title.split()), MOST_TITLE), shortened(text.strip(), MOST_TEXT)
    return {"slack": _slack, "markdown": _markdown, "teams": _teams}[style](title, text, url, label or url)


def shortened(text: str, most: int) -> str:
    """
    >>> shortened("abcdef", 4), shortened("abc", 4)
    ('abc…', 'abc')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def _slack(title: str, text: str, url: str, label: str) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title or "Odoo", "emoji": False}}]
    if text:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": shortened(_slack_text(text), 3000)}})
    if url:
        link = f"<{url}|{_slack_text(label)}>"
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": link}]})
    # The text is what phones announce, and what is shown where blocks are not.
    return {"text": _slack_text(f"{title}\n{text}".strip()), "blocks": blocks}


def _slack_text(text: str) -> str:
    """Slack's three control characters; formatting signs are left, as they can harm nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(title: str, text: str, url: str, label: str) -> dict[str, Any]:
    lines = [f"**{_marked(title)}**" if title else "", _marked(text), f"[{_marked(label)}]({url})" if url else ""]
    return {"text": "\n".join(line for line in lines if line)}


def _marked(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text).replace("@", "@" + _BREAK)


def _teams(title: str, text: str, url: str, label: str) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": _marked(title), "weight": "Bolder", "size": "Medium", "wrap": True}]
    body += [
        {"type": "TextBlock", "text": _marked(line), "wrap": True, "spacing": "None"}
        for line in text.splitlines() if line.strip()]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "body": body}
    if url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": label, "url": url}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
