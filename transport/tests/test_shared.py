"""A limit and a token shared by clients that know nothing of each other, as workers in several processes do."""

import threading
import time
from contextlib import contextmanager

import pytest

from integration_flow.core import rate
from integration_flow.core.errors import SyncError
from integration_flow.transport import Request, Throttle
from integration_flow.transport.throttle import Grant

from .crooked import answer
from .test_oauth import Issuer


class Common:
    """The place where all count together, in memory. `asked` says how often it was asked."""

    def __init__(self, calls, period):
        self.calls, self.period = calls, period
        self.slots, self.resume_at, self.made, self.asked = (), 0.0, 0, 0
        self.lock = threading.Lock()
        self.broken = False

    def lease(self, wanted, *, until=0, unused=0, made=0):
        with self.lock:
            self.asked += 1
            if self.broken:
                raise OSError("the database is away")
            now, self.made = round(time.monotonic() * 1000), self.made + made
            pause = max(self.resume_at - time.monotonic(), 0.0)
            self.slots = rate.give_back(self.slots, until, unused)
            if not wanted or pause:
                return Grant(wait=pause, pause=pause)
            self.slots, lease = rate.reserve(
                self.slots, now, calls=self.calls, period=self.period, wanted=wanted
            )
            return Grant(lease.calls, lease.until, (lease.until - now) / 1000, lease.wait / 1000, 0.0)

    def pause(self, seconds):
        with self.lock:
            self.resume_at = max(self.resume_at, time.monotonic() + seconds)


def begin(throttle, until, starts):
    while True:
        throttle.acquire()
        now = time.monotonic()
        if now > until:
            return
        starts.append(now)


def test_several_throttles_together_never_exceed_the_limit_and_use_nearly_all_of_it():
    calls, period, seconds = 200, 0.5, 3.0
    common = Common(calls, period)
    throttles = [Throttle(calls, period, shared=common) for _ in range(3)]
    starts, began = [], time.monotonic()
    threads = [
        threading.Thread(target=begin, args=(throttle, began + seconds, starts))
        for throttle in throttles
        for _thread in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    starts.sort()
    for index, start in enumerate(starts):
        assert sum(1 for other in starts[index : index + calls + 1] if other < start + period) <= calls
    assert len(starts) > 0.8 * calls * seconds / period
    assert common.asked < len(starts) / 2, "not once for each call"
    for throttle in throttles:
        throttle.close()
    assert len(starts) <= common.made <= len(starts) + len(threads), "every call is counted"
    assert rate.used(common.slots, round(time.monotonic() * 1000), period=period) <= calls


def test_few_calls_are_not_kept_waiting_by_leases_of_others():
    """One that takes its first call and goes away leaves nearly all to the others."""
    common = Common(10, 60.0)
    first, second = Throttle(10, 60.0, shared=common), Throttle(10, 60.0, patience=0.0, shared=common)
    first.acquire()
    for _number in range(9):
        second.acquire()
    with pytest.raises(SyncError) as caught:
        second.acquire()
    assert (caught.value.error_class, caught.value.code) == ("rate_limit", "not_sent")
    assert 50 < caught.value.retry_after <= 62


def test_without_a_limit_calls_are_counted_and_pauses_shared():
    common = Common(0, 1.0)
    first, second = Throttle(shared=common), Throttle(shared=common, patience=0.0)
    second.acquire()
    for _number in range(1000):
        first.acquire()
    assert common.asked <= 10, "only looks for a pause"
    first.pause(2.0)
    time.sleep(0.25)
    with pytest.raises(SyncError) as caught:
        second.acquire()
    assert caught.value.error_class == "rate_limit"
    assert 1.0 < caught.value.retry_after <= 2.0
    first.close()
    second.close()
    assert common.made == 1001


def test_a_place_that_cannot_be_asked_sends_nothing_and_counts_as_nobodys_fault(caplog):
    common = Common(10, 1.0)
    common.broken = True
    throttle = Throttle(10, 1.0, shared=common)
    with pytest.raises(SyncError) as caught:
        throttle.acquire()
    assert (caught.value.error_class, caught.value.code) == ("concurrency", "not_sent")
    throttle.pause(1.0)  # only logged: the answer that asked for it counts more
    common.broken = False
    throttle.close()


def test_a_place_that_does_not_know_us_leaves_us_alone():
    class Nowhere:
        def lease(self, wanted, *, until, unused, made):
            return None

    now = [0.0]
    throttle = Throttle(
        2, 1.0, clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s), shared=Nowhere()
    )
    for _number in range(5):
        throttle.acquire()
    assert now[0] == pytest.approx(2.0)


