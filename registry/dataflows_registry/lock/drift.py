"""Whether an environment is what a lock says: the versions, and the bytes of all files of the wheels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dataflows_core.errors import DataflowsError
from dataflows_registry.install.contents import of_installed
from dataflows_registry.install.environment import Installed, installed
from dataflows_registry.lock.lockfile import FILE, Lock, Locked

__all__ = ["DriftError", "check", "drift", "drifted", "find_lock"]


class DriftError(DataflowsError):
    """The environment is not what the lock says.

    Args:
        path: The lock.
        reasons: What differs, one text for each plugin.
    """

    def __init__(self, path: Path, reasons: Sequence[str]) -> None:
        self.path, self.reasons = path, list(reasons)
        listed = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(
            f"the environment is not what {path} says; nothing was run\n{listed}\n"
            "  `dataflows registry sync` installs what it says; `dataflows registry lock` locks what is here"
        )


def check(folders: Sequence[Path]) -> None:
    """Refuse to go on in an environment that is not what the lock says; `dataflows run --locked` asks this.

    Args:
        folders: Where the lock file may be; the first that has one counts.

    Raises:
        AccessError: None has one.
        DriftError: Something differs.
    """
    path = find_lock(folders)
    if reasons := drift(Lock.read(path)):
        raise DriftError(path, reasons)


def find_lock(folders: Sequence[Path]) -> Path:
    """The lock file of the first folder that has one.

    Raises:
        AccessError: None has one.
    """
    from dataflows_core.errors import AccessError

    for folder in folders:
        if (folder / FILE).is_file():
            return folder / FILE
    places = " nor in ".join(dict.fromkeys(map(str, folders)))
    raise AccessError(f"there is no {FILE} in {places}; `dataflows registry lock` writes one")


def drift(lock: Lock, here: Mapping[str, Installed] | None = None) -> list[str]:
    """What differs between a lock and what is installed; empty when nothing does.

    A plugin that is not in the lock differs too: its hooks and names could change what a flow does.

    Args:
        lock: The lock.
        here: What is installed; what is installed in this Python by default.
    """
    here = installed() if here is None else here
    reasons = [
        reason for locked in lock.distributions.values() if (reason := drifted(locked, here.get(locked.name)))
    ]
    return reasons + [
        f"{name} {found.version} is installed, and not in the lock"
        for name, found in here.items()
        if found.plugin and name not in lock.distributions
    ]


def drifted(locked: Locked, found: Installed | None) -> str | None:
    """How an installed plugin differs from its lock; None when it does not."""
    if found is None:
        return f"{locked.name} {locked.version} is not installed"
    if found.version != locked.version:
        return f"{locked.name} is {found.version} instead of {locked.version}"
    if found.editable:
        return (
            f"{locked.name} is a checkout (an editable installation) instead of {locked.version} from a wheel"
        )
    contents = of_installed(found)
    if contents.digest in [file.contents for file in locked.files if file.contents]:
        return None
    which = f": {', '.join(contents.changed)}" if contents.changed else ""
    return f"{locked.name} {locked.version} is not what its locked wheel contains{which}"
