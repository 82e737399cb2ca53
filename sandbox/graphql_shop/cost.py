"""What a call costs, and the bucket that it has to fit into.

The answer tells it as the real shop does (``extensions.cost``). The figures are simpler than the real ones: an object costs
1, a list or connection as many as are asked for, whatever is nested in it; a mutation 10.
"""

import threading
import time

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, IntValueNode, OperationType, VariableNode

MOST = 1000
MUTATION = 10


def cost_of(document, variables):
    """The points of the first operation of a parsed document."""
    operation = next(node for node in document.definitions if hasattr(node, "operation"))
    fragments = {node.name.value: node for node in document.definitions if not hasattr(node, "operation")}
    base = MUTATION if operation.operation == OperationType.MUTATION else 0
    return base + _selections(operation.selection_set, fragments, variables or {})


def _selections(selection_set, fragments, variables):
    points = 0
    for node in selection_set.selections if selection_set else ():
        if isinstance(node, FragmentSpreadNode):
            fragment = fragments.get(node.name.value)
            points += _selections(fragment.selection_set, fragments, variables) if fragment else 0
        elif isinstance(node, InlineFragmentNode):
            points += _selections(node.selection_set, fragments, variables)
        elif isinstance(node, FieldNode) and node.selection_set:
            points += _size(node, variables) + _selections(node.selection_set, fragments, variables)
    return points


def _size(node, variables):
    for argument in node.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                value = variables.get(argument.value.name.value)
                return value if isinstance(value, int) else 1
    return 1


class Bucket:
    """Points that are used up by calls and come back with time."""

    def __init__(self, settings):
        self._settings = settings
        self._lock = threading.Lock()
        self.reset()

    def reset(self):
        self._used, self._at = 0.0, time.monotonic()

    def take(self, points):
        """Is there room? Then the points are used."""
        with self._lock:
            now = time.monotonic()
            self._used = max(0.0, self._used - (now - self._at) * self._settings.graphql_restore)
            self._at = now
            if self._used + points > self._settings.graphql_points:
                return False
            self._used += points
            return True

    def describe(self, points, done):
        return {"cost": {
            "requestedQueryCost": points, "actualQueryCost": points if done else None,
            "throttleStatus": {
                "maximumAvailable": float(self._settings.graphql_points),
                "currentlyAvailable": int(max(0.0, self._settings.graphql_points - self._used)),
                "restoreRate": float(self._settings.graphql_restore),
            },
        }}  # fmt: skip
