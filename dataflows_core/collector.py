"""Python's garbage collector, at rest while many objects are made that are no garbage.

Building 60 000 rows makes the collector look at all of them, several times over, and find nothing. Rest
is for the time of one batch: what a user's function leaves in circles is collected between two batches.
"""

from __future__ import annotations

import gc
from threading import Lock
from types import TracebackType

__all__ = ["CollectorAtRest"]


class CollectorAtRest:
    """A context in which the collector does not run, if it did before.

    May be nested, and entered by several threads: the collector runs again when all have left. Who turned it
    off for good finds it turned off.

    Examples:
        >>> import gc
        >>> with CollectorAtRest():
        ...     gc.isenabled()
        False
        >>> gc.isenabled()
        True
    """

    _lock = Lock()
    _depth = 0
    _ran = False

    def __enter__(self) -> None:
        shared = CollectorAtRest
        with shared._lock:
            if shared._depth == 0:
                shared._ran = gc.isenabled()
                gc.disable()
            shared._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shared = CollectorAtRest
        with shared._lock:
            shared._depth -= 1
            if shared._depth == 0 and shared._ran:
                gc.enable()
