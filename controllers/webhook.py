"""The route for webhooks. What happens with a delivery is in ``engine/reception.py``."""

import logging

import werkzeug.exceptions
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from odoo.http import Controller, Dispatcher, Response, request, route

from ..engine import reception

_logger = logging.getLogger(__name__)


class WebhookDispatcher(Dispatcher):
    """Requests whose body belongs to the endpoint.

    Odoo's own dispatchers parse forms before the endpoint is called; of a form that was parsed the bytes that were signed
    are gone. Errors are answered without a word about them.
    """

    routing_type = "integration_webhook"

    @classmethod
    def is_compatible_with(cls, request):
        # Nothing is inferred from the content type: senders send what they like.
        return request.httprequest.path.startswith(f"{reception.PATH}/")

    def dispatch(self, endpoint, args):
        self.request.params = dict(args)
        return self.request.registry["ir.http"]._dispatch(endpoint)

    def handle_error(self, exc):
        """A fault of ours, most likely of the database: the sender has to try again."""
        if isinstance(exc, HTTPException) and exc.code is not None and exc.code < 500:
            return _bare(reception.REFUSED)
        return _bare(reception.Answer(503))


class WebhookController(Controller):
    @route(
        f"{reception.PATH}/<string:token>", type=WebhookDispatcher.routing_type, auth="none", csrf=False,
        save_session=False, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], readonly=False)
    def receive(self, token):
        """One delivery: 200 when it is stored (or was before), 403 for whatever is wrong with it, 503 for a fault here."""
        http = request.httprequest
        delivery = reception.Delivery(
            token=token, method=http.method, headers=dict(http.headers), query=http.args.to_dict(),
            content_type=http.headers.get("Content-Type", ""), address=http.remote_addr or "", read=_read_body,
            query_text=http.query_string.decode("latin-1"))
        return _bare(reception.receive(request.env, delivery))


def _read_body(limit):
    """The bytes that were sent, if they are not more than ``limit``, by what is announced and by what comes."""
    http = request.httprequest
    http.max_content_length = limit
    if (http.content_length or 0) > limit:
        raise reception.TooLarge
    try:
        body = http.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        raise reception.TooLarge from None
    except werkzeug.exceptions.BadRequest as error:  # the sender hung up
        raise OSError from error
    if len(body) > limit:
        raise reception.TooLarge
    return body


def _bare(answer):
    return Response(answer.text, status=answer.status, content_type="text/plain; charset=utf-8", headers=[
        ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")])
