"""The folder that the platform has for what can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Where dataflows keeps what can be made again: the environment variable ``DATAFLOWS_CACHE`` says it.

    Otherwise it is below ``~/.cache`` (or ``XDG_CACHE_HOME``), ``~/Library/Caches`` on macOS, and
    ``%LOCALAPPDATA%`` on Windows.

    Raises:
        RuntimeError: The user has no home.
    """
    if own := os.environ.get("DATAFLOWS_CACHE"):
        return Path(own).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "dataflows"
