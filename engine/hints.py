"""What to do next, where many errors ask for the same."""

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

ASK_RULE = _lt("Ask the person who looks after this flow to correct the field rule, then retry.")
ASK_PROVIDER = _lt(
    "Retry later. If it stays, ask the provider of the external system (the contact is on the connection)."
)
BY_ITSELF = _lt(
    "It is tried again by itself. Nothing to do unless it stays for hours; then test the connection."
)
CONNECTION = _lt("Ask an administrator to correct the connection. What waits for it continues by itself.")
CORRECT = _lt(
    "Correct the value where it comes from, then retry. If the value is right, the field rule has to change."
)
