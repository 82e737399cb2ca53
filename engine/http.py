"""From a connection record to the transport room, and from operations to requests."""

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from ..core import documents, graphql, paths, templates
from ..core.errors import SyncError
from ..core.paging import PagingSpec
from ..core.values import number_like
from ..transport import Client, ConnectionConfig, Request
from . import messages, quiet
from .plan import sensitive_names
from .shared import share

USER_AGENT = "Odoo Integration Flow"
# In the context of a connection: a person waits no longer than this for one answer.
CALL_SECONDS = "integration_call_seconds"


def build_config(connection):
    """The transport's configuration of this connection, secrets in clear. For the engine only."""
    return ConnectionConfig(
        base_url=connection.base_url,
        auth_type=connection.auth_type,
        auth_user=connection.auth_user or "",
        auth_secret=connection._auth_secret(),
        auth_name=connection.auth_name or "",
        token_url=connection.token_url or "",
        scope=connection.scope or "",
        oauth_token=connection._oauth_token_dict(),
        timeout_connect=connection.timeout_connect,
        timeout_read=connection.timeout_read,
        verify_tls=connection.verify_tls,
        ca_bundle=connection.ca_bundle or "",
        rate_calls=connection.rate_calls,
        rate_period=connection.rate_period,
        parallel_calls=connection.parallel_calls,
        extra_headers=connection._header_pairs(),
        max_response_bytes=connection.max_response_mb * 1024 * 1024,
        user_agent=USER_AGENT,
        secrets=connection._header_secrets(),
        host_key=connection.host_key or "",
        redact_names=sensitive_names(connection.env["integration.field.rule"].sudo().search([
            ("flow_id.connection_id", "=", connection.id), ("sensitive", "=", True)])),
    )


class ConnectionClient(Client):
    """The client of a connection record. It counts its calls together with all other workers of this connection, and
    shares the OAuth token with them.

    Tokens that cannot be shared yet, because the connection is not committed, are in ``new_tokens``.
    """

    def __init__(self, connection, seconds=None):
        # What the connection says, before somebody who waits has less patience: see is_outdated.
        self.settings = config = build_config(connection)
        seconds = seconds or connection.env.context.get(CALL_SECONDS)
        if seconds:
            config = replace(
                config, timeout_connect=min(config.timeout_connect, seconds), timeout_read=min(config.timeout_read, seconds),
                timeout_total=min(config.timeout_total, seconds), patience=min(config.patience, seconds))
        self.new_tokens: list[dict] = []
        self.credentials_version = connection.credentials_version
        self.shared = share(connection, config)
        super().__init__(
            config, on_token=self.new_tokens.append, shared_rate=self.shared.rate, shared_token=self.shared.token)

    def close(self) -> None:
        try:
            return super().close()
        finally:
            self.shared.close()


def open_client(connection, seconds=None) -> ConnectionClient:
    """A client with the settings that the connection has now.

    :param seconds: wait for no answer longer than this, where the connection itself has more patience
    :raises SyncError: internal/dry_run_call: a dry run calls nobody
    """
    if quiet.current() is not None:
        raise SyncError("internal", "dry_run_call", params={"connection": connection.name})
    return ConnectionClient(connection, seconds)


def store_new_token(connection, client) -> None:
    """Keep the newest OAuth token of a connection that other workers cannot see yet."""
    if client is not None and client.new_tokens:
        connection.sudo().oauth_token = json.dumps(client.new_tokens[-1])
        client.new_tokens.clear()


def is_outdated(client, connection) -> bool:
    """Was a setting of the connection changed since this client was opened?"""
    return client.credentials_version != connection.credentials_version \
        or replace(build_config(connection), oauth_token=None) != replace(client.settings, oauth_token=None)


