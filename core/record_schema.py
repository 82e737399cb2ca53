"""Does a record fit the JSON Schema of its resource (https://json-schema.org/draft/2020-12)?"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema
import referencing
from referencing.jsonschema import EMPTY_REGISTRY

from .errors import SyncError


@lru_cache(maxsize=64)
def compile_record_schema(text: str) -> jsonschema.Draft202012Validator:
    """The validator of a JSON Schema. References to other documents are never loaded.

    :raises SyncError: mapping/bad_schema (reason)
    """
    try:
        schema = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(schema)
    except (ValueError, jsonschema.SchemaError) as error:
        reason = error.message if isinstance(error, jsonschema.SchemaError) else str(error)
        raise SyncError("mapping", "bad_schema", params={"reason": reason[:300]}, detail=str(error)[:4000]) from None
    return jsonschema.Draft202012Validator(schema, registry=EMPTY_REGISTRY)


def check_record(text: str, record: Any, *, partial: bool = False) -> None:
    """Raise where ``record`` does not fit the schema in ``text``; the first deviation by its place is told.

    :param partial: only what changed is sent: what is missing is no deviation
    :raises SyncError: schema/schema_mismatch (path, reason); mapping/bad_schema (reason)

    >>> schema = '{"properties": {"qty": {"type": "integer"}}, "required": ["sku"]}'
    >>> check_record(schema, {"qty": 1}, partial=True)
    >>> check_record(schema, {"sku": "A", "qty": "1"})
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: schema_mismatch (path=qty, reason='1' is not of type 'integer')
    """
    try:
        deviations = [
            error for error in compile_record_schema(text).iter_errors(record)
            if not (partial and error.validator in ("required", "minProperties", "dependentRequired"))]
    except referencing.exceptions.Unresolvable as error:
        raise SyncError("mapping", "bad_schema", params={"reason": str(error)[:300]}) from None
    if deviations:
        first = min(deviations, key=lambda error: [str(step) for step in error.absolute_path])
        place = ".".join(str(step) for step in first.absolute_path) or "@"
        raise SyncError("schema", "schema_mismatch", params={"path": place, "reason": first.message[:300]})
