"""GraphQL: answers that lie by their status, refusals per field, cost, documents with slips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import graphql, paging
from integration_flow.core.errors import SyncError
from integration_flow.core.graphql_document import check_call, read_document

COST = {"cost": {"requestedQueryCost": 600, "actualQueryCost": None, "throttleStatus": {
    "maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0}}}


def failed(code="", data=..., path=None, message="It failed", **more):
    error = {"message": message, **({"extensions": {"code": code}} if code else {}), **({"path": path} if path else {})}
    return {"errors": [error], **({} if data is ... else {"data": data}), **more}


@pytest.mark.parametrize(("body", "error_class", "code"), [
    (failed("THROTTLED", message="Throttled"), "rate_limit", "rate_limited"),
    (failed(message="Throttled."), "rate_limit", "rate_limited"),
    (failed("UNAUTHENTICATED"), "authentication", "credentials_refused"),
    (failed("FORBIDDEN", message="You are not currently authorized"), "authentication", "credentials_refused"),
    (failed("FORBIDDEN", message="Order 7 is not yours"), "access", "access_refused"),
    (failed("ACCESS_DENIED", {"orders": None}, ["orders"], "Access denied"), "access", "access_refused"),
    (failed("INTERNAL_SERVER_ERROR"), "server", "server_error"),
    (failed("TIMEOUT"), "timeout", "timeout_remote"),
    (failed("IDEMPOTENCY_CONCURRENT_REQUEST"), "locked", "locked_remote"),
    (failed("undefinedField", message="Field 'titel' doesn't exist on type 'Product'"), "validation", "refused_in_answer"),
    (failed(data={"orders": {"nodes": [{"id": 1}]}}, path=["orders", "nodes", 0, "customer"]), "validation",
     "partial_answer"),
    ({"errors": "[API] Invalid request"}, "validation", "refused_in_answer"),
    ({"hello": 1}, "validation", "no_graphql"),
    ([], "validation", "no_graphql"),
    (None, "validation", "no_graphql"),
])
def test_what_an_answer_means(body, error_class, code):
    error = graphql.judge(body)
    assert (error.error_class, error.code, error.outcome_unknown) == (
        error_class, code, False)


def test_a_success():
    for body in ({"data": {"shop": None}}, {"data": {"a": {"userErrors": []}}, "errors": []}, {"data": None}):
        assert graphql.judge(body, doubtful=True) is None


def test_the_place_of_an_error_is_told():
    error = graphql.judge(failed(data={"orders": {}}, path=["orders", "nodes", 3, "customer"], message="Broken"))
    assert error.params["message"] == "orders.nodes.3.customer: Broken"


def test_the_login_counts_more_than_one_field():
    body = failed("ACCESS_DENIED", {"a": 1}, ["b"])
    body["errors"].append({"message": "Expired", "extensions": {"code": "UNAUTHENTICATED"}})
    assert graphql.judge(body).error_class == "authentication"


def test_how_long_to_wait():
    assert graphql.judge(failed("THROTTLED", extensions=COST)).retry_after == 10.0
    assert graphql.judge(failed("THROTTLED")).retry_after is None
    assert graphql.throttled_for({"data": {}, "extensions": COST}) == 10.0
    for odd in (None, [], {}, {"extensions": None}, {"extensions": {"cost": {"throttleStatus": {"restoreRate": 0}}}},
                {"extensions": {"cost": {"requestedQueryCost": "x", "throttleStatus": COST["cost"]["throttleStatus"]}}}):
        assert graphql.throttled_for(odd) is None


@pytest.mark.parametrize(("body", "unknown"), [
    (failed("INTERNAL_SERVER_ERROR", None, ["productCreate"]), True),
    (failed("INTERNAL_SERVER_ERROR"), True),  # Shopify leaves data out, whatever it had begun
    (failed(data={"productCreate": None}, path=["productCreate"]), True),
    (failed("BAD_USER_INPUT", {"productCreate": None}, ["productCreate"]), False),
    (failed("TIMEOUT", {"productCreate": None}, ["productCreate"]), True),
    (failed("THROTTLED"), False),
    (failed("ACCESS_DENIED", {"productCreate": None}, ["productCreate"]), False),
    (failed("ACCESS_DENIED", {"productCreate": {"product": {"id": 1}}}, ["productCreate", "product", "cost"]), True),
    (failed(data={"productCreate": {"product": {"id": 1}}}, path=["productCreate", "product", "x"]), True),
    (failed(message="Variable $input is invalid"), False),
    ({"data": {"productCreate": {"userErrors": [{"message": "No"}]}}}, False),
    (None, True),
])
def test_may_it_have_been_carried_out(body, unknown):
    assert graphql.judge(body, doubtful=True).outcome_unknown is unknown
    assert graphql.judge(body).outcome_unknown is False


def test_user_errors_tell_their_field():
    body = {"data": {"productSet": {"product": None, "userErrors": [
        {"field": ["input", "variants", "0", "sku"], "message": "has already been taken", "code": "TAKEN"},
        {"field": None, "message": "Not published", "code": None}]}}}
    error = graphql.judge(body)
    assert (error.error_class, error.code) == ("validation", "refused_in_answer")
    assert error.params["message"] == "variants.0.sku: has already been taken; Not published"
    locked = {"data": {"a": {"userErrors": [{"message": "Wait", "code": "IDEMPOTENCY_CONCURRENT_REQUEST"}]}}}
    assert graphql.judge(locked).error_class == "locked"


def test_which_items_of_a_list_were_refused():
    def answer(*fields):
        return {"data": {"m": {"userErrors": [{"field": field, "message": "no"} for field in fields]}}}

    assert graphql.refused_items(answer(["input", "quantities", "1", "quantity"], ["input", "quantities", "1"]),
                                 "input.quantities") == {1: "quantity: no; no"}
    assert graphql.refused_items(answer(["variants", "0", "price"]), "variants") == {0: "price: no"}
    assert graphql.refused_items(answer(["variants", "0"], ["productId"]), "variants") == {}
    assert graphql.refused_items(answer(None), "variants") == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "errors", "extensions", "code", "message", "path", "userErrors", "field", "cost",
                         "throttleStatus"]), inner, max_size=4), max_leaves=15)


@given(json_values, st.booleans())
def test_any_answer_can_be_judged(body, doubtful):
    error = graphql.judge(body, doubtful=doubtful)
    assert error is None or isinstance(error, SyncError)
    graphql.throttled_for(body)
    if isinstance(body, dict) and body.get("errors"):
        assert error is not None, "errors are never a success"


def test_connections_page_by_page():
    spec = paging.PagingSpec(
        style="connection", size_param="first", page_size=2, cursor_param="after",
        cursor_path=graphql.page_info_path("data.orders.nodes"))
    state = paging.start(spec)
    assert paging.query(spec, state) == {"first": 2}
    body = {"data": {"orders": {"pageInfo": {"hasNextPage": True, "endCursor": "c1"}}}}
    state = paging.advance(spec, state, items=[1, 2], body=body, headers={})
    assert paging.query(spec, state) == {"first": 2, "after": "c1"}
    with pytest.raises(SyncError, match="paging_loop"):
        paging.advance(spec, state, items=[3], body=body, headers={})
    end = {"data": {"orders": {"pageInfo": {"hasNextPage": False, "endCursor": "c2"}}}}
    assert paging.advance(spec, state, items=[], body=end, headers={}) is None
    for odd in ({}, {"data": {"orders": {"pageInfo": {"hasNextPage": True, "endCursor": None}}}}):
        with pytest.raises(SyncError, match="page_info_missing"):
            paging.advance(spec, state, items=[1], body=odd, headers={})


PAGED = """
# Orders, "newest" last
query Orders($first: Int!, $after: String, $query: String = "status:any") @cached {
  orders(first: $first, after: $after, query: $query, filter: {a: [1, 2.5, -3], b: \"\"\"block "text" }\"\"\"}) {
    nodes { ...Order ... on Node @include(if: true) { id } }
    pageInfo { hasNextPage endCursor }
  }
}
fragment Order on Order { id name }
"""


def test_documents():
    document = read_document(PAGED)
    assert (document.kind, document.declared, document.required) == (
        "query", {"first", "after", "query"}, {"first"})
    check_call(PAGED, {"first", "after"}, paged=True)
    check_call("mutation($input: [I!]!) { set(input: $input) { userErrors { message } } }", None, writes=True)
    check_call("{ shop { name } }", ())
    check_call("query($key: String!) @idempotent(key: $key) { a }", {"key"})


@pytest.mark.parametrize(("text", "options", "reason"), [
    ("", {}, "it is empty"),
    ("query { a { b }", {}, "the “{” of line 1 is not closed"),
    ("query {\n a ) }", {}, "line 2: “)” closes nothing"),
    ("query { a(b: $c) }", {}, "$c is used, but not declared"),
    ("query($c: Int) { a }", {}, "$c is declared, but not used"),
    ("query($c: Int, $c: Int) { a(c: $c) }", {}, "$c is declared twice"),
    ("query($) { a }", {}, "a name is missing after $"),
    ("query A { a } query B { b }", {}, "it holds 2 operations"),
    ("fragment A on B { c }", {}, "it holds 0 operations"),
    ("subscription { a }", {}, "“subscription” stands where"),
    ("select * from orders", {}, "cannot be read"),
    ("query", {}, "it ends too early"),
    ("query { a }", {"writes": True}, "a mutation is needed"),
    ("mutation { a }", {}, "this call only reads"),
    ("query($id: ID!) { a(id: $id) }", {}, "$id is required"),
    ("query { a }", {"given": {"first"}}, "the call brings “first”"),
    ("query { a { nodes { id } } }", {"paged": True}, "the field pageInfo is missing"),
])
def test_slips_in_documents(text, options, reason):
    with pytest.raises(SyncError) as caught:
        check_call(text, options.pop("given", set()), **options)
    assert caught.value.code == "bad_graphql"
    assert reason in caught.value.params["reason"]


@given(st.text(alphabet="query mutation{}()[]$!:=\"#.@a1\n", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        read_document(text)
    except SyncError as error:
        assert error.code == "bad_graphql"
