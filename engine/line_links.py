"""Which document and which line a link of a line is about."""

from ..core import line_ids


def split_all(cr, connection_id: int, resource_id: int, external_ids: list[str]) -> dict[str, tuple[str, str]]:
    """``{external ID of a link: (document, line)}``. Only IDs with slashes of their own need a look at the documents."""
    unclear = [external_id for external_id in external_ids if external_id.count("/") > 1]
    documents = set()
    if unclear:
        cr.execute(
            "SELECT external_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
            "AND COALESCE(line_rule_id, 0) = 0 AND external_id = ANY(%s)",
            [connection_id, resource_id, list({
                document for external_id in unclear for document in line_ids.documents_of(external_id)})])
        documents = {row[0] for row in cr.fetchall()}
    return {external_id: line_ids.split(external_id, documents) for external_id in external_ids}