def test_a_429_of_one_client_holds_the_other_one(server, make_client):
    common = Common(0, 1.0)
    first, second = make_client(shared_rate=common), make_client(shared_rate=common)
    assert second.send(Request("GET", "before")).error is None
    server.behaviours["/limited"] = lambda *_call: answer(429, {}, retry_after="1")
    assert first.send(Request("GET", "limited")).error.error_class == "rate_limit"
    limited = server.seen[-1].at
    time.sleep(0.21)
    assert second.send(Request("GET", "after")).error is None
    assert server.seen[-1].at - limited >= 0.95


# -- tokens ------------------------------------------------------------------------------------------------


class Kept:
    """Where workers keep their token, in memory."""

    def __init__(self):
        self.token, self.saved = None, 0
        self.lock = threading.Lock()

    @contextmanager
    def renewing(self):
        with self.lock:
            yield self.token

    def save(self, token):
        self.token, self.saved = token, self.saved + 1
        return True


@pytest.fixture
def workers(server, make_client):
    """Clients that share one token, with what was handed to `on_token`."""

    def make(count, kept, **settings):
        known = {
            "auth_type": "oauth2_client",
            "auth_user": "client-id",
            "auth_secret": "client-secret",
            "token_url": server.url + "/token",
        }
        return [make_client(**{**known, **settings}, shared_token=kept) for _ in range(count)]

    return make


def all_at_once(clients):
    barrier, exchanges = threading.Barrier(len(clients)), []

    def call(client):
        barrier.wait()
        exchanges.append(client.send(Request("GET", "x")))

    threads = [threading.Thread(target=call, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return exchanges


def test_workers_that_need_a_token_at_once_ask_for_one(server, workers):
    kept, handed = Kept(), []
    issuer = Issuer(server, rotating=True, pause=0.2)
    exchanges = all_at_once(workers(4, kept, on_token=handed.append))
    assert [exchange.error for exchange in exchanges] == [None] * 4
    assert (issuer.issued, kept.saved, handed) == (1, 1, [])


def test_a_refused_token_is_renewed_once_by_all_workers(server, workers):
    """Each refresh token works once: the second one who used it would be locked out."""
    kept = Kept()
    issuer = Issuer(server, rotating=True, pause=0.2)
    clients = workers(4, kept)
    assert all(exchange.error is None for exchange in all_at_once(clients))
    issuer.issued += 1  # the system forgot our token
    issuer.refresh = kept.token["refresh_token"]
    asked = len(issuer.asked)
    assert [exchange.error for exchange in all_at_once(clients)] == [None] * 4
    assert issuer.asked[asked:] == [("refresh_token", "refresh-1")]


def test_a_token_that_another_worker_got_and_that_ended_as_well_is_renewed(server, workers):
    kept = Kept()
    issuer = Issuer(server, rotating=True)
    first, second = workers(2, kept)
    assert first.send(Request("GET", "x")).error is None
    assert second.send(Request("GET", "x")).error is None
    issuer.issued += 1
    assert first.send(Request("GET", "x")).error is None, "renewed by the first"
    issuer.issued += 1
    exchange = second.send(Request("GET", "x"))
    assert exchange.error is None, "what the first one got was refused too: renewed once more"
    assert kept.token["access_token"] == issuer.current


def test_an_older_token_is_not_taken_over(server, workers):
    kept = Kept()
    Issuer(server, rotating=True)
    (client,) = workers(1, kept, now=lambda: 1_000_000.0)
    kept.token = {"access_token": "old", "obtained_at": 10.0, "expires_at": 20.0}
    assert client.send(Request("GET", "x")).error is None
    assert kept.token["access_token"] == "access-1"


def test_what_another_worker_got_is_a_secret_too(server, workers):
    kept = Kept()
    issuer = Issuer(server, rotating=True)
    first, second = workers(2, kept)
    first.send(Request("GET", "x"))
    server.behaviours["/echo"] = lambda seen, _connection: answer(
        400, {"message": f"you sent {seen.headers.get('authorization')}"}
    )
    exchange = second.send(Request("GET", "echo"))
    assert issuer.current == "access-1"
    assert "access-1" not in f"{exchange.response_body} {exchange.error} {exchange.error.params}"
