"""Status codes and error bodies. The bodies marked medusa and karrio were recorded from Medusa 2.21 and
karrio 2026.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.classify import classify_status, extract_message
from integration_flow.core.errors import SyncError

STATUS = [
    (200, None, None),
    (201, None, None),
    (204, None, None),
    (304, None, None),
    (301, "validation", "unexpected_redirect"),
    (308, "validation", "unexpected_redirect"),
    (400, "validation", "rejected"),
    (401, "authentication", "credentials_refused"),
    (402, "validation", "rejected"),
    (403, "authentication", "credentials_refused"),
    (404, "validation", "not_found"),
    (405, "validation", "rejected"),
    (407, "authentication", "credentials_refused"),
    (408, "timeout", "timeout_remote"),
    (409, "validation", "conflict_remote"),
    (410, "validation", "not_found"),
    (412, "validation", "conflict_remote"),
    (413, "validation", "rejected"),
    (415, "validation", "rejected"),
    (418, "validation", "rejected"),
    (422, "validation", "rejected"),
    (423, "locked", "locked_remote"),
    (425, "rate_limit", "rate_limited"),
    (429, "rate_limit", "rate_limited"),
    (451, "validation", "rejected"),
    (500, "server", "server_error"),
    (501, "server", "server_error"),
    (502, "server", "server_error"),
    (503, "server", "server_error"),
    (504, "timeout", "timeout_remote"),
    (520, "server", "server_error"),
    (599, "server", "server_error"),
    (100, "server", "server_error"),
    (0, "server", "server_error"),
    (999, "server", "server_error"),
]


@pytest.mark.parametrize(("status", "error_class", "code"), STATUS, ids=[str(row[0]) for row in STATUS])
def test_status(status, error_class, code):
    error = classify_status(status)
    assert (error and error.error_class, error and error.code) == (error_class, code)


@pytest.mark.parametrize(
    ("message", "error_class"),
    [
        ("", "authentication"),
        ("Forbidden", "authentication"),
        ("403 Forbidden", "authentication"),
        ("Access denied.", "authentication"),
        ("Invalid token.", "authentication"),
        ("Token has expired", "authentication"),
        ("Invalid API key", "authentication"),
        ("Authentication credentials were not provided.", "authentication"),
        ("Unauthorized", "authentication"),
        ("Bad signature", "authentication"),
        ("You must log in", "authentication"),
        ("HTTP Error 403: Forbidden", "authentication"),
        ("You do not have permission to perform this action.", "access"),
        ("Order 7 belongs to another shop", "access"),
        ("Missing scope write_orders", "access"),
        ("This record is read-only", "access"),
    ],
    ids=lambda text: text[:30] or "empty",
)
def test_403_by_what_it_says(message, error_class):
    assert classify_status(403, message=message).error_class == error_class


@pytest.mark.parametrize(
    ("status", "unknown"),
    [
        (408, True),
        (500, True),
        (502, True),
        (504, True),
        (524, True),
        (503, False),
        (501, False),
        (429, False),
        (400, False),
        (401, False),
        (423, False),
    ],
)
def test_only_a_create_that_may_have_been_carried_out_is_unknown(status, unknown):
    assert classify_status(status, creating=True).outcome_unknown is unknown
    assert classify_status(status).outcome_unknown is False


@pytest.mark.parametrize("status", [408, 423, 429, 500, 503, 504])
def test_retry_after_is_kept(status):
    assert classify_status(status, retry_after=60.0).retry_after == 60.0


def test_message_reaches_the_params():
    assert classify_status(422, message="Name is required").params == {
        "status": 422,
        "message": "Name is required",
    }


@given(st.integers(-10, 1200), st.text(max_size=50), st.booleans())
def test_any_status_gives_success_or_an_error(status, message, creating):
    error = classify_status(status, message=message, creating=creating)
    assert (error is None) == (200 <= status < 300 or status == 304)


BODIES = [
    (
        "medusa_validation",
        {
            "type": "invalid_data",
            "message": "Invalid request: Field 'title' is required; Unrecognized fields: 'titel'",
        },
        "Invalid request: Field 'title' is required; Unrecognized fields: 'titel'",
    ),
    (
        "medusa_404",
        {"type": "not_found", "message": "Order id not found: order_nope"},
        "Order id not found: order_nope",
    ),
    (
        "medusa_sku",
        {"type": "invalid_data", "message": "Product variant with sku: PEER-1795426092-S, already exists."},
        "Product variant with sku: PEER-1795426092-S, already exists.",
    ),
    (
        "karrio_validation",
        {
            "errors": [
                {
                    "code": "validation",
                    "level": "error",
                    "message": "recipient.country_code: This field is required.",
                },
                {
                    "code": "validation",
                    "level": "error",
                    "message": "parcels.non_field_errors: This list may not be empty.",
                },
            ]
        },
        "recipient.country_code: This field is required.; "
        "parcels.non_field_errors: This list may not be empty.",
    ),
    (
        "karrio_state",
        {
            "errors": [
                {
                    "code": "state_error",
                    "level": "error",
                    "message": "Shipment is cancelled and cannot be updated anymore...",
                }
            ]
        },
        "Shipment is cancelled and cannot be updated anymore...",
    ),
    (
        "django_rest",
        {"email": ["Enter a valid email address."], "name": ["This field is required.", "Too short."]},
        "email: Enter a valid email address.; name: This field is required.; name: Too short.",
    ),
    ("django_rest_nested", {"lines": [{"qty": ["Must be positive."]}]}, "lines: qty: Must be positive."),
    ("django_rest_non_field", {"non_field_errors": ["Dates overlap."]}, "Dates overlap."),
    ("detail", {"detail": "Not found."}, "Not found."),
    (
        "rfc9457",
        {
            "type": "about:blank",
            "title": "Unprocessable",
            "status": 422,
            "detail": "Price is negative",
            "instance": "/x/1",
        },
        "Price is negative",
    ),
    (
        "rfc9457_errors",
        {"title": "Invalid", "errors": [{"detail": "must be positive", "pointer": "/lines/0/qty"}]},
        "lines.0.qty: must be positive",
    ),
    ("oauth", {"error": "invalid_grant", "error_description": "Token was revoked"}, "Token was revoked"),
    ("oauth_short", {"error": "invalid_client"}, "invalid_client"),
    (
        "google",
        {"error": {"code": 400, "message": "Bad value", "errors": [{"message": "Bad value", "domain": "x"}]}},
        "Bad value",
    ),
    (
        "rails",
        {"errors": {"sku": ["has already been taken"], "base": ["Order is closed"]}},
        "sku: has already been taken; Order is closed",
    ),
    ("shopify_text", {"errors": "Not Found"}, "Not Found"),
    ("list_of_texts", {"errors": ["One", "Two", "One"]}, "One; Two"),
    ("bare_list", ["One", {"message": "Two"}], "One; Two"),
    (
        "graphql",
        {
            "data": None,
            "errors": [{"message": "Forbidden", "path": ["order"], "extensions": {"code": "FORBIDDEN"}}],
        },
        "Forbidden",
    ),
    (
        "json_api",
        {
            "errors": [
                {
                    "status": "422",
                    "source": {"pointer": "/data/attributes/name"},
                    "title": "Invalid",
                    "detail": "is blank",
                }
            ]
        },
        "data.attributes.name: is blank",
    ),
    ("field_in_message", {"errors": [{"field": "name", "message": "Name is required"}]}, "Name is required"),
    (
        "woocommerce",
        {
            "code": "product_invalid_sku",
            "message": "Invalid or duplicated SKU.",
            "data": {"status": 400, "resource_id": 7},
        },
        "Invalid or duplicated SKU.",
    ),
    ("camel_case", {"errorMessage": "Broken", "errorCode": 5}, "Broken"),
    ("capitals", {"Message": "Broken"}, "Broken"),
    ("soap_like", {"fault": {"faultstring": "Broken"}}, "Broken"),
    (
        "html",
        "<html><head><title>502</title></head><body><h1>502 Bad Gateway</h1>\n<hr>nginx</body></html>",
        "502 Bad Gateway nginx",
    ),
    ("text", "  Something\n broke ", "Something broke"),
    ("bytes", b"Broken", "Broken"),
    ("none", None, ""),
    ("empty", "", ""),
    ("empty_object", {}, ""),
    ("empty_list", [], ""),
    ("flags", {"success": False, "status": 400}, ""),
    ("empty_errors_beside_a_message", {"errors": [], "message": "Broken"}, "Broken"),
    ("null_message", {"message": None, "detail": "Broken"}, "Broken"),
    (
        "message_list",
        {"message": ["name must be a text", "price must be a number"], "error": "Bad Request"},
        "name must be a text; price must be a number",
    ),
    ("number", {"error": 5}, "5"),
]


@pytest.mark.parametrize(("body", "message"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_message_of_the_usual_dialects(body, message):
    assert extract_message(body, []) == message


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["why.text"], "closed"),
        (["nope", "why.text"], "closed"),
        (["why"], "closed"),
        (["bad["], "headline"),
        ([], "headline"),
        (["items[].m"], "a; b"),
        ([""], "headline"),
        (["length(nope)"], "headline"),
    ],
    ids=str,
)
def test_given_paths_go_first_and_never_hide_the_error(paths, message):
    body = {"message": "headline", "why": {"text": "closed"}, "items": [{"m": "a"}, {"m": "b"}]}
    assert extract_message(body, paths) == message


def test_messages_are_short():
    assert len(extract_message({"message": "x" * 10_000}, [])) == 500
    assert len(extract_message({"errors": [f"problem number {n}" for n in range(10_000)]}, [])) <= 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "error", "message", "detail", "field", "source", "x"]),
            below,
            max_size=3,
        )
    ),
)


@given(JSON)
def test_any_body_gives_one_line(body):
    message = extract_message(body, ["error.message"])
    assert isinstance(message, str) and "\n" not in message and len(message) <= 500


def test_it_returns_errors_and_does_not_raise_them():
    assert isinstance(classify_status(500), SyncError)
