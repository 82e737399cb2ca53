"""Every way to log in, and every way to fail."""

import base64

import pytest


def header(shop, kind):
    pair = base64.b64encode(f"{shop.consumer_key}:{shop.consumer_secret}".encode()).decode()
    return {
        "basic": {"Authorization": f"Basic {pair}"},
        "api_key": {"X-API-Key": shop.api_key},
        "bearer": {"Authorization": f"Bearer {token(shop)['access_token']}"},
    }[kind]


def token(shop, **form):
    form = {
        "grant_type": "client_credentials",
        "client_id": shop.client_id,
        "client_secret": shop.client_secret,
    } | form
    return shop.call("POST", "/oauth/token", form)[2]


@pytest.mark.parametrize("kind", ["basic", "api_key", "bearer"])
def test_headers_that_work(shop, anonymous, kind):
    assert anonymous.get("system_status", headers=header(shop, kind)).status_code == 200


def test_query_parameters_that_work(shop, anonymous):
    assert anonymous.get(f"customers?api_key={shop.api_key}").status_code == 200
    pair = f"consumer_key={shop.consumer_key}&consumer_secret={shop.consumer_secret}"
    assert anonymous.get(f"customers?{pair}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, "woocommerce_rest_cannot_view", id="nothing"),
        pytest.param({"X-API-Key": "wrong"}, "rest_invalid_api_key", id="api key"),
        pytest.param({"Authorization": "Bearer no"}, "rest_token_expired", id="token"),
        pytest.param(
            {"Authorization": "Basic bm86bm8="}, "woocommerce_rest_authentication_error", id="basic"
        ),
        pytest.param(
            {"Authorization": "Basic %%%"}, "woocommerce_rest_authentication_error", id="not base64"
        ),
    ],
)
def test_refused(anonymous, headers, code):
    answer = anonymous.get("customers", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == code
    assert answer.json()["data"]["status"] == 401


def test_oauth_token_by_form_and_basic(shop, anonymous):
    answer = anonymous.post(
        shop.token_url, data={"grant_type": "client_credentials"}, auth=(shop.client_id, shop.client_secret)
    )
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3600


def test_oauth_errors(shop):
    assert token(shop, client_secret="no")["error"] == "invalid_client"
    assert token(shop, grant_type="password")["error"] == "unsupported_grant_type"


def test_tokens_run_out(shop, anonymous):
    shop.settings(token_expires_in=0.2)
    bearer = header(shop, "bearer")
    assert anonymous.get("customers", headers=bearer).status_code == 200
    shop.wait_until(lambda: anonymous.get("customers", headers=bearer).status_code == 401, seconds=3)


def test_refresh_tokens_work_once(shop, anonymous):
    first = token(shop)
    second = token(shop, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["access_token"] != first["access_token"]
    again = token(shop, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again["error"] == "invalid_grant"


def test_all_tokens_can_be_made_to_expire(shop, anonymous):
    bearer = header(shop, "bearer")
    shop.control("POST", "tokens", {"expire": True})
    assert anonymous.get("customers", headers=bearer).status_code == 401


def test_only_one_way_allowed(shop, anonymous):
    shop.settings(auth="oauth2")
    assert anonymous.get("customers", headers=header(shop, "api_key")).status_code == 401
    assert anonymous.get("customers", headers=header(shop, "bearer")).status_code == 200
    shop.settings(auth="none")
    assert anonymous.get("customers").status_code == 200


def test_the_control_endpoint_has_its_own_key(shop, anonymous):
    for headers in ({}, {"X-API-Key": shop.api_key}, {"X-Control-Key": "no"}):
        assert anonymous.get(f"{shop.url}/_control/counts", headers=headers).status_code == 401
