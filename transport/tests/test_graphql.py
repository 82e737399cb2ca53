"""GraphQL over the wire: refusals inside a 200, waiting as long as the other side says, the test of a connection."""

import json

import pytest

from integration_flow.transport import Request

from .crooked import answer, fixed


def cost(wanted, left, rate=100.0):
    return {"cost": {"requestedQueryCost": wanted, "actualQueryCost": wanted, "throttleStatus": {
        "maximumAvailable": 1000.0, "currentlyAvailable": left, "restoreRate": rate}}}


def ask(**more):
    return Request("POST", "graphql", body={"query": "{ a }", "variables": {}}, format="graphql", **more)


@pytest.mark.parametrize(("body", "error_class", "code"), [
    ({"errors": [{"message": "Expired", "extensions": {"code": "UNAUTHENTICATED"}}]}, "authentication",
     "credentials_refused"),
    ({"data": {"set": {"userErrors": [{"field": ["a"], "message": "no"}]}}}, "validation", "refused_in_answer"),
    ({"data": {"a": 1}, "errors": [{"message": "half", "path": ["b"]}]}, "validation", "partial_answer"),
    ([1], "validation", "no_graphql"),
])
def test_refused_inside_a_200(server, client, body, error_class, code):
    server.behaviours["/graphql"] = fixed(answer(200, body))
    error = client.send(ask()).error
    assert (error.error_class, error.code) == (error_class, code)


def test_sent_as_json(server, client):
    server.behaviours["/graphql"] = fixed(answer(200, {"data": {"a": 1}}))
    exchange = client.send(ask(idempotent=True))
    assert (exchange.error, exchange.response.body) == (None, {"data": {"a": 1}})
    assert exchange.draft.headers["Content-Type"] == "application/json"
    assert json.loads(exchange.draft.plain_body)["query"] == "{ a }"


def test_an_error_status_still_decides(server, client):
    server.behaviours["/graphql"] = fixed(answer(401, {"errors": "[API] Invalid API key or access token"}))
    assert client.send(ask()).error.error_class == "authentication"


def test_waits_until_there_is_room(server, make_client):
    """The answer leaves 20 of 50 points, and 100 come back in a second: the next call leaves 0.3 s later."""
    slept = []
    now = [0.0]

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    client = make_client(clock=lambda: now[0], sleep=sleep)
    server.behaviours["/graphql"] = fixed(answer(200, {"data": {}, "extensions": cost(50, 20)}))
    client.send(ask(idempotent=True))
    assert slept == []
    client.send(ask(idempotent=True))
    assert sum(slept) == pytest.approx(0.3)
    server.behaviours["/graphql"] = fixed(answer(200, {"data": {}, "extensions": cost(50, 60)}))
    client.send(ask(idempotent=True))
    before = sum(slept)
    client.send(ask(idempotent=True))
    assert sum(slept) == before


def test_throttled(server, client):
    body = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": cost(500, 100)}
    server.behaviours["/graphql"] = fixed(answer(200, body))
    error = client.send(ask()).error
    assert (error.error_class, error.retry_after, error.outcome_unknown) == ("rate_limit", 4.0, False)


def test_the_test_of_a_connection_sends_its_document(server, client):
    server.behaviours["/graphql"] = fixed(answer(200, {"data": {"a": 1}}))
    assert [step["code"] for step in client.probe("graphql", "{ a }")][-1] == "answered"
    server.behaviours["/graphql"] = fixed(answer(200, {"errors": [{"message": "x", "extensions": {"code": "FORBIDDEN"}}]}))
    assert client.probe("graphql", "{ a }")[-1]["code"] == "credentials_refused"
