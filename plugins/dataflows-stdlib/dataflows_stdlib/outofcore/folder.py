"""Temporary folders that do not stay behind, not even those of a process that was killed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataflows_core.commit import access_errors

__all__ = ["temporary_folder"]

_PREFIX = "dataflows-work-"
_LOCK = "in-use"


@contextmanager
def temporary_folder() -> Iterator[str]:
    """A new folder, removed at the end; and so are those that killed processes have left.

    Raises:
        AccessError: It cannot be made.
    """
    with access_errors("keep rows in a temporary folder"):
        _sweep(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = _locked(folder)
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A lock that its process holds as long as it lives; None where there is no such thing."""
    if sys.platform == "win32":
        return None
    import fcntl

    # It gets its name when it is locked, so that nobody finds it unlocked before.
    new = folder / f"{_LOCK}-soon"
    lock = os.open(new, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)
    return lock


def _sweep(place: Path) -> None:
    """Remove the folders whose process is gone."""
    if sys.platform == "win32":
        return
    import fcntl

    for path in place.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, or gone in this moment
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
        except OSError:
            pass  # somebody works in it
        finally:
            os.close(lock)
