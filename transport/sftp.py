"""Files over SFTP as calls: the same Draft goes in and the same Answer comes out as over HTTP, so that everything above
(limits, errors, records of calls) is the same.

    LIST    the files of a folder, `pattern` in the query: {"files": [{"name", "size", "modified"}]}, oldest first
    GET     the content of a file, with its size and time as ETag; a name that ends in .gz is unpacked
    PUT     written under another name and renamed when it is whole; with `If-None-Match: *` nothing is replaced, and the
            same file that is there already counts as written
    MOVE    renamed to what `Destination` says; a folder that is missing is made
    DELETE  removed

What a method does twice it has done once: a call whose answer was lost may be repeated.
"""

import errno
import fnmatch
import hashlib
import posixpath
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from requests.structures import CaseInsensitiveDict

from ..core.documents import dump_json
from ..core.errors import SyncError
from . import body, ssh
from .config import ConnectionConfig
from .prepare import Draft
from .wire import Answer

IDLE_LIMIT = 30.0
"""Seconds after which an idle session is not used again."""
MOST_FILES = 100_000
"""Of one listing: the newest ones."""
PIECE = 64 * 1024
READ_AHEAD = 32
"""Requests for pieces of a file that are under way at once."""
_ANSWER = {"Content-Type": "application/json"}


