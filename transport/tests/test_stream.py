"""Many calls at once: one exchange each, within the limits, lazily, and an end in time."""

import threading
import time

import pytest

from integration_flow.transport import Client, ConnectionConfig, Request

from .crooked import answer, cut, fixed, slow


def numbers(count):
    return (Request("GET", f"{number}", key=number) for number in range(count))


def test_every_request_gets_one_exchange(server, make_client):
    exchanges = list(make_client(parallel_calls=8).send_many(numbers(200)))
    assert sorted(exchange.request.key for exchange in exchanges) == list(range(200))
    assert all(exchange.response.body["target"] == f"/{exchange.request.key}" for exchange in exchanges)
    assert server.connections <= 8


@pytest.mark.parametrize("parallel", [1, 3, 8])
def test_never_more_at_once_than_allowed(server, make_client, parallel):
    client = make_client(parallel_calls=parallel)
    for number in range(40):
        server.behaviours[f"/{number}"] = slow(0.01)
    others = [
        threading.Thread(target=lambda: [client.send(Request("GET", "0")) for _ in range(5)])
        for _ in range(4)
    ]
    for thread in others:
        thread.start()
    assert len(list(client.send_many(numbers(40)))) == 40
    for thread in others:
        thread.join()
    assert server.peak == parallel


def test_calls_really_overlap(server, make_client):
    for number in range(16):
        server.behaviours[f"/{number}"] = slow(0.1)
    started = time.monotonic()
    list(make_client(parallel_calls=8).send_many(numbers(16)))
    assert time.monotonic() - started < 0.6


def test_the_source_is_read_lazily_and_in_the_callers_thread(server, make_client):
    read, threads = [], set()

    def source():
        for request in numbers(1000):
            read.append(request.key)
            threads.add(threading.current_thread())
            yield request

    for done, _exchange in enumerate(make_client(parallel_calls=4).send_many(source()), 1):
        assert len(read) <= done + 8
        if done == 100:
            break
    assert threads == {threading.current_thread()}


def test_results_come_as_they_end(server, make_client):
    server.behaviours["/0"] = slow(0.3)
    keys = [exchange.request.key for exchange in make_client(parallel_calls=2).send_many(numbers(6))]
    assert keys[-1] == 0


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_end_the_sending(server, make_client, status):
    for number in range(100):
        server.behaviours[f"/{number}"] = fixed(answer(status, {}))
    exchanges = list(make_client(parallel_calls=4).send_many(numbers(100)))
    assert len(exchanges) == 100 and len(server.seen) <= 8
    rest = [exchange for exchange in exchanges if not exchange.sent]
    assert {(one.error.error_class, one.error.code) for one in rest} == {("authentication", "not_sent")}
    assert rest[0].error.params == {"reason": "credentials_refused"}
    assert all(one.url and not one.error.outcome_unknown for one in rest)


def test_an_unreachable_system_ends_the_sending():
    client = Client(ConnectionConfig("http://127.0.0.1:1", parallel_calls=4))
    exchanges = list(client.send_many(numbers(100)))
    codes = [exchange.error.code for exchange in exchanges]
    assert len(codes) == 100 and codes.count("cannot_connect") <= 8 and codes.count("not_sent") >= 92
    assert {exchange.error.error_class for exchange in exchanges} == {"connection"}


@pytest.mark.parametrize(
    "behaviour",
    [
        fixed(answer(500, {})),
        fixed(answer(422, {})),
        cut(),
        fixed(answer(403, {"message": "Order 3 is not yours"})),
    ],
)
def test_one_bad_record_does_not_end_it(server, make_client, behaviour):
    server.behaviours["/3"] = behaviour
    exchanges = list(make_client(parallel_calls=2).send_many(numbers(30)))
    assert [exchange.request.key for exchange in exchanges if exchange.error] == [3]


def test_the_caller_can_stop(server, make_client):
    exchanges = list(
        make_client(parallel_calls=2).send_many(numbers(50), stop=lambda one: one.request.key == 5)
    )
    assert len(exchanges) == 50 and len(server.seen) < 15
    rest = [exchange.error for exchange in exchanges if not exchange.sent]
    assert {(error.error_class, error.code, error.params["reason"]) for error in rest} == {
        ("concurrency", "not_sent", "stopped")
    }


def test_a_source_that_breaks_loses_no_result(server, make_client):
    def source():
        yield from numbers(10)
        raise ZeroDivisionError

    got = []
    with pytest.raises(ZeroDivisionError):
        for exchange in make_client(parallel_calls=2).send_many(source()):
            got.append(exchange.request.key)
    assert sorted(got) == list(range(10))


def test_leaving_early_leaves_no_thread_behind(server, make_client):
    client = make_client(parallel_calls=4)
    for _exchange in client.send_many(numbers(1000)):
        break
    time.sleep(0.05)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("integration-call")]
    assert len(server.seen) <= 12
    assert client.send(Request("GET", "x")).error is None


def test_memory_is_bounded(server, make_client):
    """2,000 answers of 100 kB would be 200 MB."""
    import tracemalloc

    for number in range(600):
        server.behaviours[f"/{number}"] = fixed(answer(200, {"text": "x" * 100_000}))
    server.seen.clear()
    tracemalloc.start()
    try:
        for _exchange in make_client(parallel_calls=4).send_many(numbers(600)):
            server.seen.clear()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15_000_000


def test_nothing_to_send(make_client):
    assert list(make_client().send_many([])) == []


def test_a_closed_client_ends_with_an_error_not_an_exception(make_client):
    client = make_client()
    client.close()
    with client:
        pass
    assert client.send(Request("GET", "x")).error is None  # the pool opens anew
