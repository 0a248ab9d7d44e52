"""Who hears how far downloads are: whoever runs the flow, on the thread that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Listener", "heard_by", "tell"]

Listener = Callable[[str, int, int | None], None]
"""Called with what messages call the source, how many more bytes came, and how many there are in all."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(source: str, size: int, total: int | None) -> None:
    """Tell of bytes that came."""
    listener = _listener.get()
    if listener is not None:
        listener(source, size, total)


@contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """Within the block, downloads are told to the listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
