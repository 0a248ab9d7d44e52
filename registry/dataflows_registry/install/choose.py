"""Which release of a distribution, and which of its files, is right for this machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from dataflows_core.errors import AccessError
from dataflows_registry.model import File, Release
from dataflows_registry.policy import RefusedError
from dataflows_registry.trust import withdrawn

__all__ = ["Offer", "choose", "fitting_wheel", "misfit"]


@dataclass(frozen=True)
class Offer:
    """A release, and the index that has it.

    Attributes:
        release: The release.
        index: The index's name; None for one that only describes, whose files the installer has to find.
        places: Where its files may be: folders and addresses.
        removed: What the index lists as removed, with the reason.
    """

    release: Release
    index: str | None
    places: tuple[str, ...] = ()
    removed: Mapping[str, str] = field(default_factory=dict)


def choose(
    offers: Iterable[Offer], versions: str = "", *, core: str | None = None
) -> tuple[Offer, list[str]]:
    """The newest release that can be installed here.

    Args:
        offers: All releases of one distribution.
        versions: The versions that are wanted, as pip writes them: ``"==1.2"``, ``">=1,<2"``.
        core: The version of dataflows-core that is installed; None does not judge it.

    Returns:
        The release, and why newer ones were passed over.

    Raises:
        RefusedError: What was asked for has been withdrawn.
        AccessError: No release fits, with the reason of each.
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    newest = sorted(offers, key=lambda offer: Version(offer.release.version), reverse=True)
    wanted = SpecifierSet(versions)
    final = [offer for offer in newest if not Version(offer.release.version).is_prerelease]
    fit = list(wanted.filter([o.release.version for o in newest], prereleases=None if final else True))
    candidates = [offer for offer in newest if offer.release.version in fit]
    if not candidates:
        have = ", ".join(offer.release.version for offer in newest[:8])
        name = newest[0].release.distribution if newest else "it"
        raise AccessError(f"no release of {name} is {versions or 'there'}; the index has {have or 'none'}")
    passed: list[str] = []
    reasons: list[str] = []
    for offer in candidates:
        label = f"{offer.release.distribution} {offer.release.version}"
        gone = withdrawn(offer.release, offer.removed)
        reason = gone or misfit(offer.release, core=core)
        if reason is None:
            return offer, passed
        passed.append(f"{label} is passed over: {reason}")
        reasons += [f"{label}: {gone}"] if gone else []
    if len(reasons) == len(candidates):
        raise RefusedError(reasons)
    raise AccessError("no release can be installed here\n  " + "\n  ".join(passed[:8]))


def misfit(release: Release, *, core: str | None = None) -> str | None:
    """Why a release cannot work here; None when it can.

    Args:
        release: The release.
        core: The version of dataflows-core that is installed; None does not judge it.
    """
    python = platform.python_version()
    if not _holds(release.requires_python, python):
        return f"it needs Python {release.requires_python}, and this is {python}"
    needed = release.requires_core
    if core and not _holds(needed, core):
        return (
            f"it needs dataflows-core {needed}, and {core} is installed; "
            "`dataflows registry upgrade dataflows-core` brings a newer one"
        )
    if release.files and fitting_wheel(release) is None:
        return "it has no wheel for this machine, and the registry never builds one"
    return None


def _holds(versions: str | None, version: str) -> bool:
    """Whether a version is one of those wanted; none is where nobody understands what is."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(versions or "").contains(version, prereleases=True)
    except InvalidSpecifier:
        return False


def fitting_wheel(release: Release) -> File | None:
    """The file of a release that suits this machine best; None when no wheel does."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    ranks, python = _ranks(), platform.python_version()
    found: list[tuple[int, str, File]] = []
    for file in release.files:
        if file.yanked is not None or not _holds(file.requires_python, python):
            continue
        try:
            name, version, _, tags = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        if name != release.distribution or str(version) != release.version:
            continue  # the index says one thing and the file another
        rank = min((ranks[str(tag)] for tag in tags if str(tag) in ranks), default=None)
        if rank is not None:
            found.append((rank, file.name, file))
    return min(found)[2] if found else None


@lru_cache(maxsize=1)
def _ranks() -> dict[str, int]:
    from packaging.tags import sys_tags

    return {str(tag): rank for rank, tag in enumerate(sys_tags())}