class SftpWire:
    """The open sessions of one client. Thread-safe."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._config = config
        self._idle: list[ssh.Session] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all idle sessions."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def call(self, draft: Draft) -> Answer:
        """Carry out one call. A session that the server had closed meanwhile is replaced without a word.

        :raises SyncError: see ssh.py; validation/not_found, access/access_refused, server/file_failed (path, reason),
            concurrency/file_changing (path), validation/file_exists (path), body_too_large; connection/answer_cut,
            timeout/no_answer, answer_too_slow
        """
        started = time.perf_counter()
        try:
            session = self._take()
            try:
                return self._carry_out(session, draft, started)
            except SyncError as error:
                if error.code != "answer_cut" or not session.calls:
                    raise
            return self._carry_out(ssh.Session(self._config), draft, started)
        finally:
            draft.seconds += time.perf_counter() - started

    def _take(self) -> ssh.Session:
        oldest = time.monotonic() - IDLE_LIMIT
        while True:
            with self._lock:
                session = self._idle.pop() if self._idle else None
            if session is None:
                return ssh.Session(self._config)
            if session.alive and session.used_at > oldest:
                return session
            session.close()

    def _carry_out(self, session: ssh.Session, draft: Draft, started: float) -> Answer:
        draft.sent = True
        deadline = time.monotonic() + self._config.timeout_total
        try:
            status, headers, raw = Call(self._config, session.sftp, draft, deadline).carry_out()
        except SyncError as error:
            # What the server has said about a file says nothing against the session; what broke off does.
            if error.info.scope == "connection" and error.code != "file_failed":
                session.close()
            else:
                self._give_back(session)
            raise
        except BaseException:
            session.close()
            raise
        self._give_back(session)
        return Answer(status, CaseInsensitiveDict(headers), raw, time.perf_counter() - started)

    def _give_back(self, session: ssh.Session) -> None:
        session.used_at = time.monotonic()
        session.calls += 1
        with self._lock:
            self._idle.append(session)


class Call:
    """One call on one session."""

    def __init__(self, config: ConnectionConfig, sftp: Any, draft: Draft, deadline: float) -> None:
        self._config = config
        self._sftp = sftp
        self._draft = draft
        self._deadline = deadline
        parts = urlsplit(draft.plain_url)
        self.path = unquote(parts.path).rstrip("/") or "/"
        self.query = dict(parse_qsl(parts.query))

    def carry_out(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        function: Callable | None = getattr(self, f"_{self._draft.method.lower()}", None)
        if function is None:
            raise SyncError("mapping", "bad_method", params={"method": self._draft.method[:40]})
        return self._translated(function)

    def _translated(self, function: Callable) -> Any:
        paramiko = ssh.library()
        host, _port = ssh.address_of(self._config.base_url)
        try:
            return function()
        except TimeoutError:
            raise SyncError("timeout", "no_answer", params={"seconds": self._config.timeout_read}) from None
        except (EOFError, paramiko.SSHException, ConnectionError, body.CutShort):
            raise SyncError("connection", "answer_cut", params={"host": host}) from None
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise SyncError("validation", "not_found", params={"message": self.path}) from None
            if error.errno == errno.EACCES:
                raise SyncError("access", "access_refused", params={"status": "SFTP", "message": self.path}) from None
            if str(error) == "Socket is closed":
                raise SyncError("connection", "answer_cut", params={"host": host}) from None
            raise SyncError("server", "file_failed", params={
                "path": self.path, "reason": ssh.reason_of(error)}) from None

    def _in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise SyncError("timeout", "answer_too_slow", params={"seconds": self._config.timeout_total})

    # -- reading -------------------------------------------------------------------------------------------

    def _list(self) -> tuple[int, dict[str, str], bytes]:
        pattern = self.query.get("pattern") or "*"
        files = []
        for entry in self._sftp.listdir_iter(self.path):
            self._in_time()
            if stat.S_ISREG(entry.st_mode or 0) and is_wanted(entry.filename, pattern):
                files.append({
                    "name": entry.filename, "size": entry.st_size or 0, "modified": entry.st_mtime or 0})
        files.sort(key=lambda file: (file["modified"], file["name"]))
        return 200, dict(_ANSWER), dump_json({"files": files[-MOST_FILES:]}).encode()

    def _get(self) -> tuple[int, dict[str, str], bytes]:
        before = self._sftp.stat(self.path)
        raw = self._content(before.st_size or 0)
        after = self._sftp.stat(self.path)
        if tag_of(before) != tag_of(after) or len(raw) != after.st_size:
            raise SyncError("concurrency", "file_changing", params={"path": self.path})
        if self.path.endswith(".gz"):
            raw = body.gunzip(iter((raw,)), self._config.max_response_bytes)
        return 200, {"ETag": tag_of(after)}, raw

    def _content(self, size: int) -> bytes:
        limit = self._config.max_response_bytes
        if size > limit:
            raise SyncError("validation", "body_too_large", params={"size": size, "limit": limit})
        content = bytearray()
        with self._sftp.open(self.path, "rb") as file:
            file.prefetch(size, READ_AHEAD)
            while piece := file.read(PIECE):
                content += piece
                self._in_time()
                if len(content) > limit:
                    raise SyncError("validation", "body_too_large", params={"size": len(content), "limit": limit})
        return bytes(content)

    # -- writing -------------------------------------------------------------------------------------------

    def _put(self) -> tuple[int, dict[str, str], bytes]:
        content = self._draft.body or b""
        keep = str(self._draft.headers.get("If-None-Match", "")) == "*"
        existing = keep and self._is_there(content)
        if not existing:
            self._write(content, replace=not keep)
        answer = {
            "name": posixpath.basename(self.path), "size": len(content), "existing": existing,
            "sha256": hashlib.sha256(content).hexdigest()}
        return (200 if existing else 201), dict(_ANSWER), dump_json(answer).encode()

    def _is_there(self, content: bytes) -> bool:
        """Is this very file there already? Another one of this name is somebody else's, and stays."""
        try:
            size = self._sftp.stat(self.path).st_size
        except FileNotFoundError:
            return False
        if size != len(content) or self._content(size) != content:
            raise SyncError("validation", "file_exists", params={"path": self.path})
        return True

    def _write(self, content: bytes, *, replace: bool) -> None:
        """Nobody sees the file before it is whole: it has another name, that begins with a dot, until then."""
        folder, name = posixpath.split(self.path)
        unfinished = posixpath.join(folder, f".{name}.part")
        try:
            with self._sftp.open(unfinished, "wb") as file:
                file.set_pipelined(True)
                for start in range(0, len(content), PIECE):
                    file.write(content[start:start + PIECE])
                    self._in_time()
            written = self._sftp.stat(unfinished).st_size
            if written != len(content):
                raise SyncError("server", "file_failed", params={
                    "path": self.path, "reason": f"{written} of {len(content)} bytes"})
            self._rename(unfinished, replace)
        except (OSError, SyncError):
            self._clear(unfinished)
            raise

    def _rename(self, unfinished: str, replace: bool) -> None:
        if not replace:
            self._sftp.rename(unfinished, self.path)
            return
        try:
            self._sftp.posix_rename(unfinished, self.path)
        except OSError:  # a server without this extension: there is a moment without the file
            self._clear(self.path)
            self._sftp.rename(unfinished, self.path)

    def _clear(self, path: str) -> None:
        with suppress(OSError, EOFError):  # it is not there, or cannot be reached: the next attempt writes over it
            self._sftp.remove(path)

    def _move(self) -> tuple[int, dict[str, str], bytes]:
        target = unquote(urlsplit(str(self._draft.headers.get("Destination", ""))).path)
        target = posixpath.join(urlsplit(self._config.base_url).path or "/", target.lstrip("/"))
        if ".." in target.split("/") or posixpath.basename(target) in ("", "."):
            raise SyncError("mapping", "bad_url", params={"path": target[:200], "reason": "dot segments"})
        try:
            modified = self._sftp.stat(self.path).st_mtime
        except FileNotFoundError:
            self._sftp.stat(target)  # moved before, and the answer was lost; else: not found
            return 200, dict(_ANSWER), b"{}"
        if self._exists(target):
            target = f"{target}.{modified}"  # a file of this name was moved before
        try:
            self._sftp.rename(self.path, target)
        except OSError:
            self._make_folder(posixpath.dirname(target))
            self._sftp.rename(self.path, target)
        return 201, dict(_ANSWER), dump_json({"name": posixpath.basename(target)}).encode()

    def _exists(self, path: str) -> bool:
        try:
            self._sftp.stat(path)
        except FileNotFoundError:
            return False
        return True

    def _make_folder(self, path: str) -> None:
        if not self._exists(path):
            self._sftp.mkdir(path)

    def _delete(self) -> tuple[int, dict[str, str], bytes]:
        self._sftp.remove(self.path)
        return 204, {}, b""


def is_wanted(name: str, pattern: str) -> bool:
    """Is this a file that a flow reads? Names with a dot in front are unfinished or hidden.

    >>> [is_wanted(name, "*.csv") for name in ("a.csv", ".a.csv", "a.CSV", "a.csv.part", "../a.csv")]
    [True, False, False, False, False]
    """
    if name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        return False
    return fnmatch.fnmatchcase(name, pattern)


def tag_of(found: Any) -> str:
    """Which version of a file this is: its size and the time of its last change."""
    return f"{found.st_size}-{found.st_mtime}"
