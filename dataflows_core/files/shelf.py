"""Where downloads are kept: one folder for each URL, locked by whoever works in it.

    <cache folder>/downloads/<key>.lock
    <cache folder>/downloads/<key>/
        entry.json         which version is kept, and as which file; written last
        <digest>           its bytes; earlier versions stay for a day, since a run may be reading them
        part, part.json    what has come of a download that was interrupted

The key is a digest of the URL and of what else decides what is sent, so that no secret is written down.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from dataflows_core.commit import access_errors
from dataflows_core.errors import AccessError
from dataflows_core.files.validators import Validators
from dataflows_core.user_folders import cache_folder

__all__ = ["Entry", "Shelf", "downloads_folder", "shelves"]

logger = logging.getLogger("dataflows.files")

_DAY = 24 * 60 * 60.0


@dataclass(frozen=True)
class Entry:
    """What is kept of one URL.

    Attributes:
        url: The URL, as it may be shown.
        file: The name of the file.
        size: Its length in bytes.
        sha256: The digest of its bytes.
        mtime_ns: When it was written, as its file system says.
        fetched: When it was fetched, in seconds since 1970.
        validators: Which version it is.
    """

    url: str
    file: str
    size: int
    sha256: str
    mtime_ns: int
    fetched: float
    validators: Validators

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What a file says; None when it is not there, or damaged."""
        try:
            data = json.loads(path.read_bytes())
            return cls(**{**data, "validators": Validators.from_json(data["validators"])})
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
            return None

    def is_whole(self, folder: Path) -> bool:
        """Whether the file is what it was; its bytes are read only if something was done to it."""
        try:
            facts = (folder / self.file).stat()
            if facts.st_size != self.size:
                return False
            return facts.st_mtime_ns == self.mtime_ns or _digest(folder / self.file) == self.sha256
        except OSError:
            return False


