"""What each kind of fault does: ``fault_<kind>(exchange, options)``.

``exchange.carry_out()`` lets the shop do its work and returns its answer; a fault that happens before the
write simply does not call it. A function returns the answer to send, or calls ``exchange.cut()`` and returns
None.
"""

import json
import time
from email.utils import formatdate

from .listing import PAGE_PARAMS
from .messages import ApiError, Response, dumps

MANY_PAGES = "1000000"


def body_of(status, options, code, message):
    """The error body: the shop's own shape, unless the order of the fault brings one."""
    if "body" in options:
        body = options["body"]
        return body.encode() if isinstance(body, str) else dumps(body)
    error = ApiError(
        status, options.get("code", code), options.get("message", message), **options.get("data", {})
    )
    return dumps(error.body())


def retry_after(options, default=None):
    seconds = options.get("retry_after", default)
    if seconds is None:
        return []
    text = formatdate(time.time() + seconds, usegmt=True) if options.get("as_date") else str(seconds)
    return [("Retry-After", text)]


def fault_delay(exchange, options):
    """A slow answer; ``seconds``. (Delays are summed before any other fault and never get here.)"""
    return exchange.carry_out()


def fault_status(exchange, options):
    """Any ``status`` with ``code``, ``message``, ``data`` or ``body``, ``headers``; ``after_write``."""
    status = options.get("status", 400)
    if options.get("after_write"):
        exchange.carry_out()
    body = body_of(status, options, "sandbox_fault", f"The sandbox was told to answer {status}.")
    headers = [*retry_after(options), *options.get("headers", {}).items()]
    return Response(body, status, headers)


def fault_rate_limit(exchange, options):
    """429 with ``retry_after`` seconds (``as_date``: as an HTTP date)."""
    body = body_of(429, options, "rest_too_many_requests", "Too many requests. Try again later.")
    return Response(body, 429, retry_after(options, 1))


def fault_server_error(exchange, options):
    """500 (or ``status``); ``after_write``: only the answer fails."""
    message = "There has been a critical error on this website."
    return fault_status(
        exchange, {"status": 500, "code": "internal_server_error", "message": message, **options}
    )


def fault_expired_token(exchange, options):
    """401, as for an access token that has run out (``status`` 403 for systems that say so)."""
    status = options.get("status", 401)
    body = body_of(status, options, "rest_token_expired", "The access token has expired.")
    return Response(body, status, [("WWW-Authenticate", 'Bearer error="invalid_token"')])


def fault_timeout_before(exchange, options):
    """Nothing is done and nothing answered for ``seconds``, then the connection is cut."""
    exchange.hold(options.get("seconds", 30))
    exchange.cut()


def fault_timeout_after(exchange, options):
    """The write is done, but nothing is answered for ``seconds``, then the connection is cut."""
    exchange.carry_out()
    exchange.hold(options.get("seconds", 30))
    exchange.cut()


def fault_cut_before(exchange, options):
    """The connection is cut, nothing is done."""
    exchange.cut()


def fault_cut_after(exchange, options):
    """The write is done, then the connection is cut without an answer."""
    exchange.carry_out()
    exchange.cut()


def fault_malformed_json(exchange, options):
    """The answer is not JSON although it says so."""
    answer = exchange.carry_out()
    answer.body = options.get("body", '{"data": [}, <br />\n<b>Warning</b>: Undefined index').encode()
    return answer


def fault_truncated_json(exchange, options):
    """A complete HTTP answer whose JSON stops in the middle (``at``: after that many bytes)."""
    answer = exchange.carry_out()
    answer.body = answer.body[: options.get("at", max(1, len(answer.body) // 2))]
    return answer


def fault_cut_body(exchange, options):
    """The whole length is announced, half of the body is sent, then the connection is cut."""
    answer = exchange.carry_out()
    exchange.send_part(answer, options.get("at", len(answer.body) // 2))
    exchange.cut()


def fault_html(exchange, options):
    """An HTML page with 200 (or ``status``), as proxies and maintenance modes send; nothing is done."""
    page = options.get(
        "body", "<!DOCTYPE html><html><body><h1>Briefly unavailable for scheduled maintenance.</h1>"
    )
    return Response.html(page, options.get("status", 200))


def fault_empty_body(exchange, options):
    """The write is done, the body of the answer is empty (``status`` to change that too)."""
    answer = exchange.carry_out()
    return Response(b"", options.get("status", answer.status), content_type=answer.content_type)


def fault_error_200(exchange, options):
    """An error inside a 200: ``{"errors": [{message, extensions: {code}}], "data": null}``; nothing done."""
    error = {
        "message": options.get("message", "You are not currently authorized to perform this action"),
        "extensions": {"code": options.get("code", "FORBIDDEN")},
    }
    return Response.of(options.get("body", {"errors": [error], "data": None}))


def fault_repeat_page(exchange, options):
    """Whatever page is asked for, the first one is sent, and there is always a next page."""
    request = exchange.request
    here = request.url()
    answer = exchange.carry_out(request.without(*PAGE_PARAMS))
    kept = [header for header in answer.headers if header[0] not in ("Link", "X-WP-TotalPages")]
    answer.headers = [*kept, ("Link", f'<{here}>; rel="next"'), ("X-WP-TotalPages", MANY_PAGES)]
    body = json.loads(answer.body)
    if isinstance(body, dict) and "paging" in body:
        body["paging"] = {"next_cursor": "eyJhZnRlciI6MH0=", "next_url": here, "has_more": True}
    elif isinstance(body, dict) and "next" in body:
        body["next"] = here
    elif isinstance(body, dict) and "meta" in body:
        body["meta"]["pages"] = int(MANY_PAGES)
    answer.body = dumps(body)
    return answer


def fault_duplicate_ids(exchange, options):
    """The first record of a page comes twice (``count`` times more); ``change`` alters the copies."""
    answer = exchange.carry_out()
    body = json.loads(answer.body)
    records = body if isinstance(body, list) else next((v for v in body.values() if isinstance(v, list)), [])
    if records:
        copy = {**records[0], **options.get("change", {})} if isinstance(records[0], dict) else records[0]
        records += [copy] * options.get("count", 1)
    answer.body = dumps(body)
    return answer


def fault_oversize(exchange, options):
    """A body of ``bytes`` (10 MB): the answer, then blanks, so that it still is valid JSON."""
    answer = exchange.carry_out()
    answer.body += b" " * max(0, options.get("bytes", 10 * 1024 * 1024) - len(answer.body))
    return answer


def fault_redirect(exchange, options):
    """Sent elsewhere: ``location``, ``status`` (302); nothing is done."""
    location = options.get("location", "http://127.0.0.2:9/elsewhere")
    return Response(b"", options.get("status", 302), [("Location", location)])


def fault_wrong_content_type(exchange, options):
    """Right body, wrong ``content_type`` (text/plain)."""
    answer = exchange.carry_out()
    answer.content_type = options.get("content_type", "text/plain; charset=ISO-8859-1")
    return answer
