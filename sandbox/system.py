"""What the systems beside the shop share: each keeps its own records in memory, behind one lock of its own."""

import threading


class System:
    """Inherit and say what ``clear`` empties, how a refusal reads and what is served."""

    def __init__(self, app):
        self.app = app
        self.lock = threading.RLock()
        self.clear()
