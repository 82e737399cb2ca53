"""Who may call: Basic, API key in a header or in the query, and OAuth2 client credentials."""

import base64
import binascii
import secrets
import threading
import time
from hmac import compare_digest

from .messages import ApiError, Response

PLACES = "basic, api_key, oauth2"


def same(given, expected):
    return compare_digest((given or "").encode(), expected.encode())


class OAuth:
    """Access tokens that run out and refresh tokens that work once."""

    def __init__(self, settings):
        self._settings = settings
        self._lock = threading.Lock()
        self._access = {}
        self._refresh = set()
        self.issued = 0

    def revoke(self):
        """Every token given so far stops working."""
        with self._lock:
            self._access.clear()
            self._refresh.clear()

    def expire(self):
        """Every access token given so far has run out; refresh tokens still work."""
        with self._lock:
            self._access = dict.fromkeys(self._access, 0.0)

    def valid(self, token):
        with self._lock:
            return self._access.get(token, 0) > time.monotonic()

    def token(self, request):
        """``POST /oauth/token`` with grant_type client_credentials or refresh_token."""
        form = request.json_object()
        user, password = basic(request) or (form.get("client_id"), form.get("client_secret"))
        if not (same(user, self._settings.client_id) and same(password, self._settings.client_secret)):
            return oauth_error(401, "invalid_client", "Client authentication failed.")
        grant = form.get("grant_type")
        with self._lock:
            if grant == "refresh_token":
                if form.get("refresh_token") not in self._refresh:
                    return oauth_error(
                        400, "invalid_grant", "The refresh token is invalid, expired or was used."
                    )
                self._refresh.discard(form["refresh_token"])
            elif grant != "client_credentials":
                return oauth_error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")
            self.issued += 1
            access, refresh = f"at_{secrets.token_hex(16)}", f"rt_{secrets.token_hex(16)}"
            seconds = self._settings.token_expires_in
            self._access[access] = time.monotonic() + seconds
            self._refresh.add(refresh)
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": seconds,
            "refresh_token": refresh,
        }
        return Response.of(answer, headers=[("Cache-Control", "no-store")])


def oauth_error(status, code, text):
    headers = [("WWW-Authenticate", 'Basic realm="shop"')] if status == 401 else []
    return Response.of({"error": code, "error_description": text}, status, headers)


def basic(request):
    """User and password of the Authorization header, or None."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return user, password


def refuse(code, message):
    return ApiError(401, code, message, headers=[("WWW-Authenticate", 'Bearer error="invalid_token"')])


def check(request, settings, oauth):
    """Let the request pass or raise the shop's 401."""
    mode = settings.auth
    if mode == "none":
        return
    pair = basic(request)
    if pair is None and request.param("consumer_key") is not None:
        pair = (request.param("consumer_key"), request.param("consumer_secret"))
    if pair is not None and mode in ("any", "basic"):
        if not same(pair[0], settings.consumer_key):
            raise refuse("woocommerce_rest_authentication_error", "Consumer key is invalid.")
        if not same(pair[1], settings.consumer_secret):
            raise refuse("woocommerce_rest_authentication_error", "Consumer secret is invalid.")
        return
    key = request.headers.get("x-api-key") or request.param("api_key")
    if key is not None and mode in ("any", "api_key"):
        if not same(key, settings.api_key):
            raise refuse("rest_invalid_api_key", "The API key is invalid.")
        return
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and mode in ("any", "oauth2"):
        if not oauth.valid(token.strip()):
            raise refuse("rest_token_expired", "The access token is invalid or has expired.")
        return
    verb = "list resources" if request.method == "GET" else "edit this resource"
    code = "woocommerce_rest_cannot_view" if request.method == "GET" else "woocommerce_rest_cannot_edit"
    raise refuse(code, f"Sorry, you cannot {verb}.")
