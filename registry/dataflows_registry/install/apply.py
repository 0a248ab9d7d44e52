"""The one place where the environment changes."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from dataflows_core import discovery
from dataflows_core.errors import AccessError
from dataflows_registry.install.contents import of_installed, of_wheel
from dataflows_registry.install.environment import installed
from dataflows_registry.install.fetch import digest
from dataflows_registry.install.installer import Installer, find_installer
from dataflows_registry.install.plan import Change, Plan
from dataflows_registry.policy import RefusedError, check

__all__ = ["apply"]


def apply(plan: Plan, installer: Installer | None = None, *, offline: bool = False) -> None:
    """Do what a plan says.

    Libraries come first and plugins last, so that no plugin is there without what it needs.

    Args:
        plan: What to do.
        installer: pip or uv; whichever is there by default.
        offline: Open no socket.

    Raises:
        RefusedError: A policy forbids it, something was withdrawn, or a file is not what the plan says.
        AccessError: The installer failed, or did something else.
    """
    check(plan)
    tool = installer or find_installer()
    coming = [change for change in plan.changes if change.action != "remove"]
    going = [change.distribution for change in plan.changes if change.action == "remove"]
    for change in coming:
        if not change.hashes:
            raise RefusedError([f"{change.distribution} {change.version}: no sha256 of it is known"])
    if found := _pinned(change for change in coming if change.file is None):
        tool.install(found, None, offline=offline)
    files = [change for change in coming if change.file is not None]
    if files:
        with tempfile.TemporaryDirectory() as place:
            _gather(files, Path(place))
            tool.install(_pinned(files), Path(place), offline=True)
    if going:
        tool.uninstall(going)
    importlib.invalidate_caches()
    discovery.refresh()
    _verify(coming, going)


def _pinned(changes: Iterable[Change]) -> dict[str, Sequence[str]]:
    return {f"{change.distribution}=={change.version}": change.hashes for change in changes}


def _gather(changes: Iterable[Change], folder: Path) -> None:
    """Copy the files to where the installer is told to look, once more verified on the way."""
    for change in changes:
        assert change.file is not None
        copy = folder / change.file.name
        shutil.copyfile(change.file, copy)
        if digest(copy) not in change.hashes:
            raise RefusedError([f"{change.file} has changed since the plan was made"])


def _verify(coming: Iterable[Change], going: Iterable[str]) -> None:
    here = installed()
    for change in coming:
        found = here.get(change.distribution)
        if found is None or found.version != change.version:
            now = found.version if found else "not there"
            raise AccessError(f"{change.distribution} should be {change.version} now, and is {now}")
        if change.file is not None and of_installed(found).digest != of_wheel(change.file).digest:
            raise AccessError(f"what is installed of {change.distribution} is not what its wheel contains")
    if left := [name for name in going if name in here]:
        raise AccessError(f"still there after they were removed: {', '.join(left)}")
