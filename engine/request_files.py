"""What the answers to a request leave on the record beside its fields: files, and notes in its chatter; each once."""

import base64
import binascii
import mimetypes

from odoo.tools.mail import plaintext2html
from odoo.tools.mimetypes import guess_mimetype

from ..core import paths, templates
from ..core.errors import SyncError
from ..core.fingerprint import content_hash
from ..core.values import clean_text, text_of
from .outgoing import Outgoing
from .rows import Row

FETCHED = "#fetched"
"""Under this name the stored answer says which items of lists were fetched and which notes were written."""
ZPL = "application/x-zpl"
_ENDINGS = {ZPL: ".zpl", "application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg"}


class RequestFiles:
    """The part of the requester that keeps files and notes until they are stored with the outcome of the record. Wants
    ``known``, ``files``, ``notes`` and ``plan``."""

    def _keep_notes(self, outgoing: Outgoing, step, answer) -> None:
        """Texts of an answer for the chatter, that are not there yet."""
        found = paths.get(step.post_path, answer) if step.post_path else None
        known = self.known[outgoing.row.id]
        for part in found if isinstance(found, list) else [found]:
            text = clean_text(text_of(part) or "").strip()
            key = content_hash([step.name, text])
            if text and key not in known.get(FETCHED, ()):
                known[FETCHED] = [*known.get(FETCHED, ()), key]
                self.notes.append((outgoing.row, text))

    def _keep_file(self, outgoing: Outgoing, step, answer, item=None) -> None:
        if not step.attach_path:
            return
        found = paths.get(step.attach_path, answer)
        for file in found if isinstance(found, list) else [found]:
            content, content_type = _content(file, step)
            texts = _texts({**self.known[outgoing.row.id], **(item or {})})
            name = templates.fill_body(step.attach_name, texts) or outgoing.row.name or "file"
            ending = _ENDINGS.get(content_type) or mimetypes.guess_extension(content_type) or ""
            name = clean_text(name).replace("/", "-")
            self.files.append((outgoing.row, name if name.endswith(ending) else name + ending, content, content_type))

    def store_files(self) -> None:
        """Attach what came to the records (or to those that keep their files), once: the same file is not attached a second
        time. And tell the notes."""
        for row, text in self.notes:
            keeper = self._keeper(row)
            if hasattr(keeper, "message_post"):
                keeper.message_post(body=plaintext2html(text), message_type="comment", subtype_xmlid="mail.mt_note")
        attachments = self.plan.model.env["ir.attachment"]
        for row, name, content, content_type in self.files:
            keeper = self._keeper(row)
            known = attachments.search([
                ("res_model", "=", keeper._name), ("res_id", "=", keeper.id),
                ("checksum", "=", attachments._compute_checksum(content)), ("name", "=", name)], limit=1)
            if not known:
                attachments.create({
                    "name": name, "raw": content, "mimetype": content_type, "res_model": keeper._name, "res_id": keeper.id})

    def _keeper(self, row: Row):
        return self.plan.model.browse(row.res_id)._integration_keeper()


def _texts(known: dict) -> dict:
    return {name: text for name, value in known.items() if (text := text_of(value)) is not None}


def _content(file, step) -> tuple[bytes, str]:
    """The bytes of a file in an answer and their type.

    :raises SyncError: validation/file_missing (path), file_unreadable (path)
    """
    content = file.get("content") if isinstance(file, dict) else file
    if not isinstance(content, str) or not content:
        raise SyncError("validation", "file_missing", params={"path": step.attach_path})
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        data = content.encode()
        if not data.lstrip().startswith((b"^XA", b"%PDF")):
            raise SyncError("validation", "file_unreadable", params={"path": step.attach_path}) from None
    if data.lstrip().startswith(b"^XA"):
        return data, ZPL
    said = file.get("content_type") if isinstance(file, dict) else None
    return data, said if said and said != "application/octet-stream" else guess_mimetype(data)
