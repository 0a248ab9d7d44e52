"""Trying again: how often, and how long is waited before."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from dataflows_core.errors import AccessError

__all__ = ["Passing", "Patience"]

logger = logging.getLogger("dataflows.files")

wait: Callable[[float], None] = time.sleep
"""Called with the seconds to wait."""

TRIES = 5
"""How often something is tried that fails in a way that may pass."""

_FIRST, _LONGEST = 0.5, 60.0
_PROGRESS = 1 << 20


class Passing(Exception):
    """A failure that may be over soon.

    Args:
        problem: What happened, as the end of a sentence that begins with the source.
        after: The seconds that the server asks to wait.
        tries: How often to try in all.
    """

    def __init__(self, problem: str, *, after: float | None = None, tries: int = TRIES) -> None:
        super().__init__(problem)
        self.problem, self.after, self.tries = problem, after, tries


class Patience:
    """Counts the failures of one source, and waits longer from one to the next.

    Args:
        source: What messages call it.
    """

    def __init__(self, source: str) -> None:
        self._source, self._failed, self._since = source, 0, 0

    def progress(self, size: int) -> None:
        """Take in that bytes came. With some megabyte behind it, a failure is the first one again."""
        self._since += size
        if self._since >= _PROGRESS:
            self._failed = 0

    def wait_after(self, failure: Passing) -> None:
        """Wait until it is time to try again.

        Raises:
            AccessError: There were enough failures, or the server asks for too long a time.
        """
        self._failed, self._since = self._failed + 1, 0
        if self._failed >= failure.tries:
            times = "once" if self._failed == 1 else f"{self._failed} times"
            raise AccessError(f"{self._source} {failure.problem}\n  it was tried {times}") from failure
        if failure.after is not None and failure.after > _LONGEST:
            raise AccessError(
                f"{self._source} {failure.problem}\n"
                f"  it asks to wait for {failure.after:,.0f} seconds; run the flow again then"
            ) from failure
        seconds = _FIRST * 2 ** (self._failed - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        seconds = max(seconds, failure.after or 0.0)
        logger.warning(
            "%s %s; trying again in %.1f s (%d of %d)",
            self._source,
            failure.problem,
            seconds,
            self._failed + 1,
            failure.tries,
        )
        wait(seconds)
