"""A small HTTP server that misbehaves on demand. Loopback only; one thread for each connection."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in small letters."""
    body: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        return self.target.split("?")[0]

    @property
    def form(self) -> dict[str, str]:
        from urllib.parse import parse_qsl

        return dict(parse_qsl(self.body.decode()))


class Hangup(Exception):
    """Raised by a behaviour to close the connection without another word."""


Behaviour = Callable[[Seen, socket.socket], bytes | None]


class CrookedServer:
    """`behaviours[path](seen, socket)` returns the bytes to answer (None = it sent them itself)."""

    def __init__(self) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.seen: list[Seen] = []
        self.running = self.peak = self.connections = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """Close every open connection, as a server does after its keep-alive time."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        reader = connection.makefile("rb")
        try:
            while (seen := read_request(reader, number)) is not None:
                with self._lock:
                    self.seen.append(seen)
                    self.running += 1
                    self.peak = max(self.peak, self.running)
                try:
                    answer = self.behaviours.get(seen.path, echo)(seen, connection)
                finally:
                    with self._lock:
                        self.running -= 1
                if answer is not None:
                    connection.sendall(answer)
        except (OSError, ValueError, Hangup):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            reader.close()
            connection.close()


def read_request(reader: Any, number: int) -> Seen | None:
    line = reader.readline().decode("latin-1").strip()
    if not line:
        return None
    method, target, _version = line.split(" ", 2)
    headers: dict[str, str] = {}
    while header := reader.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))
    return Seen(method, target, headers, body, number)


def answer(status: int = 200, body: Any = b"", **headers: str) -> bytes:
    """A well-formed answer; a body that is no bytes is sent as JSON. `content_type` etc. name headers."""
    lines = {"Content-Type": "application/json"}
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines["Content-Length"] = str(len(body))
    lines.update({name.replace("_", "-").title(): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


def echo(seen: Seen, _connection: socket.socket) -> bytes:
    return answer(200, {"method": seen.method, "target": seen.target, "body": seen.body.decode()})


def fixed(*answers: bytes) -> Behaviour:
    """These answers one after the other, the last one for ever."""
    left = list(answers)

    def behave(_seen: Seen, _connection: socket.socket) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    return behave


def slow(seconds: float, then: bytes | None = None) -> Behaviour:
    def behave(_seen: Seen, _connection: socket.socket) -> bytes:
        time.sleep(seconds)
        return answer(200, {}) if then is None else then

    return behave


def cut(part: bytes = b"") -> Behaviour:
    """Send `part` and hang up."""

    def behave(_seen: Seen, connection: socket.socket) -> bytes:
        connection.sendall(part)
        raise Hangup

    return behave


def drip(seconds: float, pause: float = 0.05) -> Behaviour:
    """A body that never ends, a byte now and then."""

    def behave(_seen: Seen, connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.sendall(b" ")
            time.sleep(pause)
        raise Hangup

    return behave
