"""How webhooks are signed: styles that real systems use, over the raw body."""

import base64
import hashlib
import hmac

STYLES = ("woocommerce", "standard_webhooks", "stripe", "github", "easypost", "shopify", "hubspot")


def mac(secret, message):
    return hmac.new(secret, message, hashlib.sha256)


def woocommerce(secret, body, delivery, now):
    """Base64 of the HMAC of the body."""
    return {"X-WC-Webhook-Signature": base64.b64encode(mac(secret.encode(), body).digest()).decode()}


def standard_webhooks(secret, body, delivery, now):
    """``v1,<base64>`` over ``id.timestamp.body``; a secret ``whsec_<base64>`` is decoded first."""
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signature = base64.b64encode(mac(key, f"{delivery}.{now}.".encode() + body).digest()).decode()
    return {"webhook-id": delivery, "webhook-timestamp": str(now), "webhook-signature": f"v1,{signature}"}


def stripe(secret, body, delivery, now):
    """``t=…,v1=<hex>`` over ``timestamp.body``."""
    return {"Stripe-Signature": f"t={now},v1={mac(secret.encode(), f'{now}.'.encode() + body).hexdigest()}"}


def github(secret, body, delivery, now):
    """``sha256=<hex>`` of the body."""
    return {"X-Hub-Signature-256": f"sha256={mac(secret.encode(), body).hexdigest()}"}


def easypost(secret, body, delivery, now):
    """``hmac-sha256-hex=<hex>`` of the body."""
    return {"X-Hmac-Signature": f"hmac-sha256-hex={mac(secret.encode(), body).hexdigest()}"}


def shopify(secret, body, delivery, now):
    """Base64 of the HMAC of the body, with the ID that tells a repeated delivery."""
    digest = base64.b64encode(mac(secret.encode(), body).digest()).decode()
    return {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Event-Id": delivery, "X-Shopify-Webhook-Id": delivery}


def hubspot(secret, body, delivery, now, url=""):
    """Base64 of the HMAC over method, address, body and time in milliseconds."""
    message = f"POST{url}".encode() + body + f"{now}000".encode()
    return {"X-HubSpot-Signature-v3": base64.b64encode(mac(secret.encode(), message).digest()).decode(),
            "X-HubSpot-Request-Timestamp": f"{now}000"}  # fmt: skip


def sign(style, secret, body, delivery, now, url=""):
    if style == "hubspot":
        return hubspot(secret, body, delivery, now, url)
    known = (woocommerce, standard_webhooks, stripe, github, easypost, shopify)
    return {function.__name__: function for function in known}[style](secret, body, delivery, now)
