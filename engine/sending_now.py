"""What a button sends at once: in transactions of the engine's own, so that it stays whatever the caller's does later."""


def send_now(env, prepare, send, tell):
    """Send a few events or messages at once, and say what came of it.

    :param prepare: function called with an environment of its own; returns the ids to send. What it writes must not be
        written by the caller: two transactions would wait for each other.
    :param send: function called with that environment and the ids when they are committed; it commits as it goes
    :param tell: function called with that environment and the ids when they were sent: the caller's own transaction has
        begun before and sees nothing of it
    :return: what ``tell`` returns
    """
    env.cr.flush()
    with env.registry.cursor() as cr:
        own = env(cr=cr, user=env.uid, su=True)
        ids = prepare(own)
        own.flush_all()
        cr.commit()
        send(own, ids)
        cr.commit()
        own.invalidate_all()
        told = tell(own, ids)
    env.invalidate_all()
    return told
