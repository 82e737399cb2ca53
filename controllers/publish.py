"""The routes for published data. What is answered is decided in ``engine/publish_serving.py``."""

import logging

import werkzeug.exceptions
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from odoo.http import Controller, Dispatcher, Response, request, route

from ..core.publishing import Refusal
from ..engine import publish_serving
from ..models.flow_publish import PATH

_logger = logging.getLogger(__name__)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]


class PublishDispatcher(Dispatcher):
    """Calls of programs: nothing is parsed before the endpoint sees it, no session, and every fault is answered as a
    problem in JSON, without a word about our insides."""

    routing_type = "integration_publish"

    @classmethod
    def is_compatible_with(cls, request):
        return request.httprequest.path.startswith(f"{PATH}/")

    def dispatch(self, endpoint, args):
        self.request.params = dict(args)
        return self.request.registry["ir.http"]._dispatch(endpoint)

    def handle_error(self, exc):
        if isinstance(exc, RequestEntityTooLarge):
            return _refused(Refusal(413, "too_large", "The body is too large."))
        if isinstance(exc, HTTPException) and exc.code is not None and exc.code < 500:
            return _refused(Refusal(404 if exc.code == 404 else 400, "bad_request", "This request cannot be understood."))
        return _refused(Refusal(503, "fault", "A fault on our side. Try again in a moment.", (("Retry-After", "5"),)))


class PublishController(Controller):
    @route(
        [f"{PATH}/<string:code>", f"{PATH}/<string:code>/<path:rest>"], type=PublishDispatcher.routing_type, auth="none",
        csrf=False, save_session=False, methods=METHODS, readonly=True)
    def publish(self, code, rest=""):
        """Documents of a publication: ``items``, ``items/<key>``, ``lookup``, ``openapi.json``."""
        http = request.httprequest
        headers = http.headers
        return _response(publish_serving.answer(request.env, publish_serving.Call(
            method=http.method, code=code, rest=rest, query=list(http.args.items(multi=True)),
            authorization=headers.get("Authorization"), if_none_match=headers.get("If-None-Match"),
            accept_encoding=headers.get("Accept-Encoding"), content_type=headers.get("Content-Type", ""), read=_read_body,
            path=f"{PATH}/{code}")))


def _read_body(limit):
    """The bytes that were sent, if they are not more than ``limit``, by what is announced and by what comes."""
    http = request.httprequest
    http.max_content_length = limit
    too_large = Refusal(413, "too_large", f"The body may have {limit} bytes at most.")
    if (http.content_length or 0) > limit:
        raise too_large
    try:
        body = http.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        raise too_large from None
    except werkzeug.exceptions.BadRequest:
        raise Refusal(400, "bad_body", "The body has ended too early.") from None
    if len(body) > limit:
        raise too_large
    return body


def _refused(refusal):
    return _response(publish_serving.refused(refusal))


def _response(answer):
    response = Response(answer.body, status=answer.status, headers=answer.headers)
    if answer.status in (204, 304):
        response.headers.pop("Content-Type", None)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
