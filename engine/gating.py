"""A user's button that waits for the other system: what it stands for is sent first, and only then the button works.

The export happens in transactions of the engine's own, before the button has written anything: so nobody's row is locked
while the other system is asked, and a refusal leaves nothing to undo.
"""

from . import requesting
from .pressed import process_now

# What may go on: the other system has it, or the flow does not want it.
PASSED = ("synced", "excluded")


def send_first(env, flow, res_ids: list[int], *, button: str, seconds: int) -> list[dict]:
    """Export these records now, as they are. The transaction of ``env`` begins anew afterwards, so that the button sees what
    came of it.

    :param seconds: longest wait for one answer
    :return: those that did not pass: dicts with name, message and hint
    """
    sync_ids = requesting.enter(env, flow.id, res_ids)
    answers = process_now(
        env, sync_ids, seconds=seconds,
        reason=env._("%(user)s pressed %(button)s, which waits for it", user=env.user.name, button=button))
    env.cr.commit()
    env.invalidate_all()
    return [answer for answer in answers if answer["state"] not in PASSED]
