"""From the fields of queries and mutations to the methods of the shop, and from what goes wrong there to errors."""

import re

from graphql import GraphQLError

from ..messages import ApiError
from .fulfilling import Refused

MUST_BE_IDEMPOTENT = frozenset(("inventorySetQuantities",))


def snake(name):
    """
    >>> snake("productVariantsBulkUpdate")
    'product_variants_bulk_update'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Root:
    """What the fields of queries and mutations call."""

    def __init__(self, desk):
        self._desk = desk

    def __getattr__(self, name):
        query = getattr(self._desk, f"get_{snake(name)}", None)
        if query is not None:
            return lambda _info, **arguments: query(**arguments)
        work = getattr(self._desk, f"do_{snake(name)}", None)
        if work is None:
            raise AttributeError(name)
        return lambda info, **arguments: self.mutate(name, info, work, arguments)

    def mutate(self, name, info, work, arguments):
        """Carry out a mutation, once under a key; refusals become its user errors."""
        key = idempotency_key(info)
        if key is None and name in MUST_BE_IDEMPOTENT:
            raise GraphQLError("The @idempotent directive is required for this mutation but was not provided.",
                               extensions={"code": "BAD_REQUEST"})  # fmt: skip
        asked = repr((name, arguments))
        if key in self._desk.answers:
            if self._desk.answers[key][0] != asked:
                return refused(info, [{
                    "field": None, "code": "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
                    "message": "The same idempotency key was used with other parameters."}])  # fmt: skip
            self._desk.app.metrics.replayed += 1
            return self._desk.answers[key][1]
        try:
            answer = work(**arguments)
        except Refused as error:
            return refused(info, error.errors)
        except ApiError as error:
            return refused(info, [{"field": ["input"], "message": error.message, "code": "INVALID"}])
        if key:
            self._desk.answers[key] = (asked, answer)
        return answer


def refused(info, errors):
    names = info.schema.get_type(str(info.return_type)).fields
    return {name: errors for name in names if name.endswith("serErrors")}


def idempotency_key(info):
    for directive in info.field_nodes[0].directives or ():
        if directive.name.value == "idempotent":
            value = directive.arguments[0].value
            known = getattr(info.variable_values, "coerced", info.variable_values)  # of graphql-core 3.3, and of 3.2
            return known.get(value.name.value) if hasattr(value, "name") else value.value
    return None


def began(result):
    """Errors in variables come before anything is carried out: then there is no data in the answer."""
    return any(error.path for error in result.errors or ())


def plain(error):
    shown = {"message": error.message}
    if error.path:
        shown["path"] = list(error.path)
    code = getattr(error.original_error, "code", None)
    code = code or ("INTERNAL_SERVER_ERROR" if error.path else "INVALID_VARIABLE")
    shown["extensions"] = error.extensions or {"code": code}
    return shown
