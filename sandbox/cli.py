"""Command line: flags, start, and a clean end."""

import argparse
import gc
import signal
import sys
import threading
from dataclasses import fields

from . import seed
from .app import App
from .server import Server
from .settings import Settings

READY = "Sandbox ready: "

FLAGS = (
    ("host", str, "address to listen on"),
    ("port", int, "port; 0 takes a free one"),
    ("site-url", str, "address in links (default: host and port)"),
    ("consumer-key", str, "user of Basic authentication"),
    ("consumer-secret", str, "password of Basic authentication"),
    ("api-key", str, "key for X-API-Key or api_key="),
    ("client-id", str, "OAuth2 client"),
    ("client-secret", str, "OAuth2 client secret"),
    ("control-key", str, "X-Control-Key for /_control"),
    ("token-expires-in", float, "seconds an access token lives"),
    ("max-per-page", int, "largest page"),
    ("max-batch", int, "most items of one batch request"),
    ("latency-ms", float, "every answer takes at least this long"),
    ("utc-offset", float, "hours between the shop's local dates and UTC"),
    ("currency", str, "currency of the shop"),
    ("keep-requests", int, "requests kept for /_control/requests"),
    ("webhook-workers", int, "webhooks delivered at the same time"),
)


def parser():
    defaults = Settings()
    args = argparse.ArgumentParser(
        prog="python -m integration_flow.sandbox",
        description="A shop with faults on demand. All credentials are well-known test values.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    args.add_argument("--seed", choices=seed.KINDS, default="small", help="data to start with")
    for name, kind, text in FLAGS:
        args.add_argument(
            f"--{name}", type=kind, default=getattr(defaults, name.replace("-", "_")), help=text
        )
    modes = ("any", "none", "basic", "api_key", "oauth2")
    args.add_argument("--auth", choices=modes, default="any", help="authentication that is accepted")
    args.add_argument("--rate-limit", metavar="N/SECONDS", help="answer 429 beyond this rate, e.g. 100/60")
    args.add_argument("--no-idempotency", action="store_true", help="ignore Idempotency-Key")
    args.add_argument(
        "--allow-remote-webhooks", action="store_true", help="deliver webhooks to other machines too"
    )
    args.add_argument("--exit-with-parent", action="store_true", help="end when standard input is closed")
    return args


def settings_of(args):
    names = {field.name for field in fields(Settings)}
    settings = Settings(
        **{name: value for name, value in vars(args).items() if name in names - {"rate_limit"}}
    )
    settings.idempotency = not args.no_idempotency
    if args.rate_limit:
        number, _, period = args.rate_limit.partition("/")
        settings.rate_limit = {"requests": int(number), "period": float(period or 1)}
    return settings


def build(settings, kind):
    """A bound server with a filled shop."""
    app = App(settings)
    server = Server((settings.host, settings.port), app)
    settings.port = server.server_address[1]
    settings.site_url = (settings.site_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    seed.reset(app, kind)
    return server


def say(*lines):
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(argv=None):
    args = parser().parse_args(argv)
    settings = settings_of(args)
    try:
        server = build(settings, args.seed)
    except OSError as error:
        say(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another --port.")
        return 1
    gc.freeze()  # seeded data lives as long as the process: no need to look at it again and again
    sys.setswitchinterval(0.001)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    say(
        f"Shop:     {settings.site_url}/ (API under /wp-json/wc/v3)",
        f"Basic:    {settings.consumer_key} / {settings.consumer_secret}",
        f"API key:  {settings.api_key} (X-API-Key or api_key=)",
        f"OAuth2:   {settings.client_id} / {settings.client_secret} at {settings.site_url}/oauth/token",
        f"Control:  {settings.control_key} (X-Control-Key) at {settings.site_url}/_control",
        f"{READY}{settings.site_url}",
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if args.exit_with_parent:
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(1):
        pass
    server.app.let_go()
    server.shutdown()
    server.server_close()
    return 0
