"""Reading an answer's body: never more than allowed, neither on the wire nor after decompression."""

import zlib
from collections.abc import Iterator
from typing import Any

from ..core.errors import SyncError

PIECE = 64 * 1024
_WITHOUT_BODY = frozenset((204, 304))


class CutShort(Exception):
    """The body ended before its announced or compressed end."""


def read_body(answer: Any, method: str, limit: int) -> bytes:
    """The whole decompressed body of a urllib3 response, which afterwards is back in its pool.

    Decompression is done here and not by urllib3: its older versions expand a piece without a limit.

    :raises SyncError: validation/body_too_large (size, limit), validation/unknown_encoding (encoding)
    :raises CutShort: ended early; and whatever urllib3 raises
    """
    headers = answer.headers
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise SyncError("validation", "unknown_encoding", params={"encoding": encoding[:80]})
    announced = _announced(headers, method, answer.status)
    if announced is not None and announced > limit:
        raise _too_large(announced, limit)
    if announced is not None and announced <= PIECE and encoding in ("", "identity"):
        raw = answer.read(decode_content=False)
        if len(raw) != announced:
            raise CutShort
        return raw
    pieces = _counted(answer.stream(PIECE, decode_content=False), announced)
    if encoding in ("", "identity"):
        return _collect(pieces, limit)
    return gunzip(pieces, limit)


def _announced(headers: Any, method: str, status: int) -> int | None:
    if method == "HEAD" or status in _WITHOUT_BODY:
        return 0
    if "transfer-encoding" in headers:
        return None
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _counted(pieces: Iterator[bytes], announced: int | None) -> Iterator[bytes]:
    count = 0
    for piece in pieces:
        count += len(piece)
        yield piece
    if announced is not None and count != announced:
        raise CutShort


def _collect(pieces: Iterator[bytes], limit: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise _too_large(len(body), limit)
    return bytes(body)


def gunzip(pieces: Iterator[bytes], limit: int) -> bytes:
    """RFC 1952, with several members; every step may expand only to what is still allowed."""
    body = bytearray()
    engine = zlib.decompressobj(wbits=31)
    started = False
    for piece in pieces:
        while piece:
            started = True
            if engine.eof:
                engine = zlib.decompressobj(wbits=31)
            body += engine.decompress(piece, limit + 1 - len(body))
            if len(body) > limit:
                raise _too_large(len(body), limit)
            piece = engine.unused_data if engine.eof else engine.unconsumed_tail
    if started and not engine.eof:
        raise CutShort
    return bytes(body)


def _too_large(size: int, limit: int) -> SyncError:
    return SyncError("validation", "body_too_large", params={"size": size, "limit": limit})