def probe(connection) -> tuple[list[str], bool]:
    """Test Connection: lines of what was tried and what came back, and whether all of it worked."""
    with open_client(connection.sudo()) as client:
        steps = client.probe(connection.test_path or "", connection.test_document or "")
        store_new_token(connection, client)
    connection._note_steps(steps)
    lines = [f"{'✓' if step['ok'] else '✗'} {messages.describe_step(connection.env, step)}" for step in steps]
    return lines, all(step["ok"] for step in steps)


class Patience:
    """Says when a slice makes no more calls: its time is over, and more urgent work may wait; or the system does not
    work. What is left over is the next slice's. A ``stop`` of ``Client.send_many``."""

    SECONDS = 10.0
    FAILURES = 5

    def __init__(self, interrupted: Callable[[], bool] = bool):
        self.until = time.monotonic() + self.SECONDS
        self.interrupted = interrupted
        self.failures = 0

    def __call__(self, exchange) -> bool:
        error = exchange.error
        if error is not None and error.info.scope == "connection" and error.error_class != "rate_limit":
            self.failures += 1
        return self.failures >= self.FAILURES or time.monotonic() > self.until or self.interrupted()


def was_sent(exchange) -> bool:
    """False for a call that was held back because of what happened to others."""
    return exchange.error is None or exchange.error.code != "not_sent"


# -- requests ----------------------------------------------------------------------------------------------


def build_request(
        operation, *, variables=None, params=None, body=None, key=None, idempotency_key="", extra_query=None, secrets=()):
    """A transport request for one call of ``operation``.

    :param variables: values for the path and query templates, for example ``{"id": "42"}``
    :param params: further parameters (filters, paging); they go where the operation wants them
    :param secrets: values in this call that no log may show
    :param key: the caller's own tag, handed back with the exchange
    """
    variables = variables or {}
    query = templates.fill_query(json.loads(operation.query), variables) if operation.query else {}
    if extra_query and operation.params_in == "body":
        params = documents.merge(extra_query, params or {})
    else:
        query.update(extra_query or {})
    if operation.body and body is None:
        body = body_of(operation, variables)
    if params:
        if operation.params_in == "body":
            body = documents.merge(body or {}, params)
        else:
            query.update(params)
    if operation.document:
        body = graphql.payload(operation.document, body)
    creating = operation.kind == "create"
    return Request(
        method=operation.method,
        path=templates.fill_path(operation.path, variables),
        query=query,
        body=body,
        headers=operation.headers,
        format=operation.format,
        format_options=operation.format_options,
        compress=operation.compress and body is not None,
        idempotent=operation.idempotent or operation.kind in ("list", "read", "find") or operation.method == "GET",
        creating=creating,
        idempotency_key=idempotency_key,
        idempotency_header=operation.idempotency_header or "",
        correlation_id=str(uuid.uuid4()),
        success_path=operation.success_path or "",
        error_paths=tuple(part.strip() for part in (operation.error_paths or "").split(";") if part.strip()),
        secrets=tuple(secrets),
        key=key,
    )


def with_query(request: Request, query: dict) -> Request:
    """The same call with these parameters in its address, and without a body."""
    return replace(request, query={**request.query, **query}, body=None, compress=False)


def wrap(operation, record, variables=None):
    """The request body that carries ``record``: the operation's body with the record at its body path."""
    body = body_of(operation, variables or {})
    if not operation.body_path:
        return documents.merge(body, record) if body else record
    paths.assign(body, operation.body_path, record)
    return body


def wrap_many(operation, records: list, variables):
    """The request body that carries several records."""
    if not operation.bulk_path:
        return records
    body = body_of(operation, variables)
    paths.assign(body, operation.bulk_path, records)
    return body


def body_of(operation, variables):
    """The operation's own body with its placeholders filled in."""
    if not operation.body:
        return {}
    if "id" in variables:
        external_id = str(variables["id"])
        variables = dict(variables, id=number_like(external_id), id_text=external_id)
    return templates.fill_body(json.loads(operation.body), variables)


def unwrap(operation, body):
    """The record in the answer of read, create or update."""
    return paths.get(operation.record_path, body) if operation.record_path else body


