"""What a processor does to the package, from the calls that its step makes."""

from __future__ import annotations

from dataflows_registry.describe.calls import Calls
from dataflows_registry.model import Shape

__all__ = ["infer_shape"]

# From the widest to the narrowest; whether rows may come that were not there: None where a function decides.
_OPERATIONS: tuple[tuple[str, dict[str, bool | None]], ...] = (
    ("resources", {"add": True, "derive": None, "remove": False, "write": False}),
    ("rows", {"pipe_rows": None}),
    ("batches", {"map_batches": None, "pipe_batches": None, "map_sql": False, "cast": False,
                 "select_fields": False}),
    ("each row", {"map_rows": False, "each_row": False}),
)  # fmt: skip
_OWNED = {"add": "package.add", "derive": "Stream.derive", "remove": "package.remove"}
"""Methods whose name alone would be too common."""


def infer_shape(calls: Calls, kind: str) -> Shape | None:
    """The shape, or None where the calls say nothing.

    Args:
        calls: Of the step.
        kind: The processor's kind; a source brings resources in however it does so.
    """
    found = [
        (by, adds)
        for by, operations in _OPERATIONS
        for name, adds in operations.items()
        if _OWNED.get(name, name) in calls.methods
    ]
    if kind == "source":
        return Shape(by="resources", adds_rows=True)
    if not found:
        return None if calls.opaque else Shape(by="package", adds_rows=False)
    adds = {adds for _, adds in found}
    unknown = None if None in adds or calls.opaque else False
    return Shape(by=found[0][0], adds_rows=True if True in adds else unknown)
