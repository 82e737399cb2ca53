"""How a call says who we are: one function `_auth_<type>(config, draft)` for each fixed credential.

OAuth 2 needs calls of its own and a memory: see oauth.py. A connector adds a type by adding a function here.
"""

from collections.abc import Callable

from ..core.errors import SyncError
from .config import ConnectionConfig, bad_configuration
from .masking import basic_forms
from .prepare import Draft, set_header

DEFAULT_KEY_HEADER = "X-API-Key"
DEFAULT_KEY_PARAMETER = "api_key"


def sign(config: ConnectionConfig, draft: Draft) -> None:
    """Put the connection's credentials into `draft`.

    :raises SyncError: authentication/credentials_missing (auth_type), authentication/bad_configuration

    >>> draft = Draft("GET", "https://shop.example/orders")
    >>> sign(ConnectionConfig("https://shop.example", auth_type="bearer", auth_secret="t0ken"), draft)
    >>> draft.headers
    {'Authorization': 'Bearer t0ken'}
    >>> sign(ConnectionConfig("https://shop.example", auth_type="bearer"), draft)
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: credentials_missing (auth_type=bearer)
    """
    function: Callable[[ConnectionConfig, Draft], None] | None = globals().get(f"_auth_{config.auth_type}")
    if function is None:
        raise bad_configuration("auth_type", f"unknown: {config.auth_type}")
    function(config, draft)


def _auth_none(config: ConnectionConfig, draft: Draft) -> None:
    return


def _auth_basic(config: ConnectionConfig, draft: Draft) -> None:
    """RFC 7617. User or secret may be blank (some systems take the key as user name), not both."""
    if not (config.auth_user or config.auth_secret):
        raise _missing(config)
    set_header(
        draft.headers, "Authorization", "Basic " + basic_forms(config.auth_user, config.auth_secret)[0]
    )


def _auth_bearer(config: ConnectionConfig, draft: Draft) -> None:
    """RFC 6750, 2.1."""
    set_header(draft.headers, "Authorization", "Bearer " + _secret(config))


def _auth_api_key_header(config: ConnectionConfig, draft: Draft) -> None:
    set_header(draft.headers, config.auth_name or DEFAULT_KEY_HEADER, _secret(config))


def _auth_api_key_query(config: ConnectionConfig, draft: Draft) -> None:
    draft.set_secret_query(config.auth_name or DEFAULT_KEY_PARAMETER, _secret(config))


def _secret(config: ConnectionConfig) -> str:
    if not config.auth_secret:
        raise _missing(config)
    return config.auth_secret


def _missing(config: ConnectionConfig) -> SyncError:
    return SyncError("authentication", "credentials_missing", params={"auth_type": config.auth_type})
