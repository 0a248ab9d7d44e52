"""A lock -> the plan that makes the environment equal to it."""

from __future__ import annotations

from dataclasses import replace

from dataflows_registry.install.choose import Offer
from dataflows_registry.install.environment import installed
from dataflows_registry.install.installer import Installer
from dataflows_registry.install.offers import Offers
from dataflows_registry.install.plan import Plan
from dataflows_registry.install.planning import plan_releases, plan_uninstall
from dataflows_registry.lock.drift import drifted
from dataflows_registry.lock.lockfile import Lock, Locked
from dataflows_registry.model import File, Processor, Release
from dataflows_registry.policy import RefusedError
from dataflows_registry.store import Store

__all__ = ["plan_sync"]


def plan_sync(
    lock: Lock,
    *,
    remove: bool = False,
    store: Store | None = None,
    installer: Installer | None = None,
    offline: bool = False,
) -> Plan:
    """What has to change so that every locked plugin is installed, to the byte.

    Args:
        lock: The lock.
        remove: Remove plugins that are not in it.
        store: The user's configuration.
        installer: pip or uv; whichever is there by default.
        offline: Open no socket.

    Raises:
        RefusedError: A locked release must not be installed, or something that stays needs what goes.
        AccessError: A file is nowhere to be found.
    """
    store, here = store or Store(), installed()
    offers = Offers(store)
    missing = [locked for name, locked in lock.distributions.items() if drifted(locked, here.get(name))]
    plan = plan_releases(
        [_offer(locked, offers) for locked in missing],
        store=store,
        installer=installer,
        offline=offline,
    )
    extra = [name for name, found in here.items() if found.plugin and name not in lock.distributions]
    if remove and extra:
        return Plan((*plan.changes, *plan_uninstall(extra).changes), plan.notes)
    notes = [f"{name} is not in the lock; --remove removes it" for name in extra]
    return Plan(plan.changes, (*plan.notes, *notes))


def _offer(locked: Locked, offers: Offers) -> Offer:
    """The locked files of a release, with what the index says of it today.

    A lock comes with a project, and may claim anything: an index counts as the one that it names only where
    that index has these very files.
    """
    release, removed = offers.today(locked.index, locked.name, locked.version)
    known = {file.name: file for file in release.files} if release else {}
    for file in locked.files:
        today = known.get(file.name)
        if today is not None and today.sha256 not in (None, file.sha256):
            raise RefusedError([f"{file.name}: the index {locked.index!r} has another file of that name"])
    confirmed = any(file.name in known for file in locked.files)
    pinned = offers.store.pinned(locked.name)
    if pinned is not None and not (confirmed and pinned == locked.index):
        raise RefusedError(
            [f"{locked.name} is pinned to the index {pinned!r}, which does not have the locked release"]
        )
    yanked = {file.name: file.yanked for file in known.values()}
    files = tuple(File(file.name, sha256=file.sha256, yanked=yanked.get(file.name)) for file in locked.files)
    if release is None:
        points = [(key.partition(":")[2], value) for key, value in locked.processors.items()]
        processors = tuple(Processor(name, name, object=value) for name, value in points)
        release = Release(locked.name, locked.version, processors=processors)
    places = dict.fromkeys([*offers.places(locked.index), *filter(None, [locked.source])])
    return Offer(replace(release, files=files), locked.index if confirmed else None, tuple(places), removed)
