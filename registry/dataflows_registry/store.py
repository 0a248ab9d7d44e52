"""What the registry keeps for a user: the indexes that were added, and folders for data and caches.

Configuration is one JSON file, `registry.json`; the order of its indexes is their priority. Everything is
written whole or not at all. What is in the cache folder may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from dataflows_core.errors import AccessError, FlowError, near_misses

__all__ = ["RESERVED", "ConfiguredIndex", "Store", "exclusive", "pattern", "replacing", "write_atomically"]

RESERVED = ("bundled", "installed")
"""Names of indexes that are always there, and so cannot be added."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?")


@dataclass(frozen=True)
class ConfiguredIndex:
    """An index that the user added.

    Attributes:
        name: What the user calls it.
        source: A wheel, a folder, or the address of a package index or of a published index.
        pins: Patterns of distributions (`acme-*`) that come from this index and from no other.
        extras: Distributions to look for at a package index besides those named `dataflows-…`.
    """

    name: str
    source: str
    pins: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the configuration file has it."""
        return {
            "name": self.name,
            "source": self.source,
            "pins": list(self.pins),
            "extras": list(self.extras),
        }


class Store:
    """The user's configuration and folders.

    Args:
        root: A folder for all of it; by default that of the variable `DATAFLOWS_HOME`, or else the folders
            that the platform has for configuration, data and caches (`XDG_CONFIG_HOME` and the like).
    """

    def __init__(self, root: str | Path | None = None) -> None:
        given = root or os.environ.get("DATAFLOWS_HOME")
        self.root = Path(given).expanduser() if given else None

    @property
    def config_folder(self) -> Path:
        """Where `registry.json` is, and a policy."""
        return self._folder("config", "XDG_CONFIG_HOME", ".config")

    @property
    def data_folder(self) -> Path:
        """Where the indexes are."""
        return self._folder("data", "XDG_DATA_HOME", ".local/share")

    @property
    def cache_folder(self) -> Path:
        """Where descriptions and downloads are kept that can be made again."""
        return self._folder("cache", "XDG_CACHE_HOME", ".cache")

    def _folder(self, purpose: str, variable: str, below_home: str) -> Path:
        if self.root is not None:
            return self.root / purpose
        try:
            home = Path.home()
        except RuntimeError as error:
            raise AccessError("this user has no home folder; set DATAFLOWS_HOME to a folder") from error
        if sys.platform == "win32":
            kind = "APPDATA" if purpose == "config" else "LOCALAPPDATA"
            return Path(os.environ.get(kind) or home / "AppData" / "Local") / "dataflows" / purpose
        if sys.platform == "darwin":
            place = "Caches" if purpose == "cache" else "Application Support"
            return home / "Library" / place / "dataflows"
        return Path(os.environ.get(variable) or home / below_home) / "dataflows"

    @property
    def config_file(self) -> Path:
        """The configuration."""
        return self.config_folder / "registry.json"

    def index_folder(self, name: str) -> Path:
        """Where the index of a name is kept."""
        return self.data_folder / "indexes" / name

    def indexes(self) -> list[ConfiguredIndex]:
        """The indexes that were added, those that take precedence first.

        Raises:
            FlowError: The configuration cannot be understood.
            AccessError: It cannot be read.
        """
        path = self.config_file
        try:
            found = json.loads(path.read_text("utf-8"))["indexes"]
            return [_configured(item) for item in found]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AccessError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FlowError(
                f"{path} cannot be understood ({type(error).__name__}: {error})\n"
                '  it has the form {"indexes": [{"name": …, "source": …, "pins": […]}]}; mend or delete it'
            ) from error

    def find(self, name: str) -> ConfiguredIndex:
        """The index of a name.

        Raises:
            FlowError: None was added under it; near misses are named.
        """
        known = {index.name: index for index in self.indexes()}
        if name not in known:
            close = near_misses(name, known)
            message = f"no index named {name!r} was added"
            message += f"; did you mean {' or '.join(close)}?" if close else ""
            listed = f"the added indexes: {', '.join(known)}" if known else "none was added so far"
            raise FlowError(f"{message}\n  {listed}")
        return known[name]

    def check_new(self, name: str) -> None:
        """Refuse a name that an index cannot be added under.

        Raises:
            FlowError: The name is taken, or is none.
        """
        if not _NAME.fullmatch(name):
            raise FlowError(f"{name!r} cannot name an index: use small letters, digits, '-', '_' and '.'")
        if name in RESERVED:
            raise FlowError(f"{name!r} names an index that is always there; choose another name")
        if any(index.name == name for index in self.indexes()):
            raise FlowError(
                f"an index named {name!r} was added before\n"
                f"  dataflows registry index update {name}: read it again\n"
                f"  dataflows registry index remove {name}: forget it"
            )

    def add(self, index: ConfiguredIndex, *, first: bool = False) -> None:
        """Remember an index.

        Args:
            index: The index.
            first: It takes precedence over all others; otherwise they do.

        Raises:
            FlowError: Its name is taken, or is none.
        """
        with self._changing():
            self.check_new(index.name)
            known = self.indexes()
            self._write([index, *known] if first else [*known, index])

    def pin(self, name: str, pins: Iterable[str]) -> None:
        """Let distributions come from one index and from no other.

        Args:
            name: The index.
            pins: All patterns of names that are its own.
        """
        with self._changing():
            changed = replace(self.find(name), pins=tuple(dict.fromkeys(map(pattern, pins))))
            self._write([changed if index.name == name else index for index in self.indexes()])

    def remove(self, name: str) -> None:
        """Forget an index, and delete what is kept of it.

        Raises:
            FlowError: None was added under the name.
        """
        import shutil

        with self._changing():
            found = self.find(name)
            self._write([index for index in self.indexes() if index != found])
        shutil.rmtree(self.index_folder(name), ignore_errors=True)

    def pinned(self, distribution: str) -> str | None:
        """The index that a distribution has to come from; None when any may bring it.

        Args:
            distribution: Its normalised name.
        """
        for index in self.indexes():
            if any(fnmatchcase(distribution, pattern(pin)) for pin in index.pins):
                return index.name
        return None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let nobody else change the configuration between reading and writing it."""
        with exclusive(self.config_file.with_suffix(".lock"), wait=True):
            yield

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """The folder of an index, for the one who reads its source and writes it anew.

        Raises:
            AccessError: Another process does that now.
        """
        with exclusive(self.data_folder / "locks" / name, wait=False):
            yield self.index_folder(name)

    def _write(self, indexes: Iterable[ConfiguredIndex]) -> None:
        content = {"indexes": [index.to_json() for index in indexes]}
        write_atomically(self.config_file, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def _configured(item: dict[str, Any]) -> ConfiguredIndex:
    name, source = item["name"], item["source"]
    pins, extras = item.get("pins", []), item.get("extras", [])
    if not isinstance(source, str):
        raise TypeError(f"the source of the index {name!r} is no text")
    for key, texts in (("pins", pins), ("extras", extras)):
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise TypeError(f"{key} of the index {name!r} is no list of texts")
    if not _NAME.fullmatch(name):  # it becomes a folder's name
        raise ValueError(f"{name!r} cannot name an index")
    return ConfiguredIndex(name, source, tuple(pins), tuple(extras))


def pattern(text: str) -> str:
    """A pattern of the names of distributions, written as these are compared.

    Examples:
        >>> pattern("Acme_*")
        'acme-*'
    """
    return re.sub(r"[_.]", "-", text).lower()


@contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock that one process has at a time; the system takes it back from one that dies.

    Args:
        path: The lock's file, which stays.
        wait: Wait for another process to end.

    Raises:
        AccessError: The file cannot be written, or another process holds the lock.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise AccessError(f"{path} cannot be written: {error.strerror}") from error
    with file:
        try:
            _lock(file, wait)
        except (BlockingIOError, PermissionError) as error:
            raise AccessError(f"another process is at it ({path} is locked); wait until it ends") from error
        yield


if sys.platform == "win32":  # pragma: no cover - the same contract

    def _lock(file: BinaryIO, wait: bool) -> None:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:

    def _lock(file: BinaryIO, wait: bool) -> None:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        AccessError: It cannot be written.
    """
    with replacing(path) as temporary:
        data = content.encode() if isinstance(content, str) else content
        temporary.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, which takes its place when the block ends well.

    Raises:
        AccessError: The folder or the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)  # readable by whom the user lets read, unlike those of tempfile
    except OSError as error:
        raise AccessError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise AccessError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
