"""What all sources of an index have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from dataflows_registry.model import File, Release

__all__ = ["Memory", "Reading", "Source", "best_file"]


@dataclass
class Memory:
    """What the last reading of a source left, so that what is unchanged need not be read again.

    Attributes:
        state: What the source wanted to remember: validators, sizes, times. Plain JSON.
        release: Gives a release that was described then, by distribution and version.
    """

    state: dict[str, Any] = field(default_factory=dict)
    release: Callable[[str, str], Release | None] = lambda _name, _version: None


@dataclass
class Reading:
    """What reading a source gives besides releases.

    Attributes:
        state: For the next reading.
        problems: What could not be read, a line each; names the file.
        removed: What was withdrawn, with the reason: ``"name"`` or ``"name version"``.
        places: Where the files can be had: addresses and folders.
    """

    state: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    removed: dict[str, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)


class Source(Protocol):
    """Where releases come from.

    Attributes:
        name: What it is called in messages, without passwords.
    """

    name: str

    def read(self, memory: Memory, reading: Reading) -> Iterator[Release]:
        """Every release with entry points of dataflows, in any order.

        Args:
            memory: What the last reading left.
            reading: Filled with what else there is to say.

        Raises:
            AccessError: The source as a whole cannot be read.
            DataError: It is not what it claims to be.
        """


def best_file(files: Iterable[File]) -> File | None:
    """The file of a release that is described: a wheel for any platform, any wheel, the sdist."""

    def rank(file: File) -> tuple[int, str]:
        if file.name.endswith(".whl"):
            return (0 if file.name.endswith("-none-any.whl") else 1), file.name
        return (2 if file.name.endswith(".tar.gz") else 3), file.name

    readable = [file for file in files if rank(file)[0] < 3]
    return min(readable, key=rank, default=None)
