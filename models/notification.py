CLOSE = {"type": "ir.actions.act_window_close"}
RELOAD = {"type": "ir.actions.client", "tag": "soft_reload"}


def notification(kind, message, *, then=RELOAD, **params):
    """What a button answers with: a message in the corner, and what is behind it is read again.

    :param kind: info, success, warning or danger
    :param then: instead of reading again
    :param params: title, and sticky for a message that stays until it is closed
    """
    return {
        "type": "ir.actions.client", "tag": "display_notification",
        "params": {"type": kind, "message": message, **params, "next": dict(then)},
    }
