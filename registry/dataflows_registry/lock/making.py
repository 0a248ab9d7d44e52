"""An environment -> its lock: only what an index has, and only if it is what the index has."""

from __future__ import annotations

from collections.abc import Mapping

from dataflows_core.errors import AccessError
from dataflows_core.files.urls import shown
from dataflows_registry.install.choose import Offer
from dataflows_registry.install.contents import of_installed, of_wheel
from dataflows_registry.install.environment import Installed, installed
from dataflows_registry.install.fetch import fetch
from dataflows_registry.install.offers import Offers
from dataflows_registry.lock.lockfile import Lock, Locked, LockedFile
from dataflows_registry.model import File
from dataflows_registry.policy import RefusedError
from dataflows_registry.store import Store

__all__ = ["make_lock"]


def make_lock(
    *, store: Store | None = None, offline: bool = False, here: Mapping[str, Installed] | None = None
) -> Lock:
    """The lock of the plugins that are installed.

    Every wheel of each release is fetched, so that the lock holds on every platform.

    Args:
        store: The user's configuration.
        offline: Open no socket; wheels that were fetched before are still there.
        here: What is installed; what is installed in this Python by default.

    Raises:
        RefusedError: A plugin cannot be locked, with the reason for each: it is a checkout, no index has it,
            or it is not what the index has.
    """
    store = store or Store()
    offers, locked, reasons = Offers(store), {}, []
    for name, found in (installed() if here is None else here).items():
        if found.plugin:
            try:
                locked[name] = _lock_one(found, offers, store, offline)
            except RefusedError as refusal:
                reasons += [f"{name} {found.version}: {reason}" for reason in refusal.reasons]
    if reasons:
        raise RefusedError(reasons)
    return Lock(locked)


def _lock_one(found: Installed, offers: Offers, store: Store, offline: bool) -> Locked:
    if found.editable:
        raise RefusedError(["it is a checkout (an editable installation), which changes with every edit"])
    offer = next((one for one in offers.of(found.name) if one.release.version == found.version), None)
    if offer is None or not offer.release.files:
        raise RefusedError(
            ["no index of yours has its files; add one: `dataflows registry index add NAME SOURCE`"]
        )
    files = tuple(_lock_file(file, offer, store, offline) for file in offer.release.files)
    contents = of_installed(found)
    if contents.digest not in [file.contents for file in files]:
        edited = f": {', '.join(contents.changed)} changed since" if contents.changed else ""
        raise RefusedError([f"what is installed is not what the index {offer.index!r} has{edited}"])
    source = shown(offer.places[0]) if offer.places else None
    return Locked(found.name, found.version, offer.index, source, files, found.processors)


def _lock_file(file: File, offer: Offer, store: Store, offline: bool) -> LockedFile:
    if not file.sha256:
        raise RefusedError([f"the index {offer.index!r} states no sha256 of {file.name}"])
    if not file.name.endswith(".whl"):
        return LockedFile(file.name, file.sha256)
    wheel = fetch(offer, file, store, offline=offline)
    if wheel is None:
        raise AccessError(f"{file.name} is not where the index {offer.index!r} says that its files are")
    return LockedFile(file.name, file.sha256, of_wheel(wheel).digest)
