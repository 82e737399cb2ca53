"""What the transport's tests share: a server that misbehaves, and clients of it."""

from collections.abc import Callable, Iterator

import pytest

from integration_flow.transport import Client, ConnectionConfig

from .crooked import CrookedServer

CLIENT_OPTIONS = ("on_token", "shared_rate", "shared_token", "clock", "sleep", "now")


@pytest.fixture
def server() -> Iterator[CrookedServer]:
    server = CrookedServer()
    yield server
    server.close()


@pytest.fixture
def make_client(server: CrookedServer) -> Iterator[Callable[..., Client]]:
    """`make_client(**settings)`: a client of the crooked server; `on_token`, `now` ... go to it."""
    made: list[Client] = []

    def make(**settings) -> Client:
        own = {name: settings.pop(name) for name in CLIENT_OPTIONS if name in settings}
        settings = {"base_url": server.url, "timeout_connect": 1.0, "timeout_read": 1.0, **settings}
        client = Client(ConnectionConfig(**settings), **own)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()
