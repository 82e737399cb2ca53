"""Errors in the carrier's own shape."""

from ..messages import ApiError


class CarrierError(ApiError):
    """``{"error": {"code", "message", "errors": [{"field", "message", "suggestion"}]}}``"""

    def __init__(self, status, code, message, fields=None):
        super().__init__(status, code, message)
        self.fields = fields or {}

    def body(self):
        errors = [{"field": name, "message": text, "suggestion": None} for name, text in self.fields.items()]
        return {"error": {"code": self.code, "message": self.message, "errors": errors}}


def not_found():
    return CarrierError(404, "NOT_FOUND", "The requested resource could not be found.")


def required(fields):
    """422 that names the fields which are missing or wrong."""
    return CarrierError(422, "PARAMETER.REQUIRED", "Missing or invalid parameter.", fields)
