"""Files of records for other systems: an address from which they fetch them, and what tells whether a file has changed.

No file is read: Odoo keeps the checksum of each with its attachment.
"""

import mimetypes
from typing import NamedTuple
from urllib.parse import quote

from odoo.tools.misc import limited_field_access_token

from ..core.errors import SyncError

FETCHING = "@fetching"
"""Under this name the last agreed values say which rules have sent a file that may not have been fetched yet."""


class File(NamedTuple):
    checksum: str
    address: str


def of_records(rule, records) -> dict[int, File]:
    """``{record id: File}`` of the records that have one at the rule's path; two queries, whatever their number.

    The address opens this one file for some weeks, without a log-in: the other system fetches it when it likes.

    :raises SyncError: mapping/lookup_wrong when files of this field are not kept as attachments
    """
    *way, name = rule.odoo_path.split(".")
    owners = records.mapped(".".join(way)) if way else records
    field = owners._fields.get(name)
    if field is None or field.type != "binary" or not field.store or not field.attachment:
        raise SyncError("mapping", "lookup_wrong", params={
            "model": owners._description, "field": rule.label, "value": rule.odoo_path})
    owners.check_access("read")
    kept = {
        file["res_id"]: file for file in records.env["ir.attachment"].sudo().search_fetch(
            [("res_model", "=", owners._name), ("res_field", "=", name), ("res_id", "in", owners.ids)],
            ["res_id", "checksum", "mimetype"])}
    base = records.env["ir.config_parameter"].sudo().get_param("web.base.url")
    found = {}
    for record in records:
        owner = record.mapped(".".join(way)) if way else record
        file = kept.get(owner.id)
        if file:
            token = limited_field_access_token(owner, name, scope="binary")
            # Many shops want an address that ends as the file would.
            ending = mimetypes.guess_extension(file["mimetype"] or "") or ""
            found[record.id] = File(
                file["checksum"],
                f"{base}/web/image/{owner._name}/{owner.id}/{name}/{quote(f'{name}{ending}')}"
                f"?unique={file['checksum'][:12]}&access_token={token}")
    return found
