"""The OpenAPI 3.1 document of a publication, from what its rules make of each field.

Pure: the caller says where each value stands and of which type it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import paths, publishing
from .publishing import Spec

VERSION = "3.1.0"
_PROBLEMS = {
    400: "The question cannot be understood; detail says what is wrong.",
    401: "No valid token.",
    403: "The token may not read this.",
    404: "There is nothing here, or not for this token.",
    405: "This method is not known here.",
    409: "The cursor is not valid any more: everything has to be read again.",
    413: "Too much was asked for at once.",
    415: "The body is not JSON.",
    429: "Too many calls; Retry-After says when to try again.",
    503: "The documents are being prepared, or the publication is paused.",
}


class Value(NamedTuple):
    """One value of a document."""

    path: str
    schema: dict
    optional: bool = False
    description: str = ""


def nullable(schema: dict) -> dict:
    """The same, or null.

    >>> nullable({"type": "string", "format": "date"})
    {'type': ['string', 'null'], 'format': 'date'}
    """
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return schema


def document_schema(values: list[Value]) -> dict:
    """The schema of a document whose values stand at these paths.

    >>> schema = document_schema([Value("sku", {"type": "string"}), Value("price.amount", {"type": "number"}, True)])
    >>> sorted(schema["properties"]), schema["required"], schema["properties"]["price"]["properties"]
    (['price', 'sku'], ['sku'], {'amount': {'type': 'number'}})
    """
    tree: dict = {"type": "object", "properties": {}, "required": []}
    for value in values:
        steps = paths.steps(value.path)
        place = tree
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            if isinstance(step, int) or place.get("type") != "object":
                place.clear()  # lists by index are described as anything
                break
            below = place["properties"].get(step)
            if below is None:
                below = {} if last else {"type": "object", "properties": {}, "required": []}
                place["properties"][step] = below
            if not value.optional and step not in place["required"]:
                place["required"].append(step)
            if last:
                below.update(value.schema)
                if value.description:
                    below["description"] = value.description
            place = below
    return _without_empty(tree)


def _without_empty(schema: dict) -> dict:
    for below in schema.get("properties", {}).values():
        _without_empty(below)
    if not schema.get("required", True):
        del schema["required"]
    return schema


def build(*, title: str, description: str, values: list[Value], spec: Spec, filters: dict[str, dict]) -> dict:
    """The document, without ``servers``.

    :param filters: name → schema of the values by which may be filtered
    """
    document = document_schema(values)
    chosen = _chosen(document)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": "1", "description": description},
        "security": [{"token": []}],
        "paths": {
            "/items": {"get": _list(spec, filters)},
            "/items/{key}": {"get": _one(spec)},
            "/lookup": {"post": _lookup(spec)},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Document": document,
                "Chosen": chosen,
                "Problem": {
                    "type": "object", "required": ["type", "title", "status", "code", "detail"],
                    "properties": {
                        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                        "code": {"type": "string", "description": "For programs"},
                        "detail": {"type": "string", "description": "For people"}}},
                "Cursor": {"type": "string", "pattern": publishing.CURSOR},
            },
        },
    }


def _chosen(schema: dict) -> dict:
    """The same document when only some fields of it were chosen: nothing is certain to be there."""
    copy = {name: value for name, value in schema.items() if name != "required"}
    if "properties" in copy:
        copy["properties"] = {name: _chosen(below) for name, below in copy["properties"].items()}
    return copy


def _list(spec: Spec, filters: dict[str, dict]) -> dict:
    parameters = [
        _parameter("limit", {"type": "integer", "minimum": 1, "maximum": spec.max_page, "default": spec.page_size},
                   "So many documents and removals at most."),
        _parameter("since", {"$ref": "#/components/schemas/Cursor"},
                   "Only what has changed since this cursor, removals included."),
        _parameter("after", {"type": "string", "minLength": 1, "maxLength": publishing.MAX_TEXT, "pattern": publishing.TEXT},
                   "The page begins behind this key. Part of next."),
        _parameter("cursor", {"$ref": "#/components/schemas/Cursor"},
                   "The cursor of the first page, while the others are read. Part of next."),
        _fields(spec),
        _several("key", {"type": "string"}, "Only documents with one of these keys."),
        *(_several(name, schema, f"Only documents whose {name} is one of these.") for name, schema in filters.items()),
        _parameter("If-None-Match", {"type": "string"},
                   "The ETag of an answer that is there already.", place="header"),
    ]
    answer = {
        "type": "object", "required": ["items", "deleted", "cursor", "next"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Chosen"}},
            "deleted": {"type": "array", "description": "With since: what is gone, or not to be seen any more.", "items": {
                "type": "object", "required": ["key", "at"],
                "properties": {"key": {"type": "string"}, "at": {"type": "string", "format": "date-time"}}}},
            "cursor": {"$ref": "#/components/schemas/Cursor"},
            "next": {"type": ["string", "null"], "description": "Address of the next page; null after the last one."}}}
    return {
        "operationId": "list", "summary": "Documents, page by page, all or only what has changed",
        "parameters": parameters,
        "responses": {
            "200": _ok(answer, {"ETag": _header("For If-None-Match.")}),
            "304": {"description": "Nothing has changed since the answer with this ETag."},
            **_problems(400, 401, 403, 404, 405, 409, 429, 503)},
    }


def _one(spec: Spec) -> dict:
    key = {"name": "key", "in": "path", "required": True, "description": "The key of the document.",
           "schema": {"type": "string", "minLength": 1, "maxLength": publishing.MAX_TEXT, "pattern": "^[^/]+$"}}
    condition = _parameter(
        "If-None-Match", {"type": "string"},
        "The ETag of an answer that is there already.", place="header")
    return {
        "operationId": "get", "summary": "One document by its key", "parameters": [key, _fields(spec), condition],
        "responses": {
            "200": _ok({"$ref": "#/components/schemas/Chosen"}, {"ETag": _header("For If-None-Match.")}),
            "304": {"description": "Nothing has changed since the answer with this ETag."},
            **_problems(400, 401, 403, 404, 405, 429, 503)},
    }


def _lookup(spec: Spec) -> dict:
    text = {"type": "string", "minLength": 1, "maxLength": publishing.MAX_TEXT, "pattern": publishing.TEXT}
    whole = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    fields = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(spec.fields)}}
    variants = []
    for name, schema in (("keys", text), ("ids", whole), *((name, text) for name in spec.filters)):
        variants.append({
            "type": "object", "required": [name], "additionalProperties": False,
            "properties": {
                name: {"type": "array", "minItems": 1, "maxItems": spec.max_lookup, "items": schema}, "fields": fields}})
    answer = {
        "type": "object", "required": ["items", "missing", "cursor"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Chosen"}},
            "missing": {"type": "array", "items": {"type": ["string", "integer"]},
                        "description": "Values for which there is nothing (or nothing for this token)."},
            "cursor": {"$ref": "#/components/schemas/Cursor"}}}
    return {
        "operationId": "lookup", "summary": "Many documents in one call, by keys, by IDs in Odoo, or by a filter",
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": variants}}}},
        "responses": {"200": _ok(answer), **_problems(400, 401, 403, 404, 405, 413, 415, 429, 503)},
    }


def _fields(spec: Spec) -> dict:
    return {
        "name": "fields", "in": "query", "style": "form", "explode": False,
        "description": "Only these fields of each document.",
        "schema": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(spec.fields)}}}


def _several(name: str, schema: dict, description: str) -> dict:
    return {
        "name": name, "in": "query", "style": "form", "explode": True, "description": description,
        "schema": {"type": "array", "minItems": 1, "maxItems": publishing.MAX_VALUES, "items": {
            "minLength": 1, "maxLength": publishing.MAX_TEXT, "pattern": publishing.TEXT, **schema}}}


def _parameter(name: str, schema: dict, description: str, place: str = "query") -> dict:
    return {"name": name, "in": place, "schema": schema, "description": description}


def _header(description: str) -> dict:
    return {"description": description, "schema": {"type": "string"}}


def _ok(schema: dict, headers: dict | None = None) -> dict:
    return {"description": "Done.", "content": {"application/json": {"schema": schema}},
            **({"headers": headers} if headers else {})}


def _problems(*statuses: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    retry = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return {
        str(status): {"description": _PROBLEMS[status], "content": content,
                      **({"headers": retry} if status in (429, 503) else {})}
        for status in statuses}
