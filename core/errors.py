"""Errors as data: a class (who acts, is it retried) and a code (what happened), never a text for people.

The texts live in ``engine/texts_core.py`` (translated), with one template and one hint per code.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Responsible = Literal["technical", "administrator", "business", "developer", "nobody"]
Scope = Literal["record", "connection"]


class ErrorClass(NamedTuple):
    """What the engine does after a failure of this class (DESIGN.md, section 5).

    retried: tried again by itself, by time or (parent_missing) by an event.
    counts_attempt: the try counts against the attempts of the retry policy.
    responsible: who has to act if it does not heal by itself.
    scope: 'connection' = tells about the whole external system (counts for the circuit); 'record' = of one.
    """

    name: str
    retried: bool
    counts_attempt: bool
    responsible: Responsible
    scope: Scope


ERROR_CLASSES: dict[str, ErrorClass] = {
    row.name: row
    for row in (
        ErrorClass("connection", True, True, "technical", "connection"),
        ErrorClass("server", True, True, "technical", "connection"),
        ErrorClass("locked", True, True, "technical", "connection"),
        ErrorClass("rate_limit", True, False, "nobody", "connection"),
        # With SyncError.outcome_unknown it is looked up before it is sent again.
        ErrorClass("timeout", True, True, "technical", "connection"),
        ErrorClass("authentication", False, False, "administrator", "connection"),
        ErrorClass("parent_missing", True, False, "nobody", "record"),
        ErrorClass("validation", False, True, "business", "record"),
        ErrorClass("mapping", False, True, "business", "record"),
        ErrorClass("unmapped", False, True, "business", "record"),
        ErrorClass("schema", False, True, "business", "record"),
        ErrorClass("ambiguous", False, True, "business", "record"),
        ErrorClass("constraint", False, True, "business", "record"),
        ErrorClass("access", False, True, "business", "record"),
        ErrorClass("concurrency", True, False, "nobody", "record"),
        ErrorClass("internal", False, True, "developer", "record"),
    )
}

# Every code that core and transport raise, with the names of its params (a test compares with the sources).
CODES: dict[str, tuple[str, ...]] = {
    # paths, templates
    "bad_path": ("path", "reason"),
    "path_failed": ("path", "reason"),
    "path_not_assignable": ("path",),
    "path_conflict": ("path", "at"),
    "bad_template": ("template", "reason"),
    "missing_variable": ("variable", "template"),
    "unsafe_path_value": ("variable", "value"),
    # documents
    "empty_body": (),
    "body_too_large": ("size", "limit"),
    "malformed_json": ("line", "column", "near"),
    "too_deep": ("limit",),
    "not_json_value": ("type", "value"),
    "malformed_xml": ("line", "reason"),
    "xml_doctype": (),
    "xml_no_root": (),
    "bad_xml_name": ("name",),
    "unknown_xml_prefix": ("prefix",),
    "bad_xml_schema": ("reason",),
    "xml_schema": ("line", "reason"),
    "malformed_csv": ("line", "reason"),
    "wrong_encoding": ("encoding",),
    "bad_table_option": ("option", "value"),
    "not_flat": ("column", "type"),
    "bad_schema": ("reason",),
    "schema_mismatch": ("path", "reason"),
    "bad_file": ("name", "reason"),
    # webhooks
    "unsupported_content": ("content_type",),
    # transforms
    "unknown_transform": ("kind", "known"),
    "bad_option": ("option", "value", "expected"),
    "wrong_type": ("field", "value", "expected"),
    "out_of_range": ("field", "value", "minimum", "maximum"),
    "wrong_choice": ("field", "value", "allowed"),
    "unmapped_value": ("value", "map"),
    "unknown_timezone": ("timezone",),
    # ownership, schedule
    "unknown_owner": ("owner", "known"),
    "bad_schedule": ("schedule", "reason"),
    # answers of the external system
    "credentials_refused": ("status", "message"),
    "access_refused": ("status", "message"),
    "not_found": ("message",),
    "conflict_remote": ("message",),
    "timeout_remote": ("status",),
    "locked_remote": ("message",),
    "rate_limited": ("seconds",),
    "rejected": ("status", "message"),
    "unexpected_redirect": ("status",),
    "server_error": ("status", "message"),
    # paging
    "unknown_paging": ("style", "known"),
    "paging_loop": ("style", "token"),
    "paging_too_long": ("limit",),
    "keyset_missing": ("path",),
    "page_info_missing": ("path",),
    "not_expected": ("name", "quantity"),
    # GraphQL
    "bad_graphql": ("reason",),
    "no_graphql": ("found",),
    "partial_answer": ("message",),
    # transport
    "foreign_origin": ("host",),
    "address_refused": ("host", "reason"),
    "redirected_elsewhere": ("host",),
    "unknown_format": ("format", "known"),
    "not_json": ("content_type", "start"),
    "cannot_connect": ("host", "reason"),
    "unknown_host": ("host",),
    "tls_failed": ("host", "reason"),
    "no_answer": ("seconds",),
    "answer_cut": ("host",),
    "not_sent": ("reason",),
    "bad_configuration": ("setting", "reason"),
    "credentials_missing": ("auth_type",),
    "token_refused": ("host", "reason", "message"),
    "token_invalid": ("host", "reason"),
    "token_unavailable": ("host", "reason"),
    "bad_url": ("path", "reason"),
    "bad_method": ("method",),
    "bad_header": ("name", "reason"),
    "unknown_encoding": ("encoding",),
    "answer_too_slow": ("seconds",),
    "answer_malformed": ("host", "reason"),
    "too_many_redirects": ("limit",),
    "redirect_of_write": ("method", "url"),
    "refused_in_answer": ("message",),
    # files
    "library_missing": ("library",),
    "host_key_unknown": ("host", "key"),
    "host_key_changed": ("host", "key", "known"),
    "bad_private_key": ("reason",),
    "login_refused": ("host", "user"),
    "file_failed": ("path", "reason"),
    "file_changing": ("path",),
    "file_exists": ("path",),
    "unexpected": ("type",),
}


class SyncError(Exception):
    """One failure of one record or call, as data.

    :param error_class: a name in ERROR_CLASSES (anything else is a slip of the programmer: ValueError)
    :param code: short identifier, the key of the text in ``engine/texts_core.py``, of the engine's own in ``texts.py``
    :param params: values for the placeholders of that text (never secrets)
    :param detail: for developers only (traceback, raw text)
    :param retry_after: seconds that the other side asks us to wait
    :param outcome_unknown: the write may have been carried out; look it up before sending it again

    >>> params = {"field": "Quantity", "value": "abc", "expected": "integer"}
    >>> error = SyncError("mapping", "wrong_type", params=params)
    >>> str(error)
    'wrong_type (field=Quantity, value=abc, expected=integer)'
    >>> error.info.responsible
    'business'
    >>> str(SyncError("validation", "empty_body"))
    'empty_body'
    """

    def __init__(
        self,
        error_class: str,
        code: str,
        *,
        params: dict[str, Any] | None = None,
        detail: str = "",
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        if error_class not in ERROR_CLASSES:
            raise ValueError(f"unknown error class {error_class!r}, known: {', '.join(ERROR_CLASSES)}")
        super().__init__(error_class, code)
        self.error_class = error_class
        self.code = code
        self.params: dict[str, Any] = dict(params or {})
        self.detail = detail
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown

    @property
    def info(self) -> ErrorClass:
        """The row of ERROR_CLASSES: retried or not, who acts."""
        return ERROR_CLASSES[self.error_class]

    def __str__(self) -> str:
        if not self.params:
            return self.code
        return f"{self.code} ({', '.join(f'{name}={value}' for name, value in self.params.items())})"

    def __repr__(self) -> str:
        return f"SyncError({self.error_class!r}, {self.code!r}, params={self.params!r})"

    def __reduce__(self):
        """Survive pickling and copying, which rebuild from positional arguments only."""
        return _rebuild, (
            self.error_class,
            self.code,
            self.params,
            self.detail,
            self.retry_after,
            self.outcome_unknown,
        )


def _rebuild(error_class, code, params, detail, retry_after, outcome_unknown) -> SyncError:
    return SyncError(
        error_class,
        code,
        params=params,
        detail=detail,
        retry_after=retry_after,
        outcome_unknown=outcome_unknown,
    )
