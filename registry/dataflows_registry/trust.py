"""What speaks against a distribution: a name made to be mistaken, two indexes that claim it, a withdrawal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dataflows_core.discovery import FIRST_PARTY

if TYPE_CHECKING:
    from dataflows_registry.model import Release

__all__ = ["installed_withdrawn", "look_alike", "read_removed", "skeleton", "sole_index", "withdrawn"]

_ALIKE = str.maketrans(
    {"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "3": "e", "4": "a", "7": "t", "8": "b", "9": "g"}
    | dict(zip("авеёкмнорстухіјѕ", "abeekmhopctyxljs", strict=True))  # Cyrillic
    | dict(zip("αβεικνορτυχ", "abelkvoptux", strict=True))  # Greek
)
_SHORT = 4
"""Words of up to so many letters are names of formats, which differ by one letter honestly: csv, tsv."""


@lru_cache(maxsize=1 << 12)
def skeleton(name: str) -> str:
    """A name as the eye reads it in a hurry: equal for names that are easily taken for each other.

    Examples:
        >>> skeleton("datafl0ws_load.csv") == skeleton("dataflows-load-csv")
        True
    """
    plain = unicodedata.normalize("NFKD", name.lower())
    letters = "".join(letter for letter in plain if letter.isalnum() or letter == "|")
    return letters.translate(_ALIKE).replace("rn", "m").replace("vv", "w").replace("cl", "d")


def look_alike(name: str, known: Iterable[str] = FIRST_PARTY) -> str | None:
    """The known name that another one could be mistaken for.

    Args:
        name: A distribution's name.
        known: Names that are trusted; those of this project by default.

    Returns:
        The known name; None when `name` is known itself, or like none of them.

    Examples:
        >>> look_alike("datafl0ws-load-csv")
        'dataflows-load-csv'
        >>> look_alike("dataflows-load-tsv", ["dataflows-load-csv"])
    """
    trusted = sorted(known)
    if name in trusted:
        return None
    return next((other for other in trusted if _alike(name, other)), None)


def _alike(name: str, other: str) -> bool:
    if skeleton(name) == skeleton(other):
        return True
    words, others = _words(name), _words(other)
    if sorted(words) == sorted(others):
        return True
    if len(words) != len(others):
        return False
    differing = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and _one_slip(*differing[0])


@lru_cache(maxsize=1 << 12)
def _words(name: str) -> list[str]:
    return name.lower().replace("_", "-").replace(".", "-").split("-")


def _one_slip(word: str, other: str) -> bool:
    """Whether one slip of the finger makes one word the other."""
    if len(word) == len(other):
        at = [place for place, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
        swapped = (
            len(at) == 2
            and at[1] == at[0] + 1
            and word[at[0]] == other[at[1]]
            and word[at[1]] == other[at[0]]
        )
        return swapped or (len(at) == 1 and len(word) > _SHORT)
    longer, shorter = (word, other) if len(word) > len(other) else (other, word)
    if len(longer) != len(shorter) + 1:
        return False
    places = [at for at in range(len(longer)) if longer[:at] + longer[at + 1 :] == shorter]
    doubled = any(longer[at] in (longer[at - 1 : at], longer[at + 1 : at + 2]) for at in places)
    return doubled or (bool(places) and len(longer) > _SHORT)


def withdrawn(release: Release, removed: Mapping[str, str] | None = None) -> str | None:
    """Why a release must not be installed; None when nothing stands against it.

    Args:
        release: The release, as an index has it.
        removed: What the index lists as removed, with the reason: ``"name"`` or ``"name version"``.
    """
    for key in (release.distribution, f"{release.distribution} {release.version}"):
        if removed is not None and key in removed:
            return f"removed from the index{_because(removed[key])}"
    if (release.status or "").partition(":")[0].strip() == "quarantined":
        return f"quarantined by the index{_because((release.status or '').partition(':')[2])}"
    if release.yanked is not None:
        return f"yanked by its authors{_because(release.yanked)}"
    if release.files and all(file.yanked is not None for file in release.files):
        return f"yanked by its authors{_because(release.files[0].yanked)}"
    return None


def read_removed(folder: Path) -> dict[str, str]:
    """What an index lists as removed, with the reason: by ``"name"`` or ``"name version"``.

    Args:
        folder: The index's folder.

    Raises:
        DataError: Its list is damaged.
    """
    from dataflows_registry.model import loads

    path = folder / "removed.json"
    found = loads(path.read_bytes(), str(path)) if path.is_file() else {}
    return {str(key): str(reason) for key, reason in found.items()} if isinstance(found, dict) else {}


def _because(reason: str | None) -> str:
    return f": {reason.strip()}" if reason and reason.strip() else ""


def installed_withdrawn(
    installed: Mapping[str, str],
    releases: Mapping[str, Sequence[Release]],
    removed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What is installed here although it was withdrawn since, with the reason.

    Args:
        installed: Version by name of distribution.
        releases: What the indexes know of each distribution.
        removed: What they list as removed, with the reason.
    """
    found = {}
    for name, version in installed.items():
        for release in releases.get(name, ()):
            reason = withdrawn(release, removed) if release.version == version else None
            if reason is not None:
                found[name] = reason
        for key in (name, f"{name} {version}"):
            if removed is not None and key in removed:
                found[name] = f"removed from the index{_because(removed[key])}"
    return found


def sole_index(distribution: str, indexes: Sequence[str], pinned: str | None) -> str | None:
    """The index that a distribution is to come from.

    Args:
        distribution: Its name.
        indexes: The names of the indexes that have it.
        pinned: The index that the user pinned it to.

    Returns:
        The index; None when none has it.

    Raises:
        RefusedError: Several have it and none is pinned, or only others than the pinned one have it.
    """
    from dataflows_registry.policy import RefusedError

    if pinned is not None:
        if pinned in indexes or not indexes:
            return pinned if indexes else None
        raise RefusedError(
            [f"{distribution} is pinned to the index {pinned!r}, which lacks it; {_listed(indexes)} has it"]
        )
    if len(indexes) > 1:
        raise RefusedError(
            [
                f"{distribution} is on {len(indexes)} indexes, {_listed(indexes)}; one could be an impostor",
                f"say which one it comes from: dataflows registry index pin {indexes[0]} {distribution}",
            ]
        )
    return indexes[0] if indexes else None


def _listed(indexes: Sequence[str]) -> str:
    return " and ".join(repr(index) for index in indexes)
