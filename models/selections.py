"""What several models share: one list of states, one of error classes, the group that may set secrets."""

# Technical administrators: secrets, addresses that secrets are sent to, Python expressions, rights that flows lend.
SECRETS_GROUP = "integration_flow.group_integration_secrets"

SYNC_STATES = [
    ("pending", "Pending"),
    ("waiting", "Waiting"),
    ("processing", "Processing"),
    ("synced", "Synced"),
    ("failed", "Failed"),
    ("conflict", "Conflict"),
    ("unknown", "Unknown Outcome"),
    ("held", "Held"),
    ("excluded", "Excluded"),
    ("skipped", "Skipped"),
]

# States that a person has to look at, worst first.
NEEDS_ATTENTION = ("failed", "conflict", "unknown", "held")

ERROR_CLASSES = [
    ("connection", "Connection"),
    ("server", "Error of the Other System"),
    ("locked", "Locked"),
    ("rate_limit", "Too Many Calls"),
    ("timeout", "No Answer in Time"),
    ("authentication", "Credentials Refused"),
    ("parent_missing", "Waits for Another Record"),
    ("validation", "Rejected Data"),
    ("mapping", "Mapping"),
    ("unmapped", "Value Not Mapped"),
    ("schema", "Schema"),
    ("ambiguous", "Ambiguous Match"),
    ("constraint", "Refused by Odoo"),
    ("access", "Access Rights"),
    ("concurrency", "Concurrent Change"),
    ("internal", "Internal Error"),
]

DIRECTIONS = [("import", "Import"), ("export", "Export")]
