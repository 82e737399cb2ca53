"""Idempotency keys: the same key and the same body get the same answer again, and nothing is done twice.

Only answers that say that something was done are kept, so a request that was refused may be repeated after
its cause was repaired.
"""

import hashlib
from collections import OrderedDict

from .messages import ApiError

KEPT = 200_000


class Idempotency:
    """Used inside the store's lock, hence no lock of its own."""

    def __init__(self):
        self._answers = OrderedDict()

    def clear(self):
        self._answers.clear()

    @staticmethod
    def _key(request, key):
        return (request.method, request.path, key)

    @staticmethod
    def _digest(request):
        return hashlib.sha256(request.body).digest()

    def replay(self, request, key):
        """The stored answer for this key, None when it is new; 422 when it was used for something else."""
        known = self._answers.get(self._key(request, key))
        if known is None:
            return None
        digest, answer = known
        if digest != self._digest(request):
            message = "This idempotency key was already used with another request body."
            raise ApiError(422, "idempotency_key_reused", message)
        return answer

    def keep(self, request, key, answer):
        self._answers[self._key(request, key)] = (self._digest(request), answer)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