def read_record(operation, body) -> dict:
    """The record in the answer of a read. Some APIs answer nothing or an empty list where others say 404.

    :raises SyncError: validation/not_found
    """
    record = unwrap(operation, body)
    if not record or not isinstance(record, dict):
        raise SyncError("validation", "not_found", params={"message": ""})
    return record


def new_id(operation, body) -> str:
    """The external ID in the answer of a create that does not answer the record; '' when there is none."""
    value = paths.get(operation.result_id_path, body) if operation.result_id_path else None
    return "" if value is None or isinstance(value, (dict, list, bool)) else str(value).strip()


def records_of(operation, body) -> list:
    """The list in an answer. Raises SyncError when there is none."""
    if body is None:
        return []
    found = paths.get(operation.records_path, body) if operation.records_path else body
    if found is None:
        found = [] if operation.records_path and isinstance(body, dict) and not body else None
    if not isinstance(found, list):
        raise SyncError("validation", "no_list", params={
            "path": operation.records_path or "@", "found": type(found).__name__})
    return found


def split(operation, listed: list) -> list:
    """The records of a list whose items hold them: the variants of products. Each part gets the item that it comes
    from, without its parts, under ``parent``."""
    if not operation.split_path:
        return listed
    first = re.match(r"\w+", operation.split_path)
    records = []
    for item in listed:
        if not isinstance(item, dict):
            records.append(item)
            continue
        parts = paths.get(operation.split_path, item)
        parent = {name: value for name, value in item.items() if first is None or name != first[0]}
        for part in parts if isinstance(parts, list) else [parts] if parts is not None else []:
            records.append(dict(part, parent=parent) if isinstance(part, dict) else part)
    return records


def paging_spec(operation) -> PagingSpec:
    return PagingSpec(
        style=operation.paging_style,
        page_param=operation.page_param or "page",
        size_param=operation.size_param or "",
        # A size that was not asked for says nothing about whether a page is the last one.
        page_size=operation.page_size if operation.size_param else 0,
        first_page=operation.first_page,
        offset_param=operation.offset_param or "offset",
        cursor_param=operation.cursor_param or "cursor",
        cursor_path=operation.cursor_path or (
            graphql.page_info_path(operation.records_path or "") if operation.paging_style == "connection" else ""),
        next_path=operation.next_path or "",
        has_more_path=operation.has_more_path or "",
        total_pages_header=operation.total_pages_header or "",
        keyset_param=operation.keyset_param or "",
        keyset_path=operation.keyset_path or operation.id_path,
    )


def since_params(operation, since, own=None) -> dict:
    """The parameter that asks only for what changed after ``since`` (naive UTC), or {} when there is none.

    :param own: the flow's own list query. Where it asks by the same parameter, the template keeps that as ``{filter}``.
    """
    if not since or not operation.incremental_param:
        return {}
    formats = {
        "iso_z": "%Y-%m-%dT%H:%M:%SZ", "iso": "%Y-%m-%dT%H:%M:%S", "sql": "%Y-%m-%d %H:%M:%S", "date": "%Y-%m-%d"}
    if operation.incremental_format in formats:
        text = since.strftime(formats[operation.incremental_format])
    else:
        seconds = (since - since.min).total_seconds() - 62135596800
        text = str(int(seconds * (1000 if operation.incremental_format == "epoch_ms" else 1)))
    value = text
    if operation.incremental_template:
        asked = str((own or {}).get(operation.incremental_param) or "")
        asked = json.dumps(f"({asked})")[1:-1] if asked else ""
        value = json.loads(operation.incremental_template.replace("{since}", text).replace("{filter}", asked))
        value = value.strip() if isinstance(value, str) else value
    target: dict = {}
    paths.assign(target, operation.incremental_param, value) if operation.params_in == "body" \
        else target.update({operation.incremental_param: value if isinstance(value, str) else json.dumps(value)})
    return target
