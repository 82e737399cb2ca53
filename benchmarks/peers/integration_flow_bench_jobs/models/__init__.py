from . import queue
