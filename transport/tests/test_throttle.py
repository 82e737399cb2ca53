"""Rates: exact in every window, shared by threads, patient only to a limit."""

import threading

import pytest

from integration_flow.core.errors import SyncError
from integration_flow.transport import Request, Throttle

from .crooked import answer, fixed, slow


class FakeTime:
    def __init__(self):
        self.value = 1000.0

    def clock(self):
        return self.value

    def sleep(self, seconds):
        self.value += seconds


def make(calls, period, patience=1000.0):
    time = FakeTime()
    return time, Throttle(calls, period, patience=patience, clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize(("calls", "period"), [(1, 0.5), (2, 1.0), (5, 10.0), (60, 60.0)])
def test_no_window_of_one_period_has_more_calls_than_allowed(calls, period):
    time, throttle = make(calls, period)
    starts = []
    for number in range(calls * 4):
        if number % 3 == 0:
            time.sleep(period / 7)  # uneven arrivals: a refilling bucket would let two bursts through
        throttle.acquire()
        starts.append(time.clock())
    for index, start in enumerate(starts):
        assert sum(1 for other in starts[index:] if other < start + period) <= calls


def test_without_a_rate_nothing_waits():
    time, throttle = make(0, 1.0)
    for _ in range(1000):
        throttle.acquire()
    assert time.clock() == 1000.0


def test_a_pause_holds_every_call_until_it_is_over():
    time, throttle = make(0, 1.0)
    throttle.pause(30)
    throttle.pause(5)  # a shorter one does not shorten it
    throttle.acquire()
    assert time.clock() == pytest.approx(1030.0)


def test_a_wait_beyond_patience_gives_the_call_back():
    time, throttle = make(1, 3600.0, patience=30.0)
    throttle.acquire()
    with pytest.raises(SyncError) as caught:
        throttle.acquire()
    assert (caught.value.error_class, caught.value.code) == ("rate_limit", "not_sent")
    assert caught.value.retry_after == pytest.approx(3600.0)
    assert time.clock() == 1000.0


def test_a_cancelled_wait_ends():
    _time, throttle = make(1, 10.0)
    throttle.acquire()
    answers = iter([False, False, True])
    with pytest.raises(SyncError) as caught:
        throttle.acquire(lambda: next(answers))
    assert caught.value.error_class == "concurrency"


def test_threads_share_one_rate(server, make_client):
    client = make_client(rate_calls=10, rate_period=0.5, parallel_calls=8)
    exchanges = list(client.send_many(Request("GET", f"{n}") for n in range(30)))
    assert all(exchange.error is None for exchange in exchanges)
    times = sorted(seen.at for seen in server.seen)
    jitter = 0.05  # of threads and loopback: the rate is exact at the start of a call, not on arrival
    for index, start in enumerate(times):
        assert sum(1 for other in times[index:] if other < start + 0.5 - jitter) <= 10


def test_retry_after_of_one_call_holds_all_threads(server, make_client):
    client = make_client(parallel_calls=4)
    server.behaviours["/limited"] = fixed(answer(429, {"message": "slow down"}, retry_after="1"))
    first = client.send(Request("GET", "limited"))
    assert (first.error.error_class, first.error.retry_after) == ("rate_limit", 1.0)
    threads = [threading.Thread(target=client.send, args=(Request("GET", f"{n}"),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seen.at - server.seen[0].at >= 0.95 for seen in server.seen[1:])


def test_a_long_retry_after_sends_nothing_more(server, make_client):
    client = make_client(parallel_calls=2)
    server.behaviours["/0"] = fixed(answer(429, {}, retry_after="3600"))
    # Others are slower than the refusal, so that only what is under way beside it arrives, on any machine.
    server.behaviours.update({f"/{n}": slow(0.3) for n in range(1, 20)})
    exchanges = {
        exchange.request.key: exchange
        for exchange in client.send_many(Request("GET", f"{n}", key=n) for n in range(20))
    }
    assert len(exchanges) == 20
    late = [
        exchange for exchange in exchanges.values() if exchange.error and exchange.error.code == "not_sent"
    ]
    assert len(late) >= 14 and len(server.seen) <= 6
    assert all(exchange.error.error_class == "rate_limit" for exchange in late)
    assert all(3590 < exchange.error.retry_after <= 3600 and not exchange.sent for exchange in late)
