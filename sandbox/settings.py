"""What can be set: by a flag at start, most of it also while the server runs (``/_control/settings``)."""

from dataclasses import asdict, dataclass, field

from .messages import invalid_params

SECRETS = ("consumer_key", "consumer_secret", "api_key", "client_id", "client_secret", "control_key")
FIXED = (*SECRETS, "host", "port", "site_url", "keep_requests", "allow_remote_webhooks")
WAREHOUSES = ("main", "north")


@dataclass
class Settings:
    """Names are those of the flags, with underscores."""

    host: str = "127.0.0.1"
    port: int = 8810
    site_url: str = ""
    consumer_key: str = "ck_sandbox"
    consumer_secret: str = "cs_sandbox"
    api_key: str = "sandbox-api-key"
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    control_key: str = "sandbox-control"
    auth: str = "any"  # any, none, basic, api_key or oauth2
    token_expires_in: float = 3600
    max_per_page: int = 100
    max_batch: int = 100
    latency_ms: float = 0
    rate_limit: dict | None = None  # {"requests": 10, "period": 1, "retry_after": 1, "as_date": false}
    graphql_points: float = 2000  # the bucket of the GraphQL shop, and how many points come back in a second
    graphql_restore: float = 100
    media_seconds: float = 0.1  # until the GraphQL shop fetches a picture whose address it was given
    idempotency: bool = True
    utc_offset: float = 2  # hours: the shop's local dates differ from the _gmt ones
    currency: str = "EUR"
    duplicate_skus: bool = False  # may a SKU stand at several products, as in many shops
    prices_include_tax: bool = False  # product prices are gross; holds for orders made from now on
    clock_offset: float = 0  # seconds added to the shop's clock
    modified_skew: float = 0  # seconds by which updated dates lie, into the past
    keep_requests: int = 1000
    webhook_ping: bool = True
    webhook_workers: int = 1
    webhook_timeout: float = 5
    webhook_retry_delays: list = field(default_factory=lambda: [1, 2, 4, 8])
    webhook_disable_after: int = 5  # deliveries given up in a row; 0: never
    allow_remote_webhooks: bool = False

    def public(self):
        return {name: value for name, value in asdict(self).items() if name not in SECRETS}

    def change(self, values):
        """Apply changes from outside; a wrong name or type is refused as a whole."""
        wrong = {
            name: f"{name} cannot be changed." for name in values if name in FIXED or name not in asdict(self)
        }
        for name, value in values.items():
            if name not in wrong and not self._fits(name, value):
                wrong[name] = f"{name} is not of the right type."
        if wrong:
            raise invalid_params(wrong)
        for name, value in values.items():
            setattr(self, name, value)

    def _fits(self, name, value):
        if name == "rate_limit":
            return value is None or (isinstance(value, dict) and value.get("requests", 0) > 0)
        current = getattr(self, name)
        if isinstance(current, bool):
            return isinstance(value, bool)
        if isinstance(current, int | float):
            return isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, type(current))