class Shelf:
    """The place of one URL.

    Args:
        key: What decides what is sent: the URL and the options it is opened with.
        root: The folder of all downloads.
    """

    def __init__(self, key: str, root: Path | None = None) -> None:
        self.root = root or downloads_folder()
        self.folder = self.root / key
        self.part, self._part_facts = self.folder / "part", self.folder / "part.json"
        self._entry = self.folder / "entry.json"

    @classmethod
    def of(cls, url: str, options: Any) -> Shelf:
        """The place of a URL that is opened with options."""
        text = json.dumps([url, options], sort_keys=True, default=lambda value: type(value).__name__)
        return cls(hashlib.sha256(text.encode()).hexdigest()[:40])

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[bool]:
        """Keep all others out of it.

        Args:
            wait: Whether to wait for whoever is in it.

        Yields:
            Whether it is locked; false when somebody else is in it, and nobody was to wait.
        """
        with access_errors(f"keep downloads in {self.root}"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._lock(wait=wait)
        if file is None:
            yield False
            return
        try:
            with access_errors(f"keep downloads in {self.root}"):
                self.folder.mkdir(exist_ok=True)
            yield True
        finally:
            file.close()

    def _lock(self, *, wait: bool) -> BinaryIO | None:
        path = self.folder.with_suffix(".lock")
        while True:
            file = path.open("ab")
            try:
                if not _take(file, wait=False):
                    if not wait:
                        file.close()
                        return None
                    logger.info("another run is downloading the same; waiting for it")
                    _take(file, wait=True)
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
            except FileNotFoundError:  # removed while it was waited for
                pass
            except BaseException:
                file.close()
                raise
            file.close()

    def entry(self) -> Entry | None:
        """What is kept, whole; None when nothing is."""
        found = Entry.read(self._entry)
        if found is not None and not found.is_whole(self.folder):
            logger.warning("%s: the kept copy is damaged; it is fetched again", found.url)
            return None
        return found

    def place(self, entry: Entry) -> Path:
        """The file of an entry, which was just found to be the newest."""
        os.utime(self._entry)
        self._forget_old(entry)
        return self.folder / entry.file

    def store(self, url: str, validators: Validators, sha256: str) -> Path:
        """Make the part, which is whole now, what is kept.

        Args:
            url: The URL, as it may be shown.
            validators: Which version it is.
            sha256: The digest of its bytes.
        """
        old = Entry.read(self._entry)
        path = self.folder / sha256[:32]
        self.part.replace(path)
        self._part_facts.unlink(missing_ok=True)
        facts = path.stat()
        entry = Entry(url, path.name, facts.st_size, sha256, facts.st_mtime_ns, time.time(), validators)
        _write(self._entry, asdict(entry))
        if old is not None and old.file != entry.file:
            with suppress(OSError):
                os.utime(self.folder / old.file)  # its day begins
        self._forget_old(entry)
        return path

    def _forget_old(self, entry: Entry) -> None:
        names = {entry.file, *(path.name for path in (self._entry, self.part, self._part_facts))}
        for path in self.folder.iterdir():
            if path.name not in names and path.stat().st_mtime < time.time() - _DAY:
                path.unlink(missing_ok=True)

    def write_part_facts(self, validators: Validators, size: int, sha256: str) -> None:
        """Write down what of the part is sure to be there."""
        _write(self._part_facts, {"validators": validators.json, "size": size, "sha256": sha256})

    def read_part(self) -> tuple[Validators, int, Any] | None:
        """Which version the part is of, its length and its digest; None when nothing can be made of it."""
        try:
            facts = json.loads(self._part_facts.read_bytes())
            validators, size = Validators.from_json(facts["validators"]), int(facts["size"])
            digest = hashlib.sha256()
            with self.part.open("r+b") as file:
                for start in range(0, size, 1 << 20):
                    digest.update(file.read(min(1 << 20, size - start)))
                file.truncate(size)
            return (validators, size, digest) if size and digest.hexdigest() == facts["sha256"] else None
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def drop_part(self) -> None:
        """Forget the part."""
        self._part_facts.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)

    def facts(self) -> dict[str, Any]:
        """What is in it, for a list: `url`, `size`, `unfinished`, `fetched`, `checked`."""
        entry = Entry.read(self._entry)
        files = [path.stat() for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return {
            "url": entry.url if entry else None,
            "size": sum(file.st_size for file in files),
            "fetched": entry.fetched if entry else None,
            "checked": self._entry.stat().st_mtime if entry else None,
            "unfinished": self.part.exists(),
        }

    def remove(self) -> bool:
        """Remove it with all that is in it; false when somebody is working there."""
        with self.locked(wait=False) as mine:
            if mine:
                shutil.rmtree(self.folder)
                with suppress(PermissionError):  # an open file cannot be removed on Windows
                    self.folder.with_suffix(".lock").unlink()
            return mine


def shelves() -> list[Shelf]:
    """All that is kept, those fetched last first."""
    root = downloads_folder()
    if not root.is_dir():
        return []
    found = [Shelf(path.name, root) for path in root.iterdir() if path.is_dir()]
    return sorted(found, key=lambda shelf: shelf.facts()["fetched"] or 0.0, reverse=True)


def downloads_folder() -> Path:
    """The folder of all downloads; it may not be there yet.

    Raises:
        AccessError: The user has no home.
    """
    try:
        return cache_folder() / "downloads"
    except RuntimeError as error:
        raise AccessError(
            f"there is no folder to keep downloads in: {error}; DATAFLOWS_CACHE can say one"
        ) from error


def _write(path: Path, data: Any) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(data), "utf-8")
    new.replace(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if sys.platform == "win32":  # pragma: no cover - the same contract
    import msvcrt

    def _take(file: BinaryIO, *, wait: bool) -> bool:
        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
            else:
                return True

else:
    import fcntl

    def _take(file: BinaryIO, *, wait: bool) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
