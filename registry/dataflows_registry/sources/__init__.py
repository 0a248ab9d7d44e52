"""Sources of an index: what is installed, wheels, a package index, a published index.

The same wheels give the same descriptions of processors whichever source they come from.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.urls import shown
from dataflows_registry.sources.base import Memory, Reading, Source

__all__ = ["Memory", "Reading", "Source", "is_remote_source", "open_source", "pip_address"]


def is_remote_source(text: str) -> bool:
    """Whether reading a source opens a socket.

    Args:
        text: What `open_source` takes.
    """
    return "://" in text or text == "pip"


def open_source(text: str, *, extras: Iterable[str] = (), offline: bool = False) -> Source:
    """The source that a text means.

    Args:
        text: ``"installed"``; ``"pip"`` for the package index that pip is configured for; the path of a
            wheel, of a folder of wheels, or of a published index; the address of a published index (it ends
            with ``index.json``) or of a package index.
        extras: Distributions to look for at a package index besides those named ``dataflows-…``.
        offline: Refuse a source on the network.

    Raises:
        FlowError: It is on the network and must not be; or nothing of that name is there.
        AccessError: pip does not say which index it uses.
    """
    if offline and is_remote_source(text):
        raise FlowError(f"{shown(text)} is on the network, and this run is offline")
    if text == "installed":
        from dataflows_registry.sources.installed import InstalledEnvironment

        return InstalledEnvironment()
    if is_remote_source(text):
        return _remote(pip_address() if text == "pip" else text, extras)
    path = Path(text).expanduser()
    if (path / "index.json").is_file() or path.name == "index.json":
        from dataflows_registry.sources.published import PublishedIndex

        return PublishedIndex(str(path))
    if path.is_dir() or (path.is_file() and path.name.endswith((".whl", ".tar.gz"))):
        from dataflows_registry.sources.wheels import WheelFolder

        return WheelFolder(path)
    raise FlowError(
        f"{text!r} is no source: it is none of `installed`, `pip`, a wheel, a folder, and an address"
        + ("" if path.exists() else " (nothing is there)")
    )


def _remote(address: str, extras: Iterable[str]) -> Source:
    if not address.startswith(("http://", "https://")):
        raise FlowError(f"{shown(address)} is no address of an index: http and https alone are")
    if address.endswith("/index.json"):
        from dataflows_registry.sources.published import PublishedIndex

        return PublishedIndex(address)
    from dataflows_registry.sources.package_index import PackageIndex

    return PackageIndex(address, extras)


def pip_address() -> str:
    """The package index of pip's configuration, with the password that it may hold.

    Raises:
        AccessError: pip's configuration names none.
    """
    if address := os.environ.get("PIP_INDEX_URL"):
        return address
    for key in ("install.index-url", "global.index-url"):
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "get", key]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip().splitlines()[-1]
    raise AccessError(
        "pip's configuration names no index; give the address of one, "
        "or `pip config set global.index-url ADDRESS`"
    )
