"""What travels through the server: a request, a response, and an error in the shop's own shape."""

import json
from urllib.parse import parse_qsl, unquote, urlencode


class ApiError(Exception):
    """An answer with the shop's error body ``{"code", "message", "data": {"status", ...}}``."""

    def __init__(self, status, code, message, headers=(), **data):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = list(headers)
        self.data = {"status": status, **data}

    def body(self):
        return {"code": self.code, "message": self.message, "data": self.data}


def invalid_params(params):
    """The shop's answer to wrong values: one message per parameter.

    >>> invalid_params({"email": "Invalid email address."}).body()["message"]
    'Invalid parameter(s): email'
    """
    details = {
        name: {
            "code": "rest_invalid_type" if "type" in text else "rest_invalid_param",
            "message": text,
            "data": None,
        }
        for name, text in params.items()
    }
    message = f"Invalid parameter(s): {', '.join(params)}"
    return ApiError(400, "rest_invalid_param", message, params=params, details=details)


def missing_params(names):
    message = f"Missing parameter(s): {', '.join(names)}"
    return ApiError(400, "rest_missing_callback_param", message, params=list(names))


def no_route():
    return ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")


def dumps(value):
    """JSON as the shop writes it: compact, ASCII only."""
    return json.dumps(value, separators=(",", ":")).encode()


class Request:
    """One request. ``segments``: parts of the path, decoded one by one, so that an id may hold a slash."""

    __slots__ = ("_json", "body", "connection", "headers", "method", "pairs", "path", "segments", "target")

    def __init__(self, method, target, headers, body, connection=0):
        path, _, query = target.partition("?")
        self.method = method
        self.target = target
        self.path = path
        self.segments = [unquote(part) for part in path.split("/") if part]
        self.pairs = parse_qsl(query, keep_blank_values=True)
        self.headers = headers
        self.body = body
        self.connection = connection
        self._json = None

    def param(self, name, default=None):
        """The last value of a query parameter."""
        for key, value in reversed(self.pairs):
            if key == name:
                return value
        return default

    def params(self, name):
        """All values of a list parameter: ``a=1,2``, ``a[]=1&a[]=2`` and ``a[0]=1`` mean the same."""
        values = []
        for key, value in self.pairs:
            if key == name:
                values += [part.strip() for part in value.split(",") if part.strip()]
            elif key.startswith(name + "[") and key.endswith("]"):
                values.append(value)
        return values

    def without(self, *names):
        """The same request with some query parameters removed (a page parameter that the shop ignores)."""
        pairs = [(key, value) for key, value in self.pairs if key not in names]
        return Request(
            self.method, f"{self.path}?{urlencode(pairs)}", self.headers, self.body, self.connection
        )

    def url(self, **changes):
        """The address of this request with other query parameters; ``None`` removes one."""
        pairs = [(key, value) for key, value in self.pairs if key not in changes]
        pairs += [(key, str(value)) for key, value in changes.items() if value is not None]
        query = f"?{urlencode(pairs)}" if pairs else ""
        return f"http://{self.headers.get('host', 'localhost')}{self.path}{query}"

    def json(self):
        """The body as JSON, which must be an object or a list."""
        if self._json is None:
            self._json = self._parse()
        return self._json

    def json_object(self):
        value = self.json()
        if not isinstance(value, dict):
            raise ApiError(400, "rest_invalid_json", "The body must be a JSON object.")
        return value

    def _parse(self):
        if not self.body.strip():
            return {}
        if "x-www-form-urlencoded" in self.headers.get("content-type", ""):
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ApiError(
                400,
                "rest_invalid_json",
                "Invalid JSON body passed.",
                json_error_code=4,
                json_error_message=str(error),
            ) from error
        if not isinstance(value, dict | list):
            raise ApiError(400, "rest_invalid_json", "Invalid JSON body passed.", json_error_code=4)
        return value


class Response:
    """One answer, ready to be written."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(self, body=b"", status=200, headers=(), content_type="application/json; charset=UTF-8"):
        self.body = body
        self.status = status
        self.headers = list(headers)
        self.content_type = content_type

    @classmethod
    def of(cls, value, status=200, headers=()):
        return cls(dumps(value), status, headers)

    @classmethod
    def html(cls, text, status=200):
        return cls(text.encode(), status, content_type="text/html; charset=UTF-8")

    @classmethod
    def error(cls, error):
        return cls(dumps(error.body()), error.status, error.headers)
