"""Who hears how far downloads are: whoever runs the flow, on the thread that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Listener", "heard_by", "tell"]

Listener = Callable[[str, int, int | None], None]
"""Called with what messages call the source, how many bytes have come, and how many there are in all."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(source: str, done: int, total: int | None) -> None:
    """Tell how many bytes of a source have come."""
    listener = _listener.get()
    if listener is not None:
        listener(source, done, total)


@contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """Within the block, downloads are told to the listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
