"""Secrets that can be set and never read: as they are, or ``env:NAME`` for an environment variable of the Odoo server."""

import os


def in_clear(value):
    """The secret behind a stored value, empty where there is none. For the engine only."""
    value = value or ""
    return os.environ.get(value[4:], "") if value.startswith("env:") else value


def told(env, value):
    """What people may know of a stored value: whether it is set, and where it is read from."""
    if not value:
        return env._("Not set")
    if not value.startswith("env:"):
        return env._("Set")
    if os.environ.get(value[4:]):
        return env._("Read from the environment variable %(name)s", name=value[4:])
    return env._("The environment variable %(name)s is not set on this server", name=value[4:])


def forget_input(records, vals_list, *names):
    """What was put into a field for a secret is not read back, not even by the request that did it.

    :param names: the field first, then others that show the same
    """
    if any(names[0] in vals for vals in vals_list):
        records.env.flush_all()
        records.invalidate_recordset(names)
