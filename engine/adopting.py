"""A record that was created over there without our hearing of it: a person says under which external ID.

The ID is checked before it counts: it must not belong to another Odoo record, and where the API can read one record, that
record must be there and have this very ID.
"""

from odoo.exceptions import UserError

from ..core import documents
from ..core.errors import SyncError
from . import http, inbox, journal, messages, nested
from .plan import FlowPlan


def check(env, sync_id: int, external_id: str) -> dict | None:
    """Refuse an external ID that cannot be the one, with a UserError that says why.

    The call is made in no transaction of ours: the one of the caller only reads.

    :return: the record as it was read; None where the API cannot read one
    """
    with env.registry.cursor() as cr:
        own = env(cr=cr, su=True)
        sync = own["integration.sync"].browse(sync_id)
        plan = FlowPlan(sync.flow_id)
        _refuse_taken(own, plan, sync, external_id)
        read = plan.operation("read")
        if read is None:
            return None
        connection = sync.connection_id
        try:
            request = http.build_request(read, variables={"id": external_id}, key=external_id)
        except SyncError as error:
            raise _refused(own, external_id, error) from None
        client = http.open_client(connection)
        cr.commit()
        try:
            exchange = client.send(request)
            rest = nested.complete(client, plan, read, [exchange])
        finally:
            client.close()
        try:
            journal.insert_exchanges(
                cr, plan, None, [exchange, *rest] if http.was_sent(exchange) else [],
                lambda error: messages.explain(own, error)[0])
            cr.commit()
            exchange.raise_for_error()
            record = http.read_record(read, exchange.response.body)
        except SyncError as error:
            raise _refused(own, external_id, error) from None
        found = plan.external_id(record)
        if found != external_id:
            raise UserError(own._(
                "The other system answers another record for “%(asked)s”: its identifier is “%(found)s”. Check it and enter "
                "the identifier exactly as the other system has it.", asked=external_id, found=found or "?"))
        return record


def _refused(env, external_id: str, error: SyncError) -> UserError:
    message, hint = messages.explain(env, error)
    return UserError(env._(
        "“%(external_id)s” could not be read from the other system, so it was not linked: %(message)s %(hint)s",
        external_id=external_id, message=message, hint=hint))


def _refuse_taken(env, plan: FlowPlan, sync, external_id: str) -> None:
    """An external record belongs to one Odoo record only."""
    found = journal.find_links(env.cr, plan.connection.id, plan.resource.id, [external_id])
    res_id = found.get(external_id)
    if res_id is not None and res_id != sync.res_id:
        other = env[plan.model_name].browse(res_id).exists()
        raise UserError(env._(
            "“%(external_id)s” is linked to %(record)s already. One record over there cannot be two in Odoo: check the "
            "identifier, or remove that link first (Links).",
            external_id=external_id, record=other.display_name if other else f"{plan.model_name},{res_id}"))
    known = journal.linked_records(env.cr, plan.connection.id, plan.resource.id, plan.model_name, [sync.res_id])
    if known and known[sync.res_id] != external_id:
        raise UserError(env._(
            "%(name)s is linked to “%(known)s” already.", name=sync.display_name, known=known[sync.res_id]))


def adopt(syncs, external_id: str, record: dict | None) -> None:
    """Link the record, in the transaction of the button that processes it at once: what Odoo owns is sent as a change,
    what the other system owns is imported."""
    sync = syncs.ensure_one()
    env = sync.env
    plan = FlowPlan(sync.flow_id)
    _refuse_taken(env, plan, sync, external_id)
    env.flush_all()
    journal.add_links(env.cr, journal.link_rows(plan, [(external_id, sync.res_id, None)]))
    # A list may have brought it meanwhile, as a record of its own: both are one.
    env.cr.execute(
        "DELETE FROM integration_sync WHERE flow_id = %s AND external_id = %s AND id <> %s AND COALESCE(res_id, 0) = 0 "
        "AND state <> 'processing'", [plan.id, external_id, sync.id])
    vals = {
        "external_id": external_id, "create_sent": False, "idempotency_key": False, "created_said": False,
        "export_pending": True,
    }
    if record is not None and plan.imports:
        age = inbox.age_of(plan, record)
        vals.update(
            payload=documents.dump_json(record), content_hash=inbox.content_of(plan, record), import_pending=True,
            external_version=age.version, external_updated_at=age.changed_at)
    sync.write(vals)
    sync._log("resolved", env._(
        "%(user)s says that it was created as %(external_id)s.", user=env.user.name, external_id=external_id))
