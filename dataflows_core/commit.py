"""The journalled swap of finished files into a folder.

A run writes its files into a staging folder inside the target and swaps them in at the end:

    target/.dataflows-commit/      only while a run works here, or after one was killed
        lock                       held by the run; its text says which process
        files/…                    the staged files, under their final names
        journal.json               exists from the moment the commit is decided

Until the journal has its name nothing outside the staging folder is touched: whatever happens, the
previous output is whole, and `recover` removes the staging folder. Once it has, `recover` goes through
with it: every step of it may be done again. So at any instant the previous or the new output is whole to
whoever calls `recover` first, as every run and `load` do. Data files are swapped in first, the descriptor
last. Files that the caller does not name are never touched.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from dataflows_core.errors import AccessError, FlowError

__all__ = ["STAGING", "Commit", "access_errors", "recover", "safe_path"]

STAGING = ".dataflows-commit"
"""The name of the staging folder inside a target folder."""


def safe_path(path: str) -> PurePosixPath:
    """A relative path that stays inside the folder it is relative to.

    Args:
        path: A path as a descriptor has it, parts divided by ``/``.

    Raises:
        FlowError: It is absolute, leads outside, or means something else on another system.

    Examples:
        >>> str(safe_path("data/a.csv"))
        'data/a.csv'
        >>> safe_path("../a.csv")
        Traceback (most recent call last):
        dataflows_core.errors.FlowError: the path '../a.csv' leads out of the folder that is written to
    """
    parts = PurePosixPath(path).parts
    problem = ""
    if not parts or path.endswith("/"):
        problem = "names no file"
    elif path.startswith("/") or "\\" in path or ":" in parts[0]:
        problem = "is not relative, or not on every system"
    elif ".." in parts:
        problem = "leads out of the folder that is written to"
    elif any(ord(char) < 32 for char in path):
        problem = "holds control characters"
    elif parts[0] == STAGING:
        problem = "is the place where dataflows prepares its output"
    if problem:
        raise FlowError(f"the path {path!r} {problem}")
    return PurePosixPath(*parts)


@contextmanager
def access_errors(doing: str) -> Iterator[None]:
    """Turn an `OSError` of the block into an `AccessError`.

    Args:
        doing: What is being done: ``"write out/a.csv"``.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise AccessError(f"cannot {doing}: {reason[:1].lower()}{reason[1:]}") from error


class Commit:
    """A set of files that is swapped into a folder, whole or not at all.

    Making one locks the folder against other runs and finishes, or removes, what a killed one left.

    Args:
        folder: The target; it is made when it is not there.
        staging: The name of the staging folder; runs with different ones do not exclude each other, and
            must write different files.

    Attributes:
        folder: The target.
        scratch: A folder for intermediate files; it goes when the staging folder goes.

    Raises:
        AccessError: Another run works in the folder, or it cannot be written to.
    """

    def __init__(self, folder: Path, staging: str = STAGING) -> None:
        self.folder = folder
        self.scratch = folder / staging / "scratch"
        self._staging = folder / staging
        self._files = folder / staging / "files"
        self._decided = False
        with access_errors(f"write into {folder}"):
            self._made = _make_folders(folder)
            self._lock = _lock(self._staging)
            try:
                _settle(self._staging)
                self._files.mkdir()
                self.scratch.mkdir()
            except BaseException:
                self._lock.close()
                raise

    def stage(self, path: str) -> Path:
        """Where to write the file that is to become `path` in the folder.

        Raises:
            FlowError: The path leads out of the folder.
            AccessError: It cannot be written to.
        """
        staged = self._files / safe_path(path)
        with access_errors(f"write {self.folder / path}"):
            staged.parent.mkdir(parents=True, exist_ok=True)
        return staged

    def finish(self, paths: Sequence[str], remove: Iterable[str] = ()) -> None:
        """Swap the staged files in.

        Args:
            paths: All of them, in the order in which they are swapped; the descriptor last.
            remove: Files of the previous output that the new one has no longer; they are removed unless
                they change before that.

        Raises:
            AccessError: A file cannot be swapped in. Before the journal is written, nothing has changed;
                afterwards the next run, or `load`, goes through with it.
        """
        targets = [str(safe_path(path)) for path in paths]
        with access_errors(f"write into {self.folder}"):
            self._check(targets)
            for path in targets:
                _sync(self._files / path)
            known = {path: _state(self.folder / path) for path in remove if path not in targets}
            journal = {"version": 1, "replace": targets, "remove": {k: v for k, v in known.items() if v}}
            _write_journal(self._staging, journal)
        self._decided = True
        with access_errors(f"finish the commit in {self.folder}, which the next run or load tries again"):
            try:
                _settle(self._staging)
            except KeyboardInterrupt as stop:
                _settle(self._staging)  # a few renames: quicker done than explained
                stop.add_note(f"the new output is in {self.folder}")
                raise
        self._close()

    def abort(self) -> None:
        """Remove the staged files, unless the commit was decided. Does nothing after `finish`."""
        if self._lock.closed:
            return
        if not self._decided:
            _empty(self._staging)
        self._close()

    def _check(self, targets: Sequence[str]) -> None:
        """See that every swap is going to work, while nothing has happened yet."""
        device = self._staging.stat().st_dev
        for path in targets:
            target = self.folder / path
            if target.is_dir() and not target.is_symlink():
                raise IsADirectoryError(errno.EISDIR, f"{target} is a folder")
            for parent in target.parents:
                if parent.exists():
                    if not parent.is_dir():
                        raise NotADirectoryError(errno.ENOTDIR, f"{parent} is not a folder")
                    if not os.access(parent, os.W_OK):
                        raise PermissionError(errno.EACCES, f"{parent} may not be written to")
                    if parent.stat().st_dev != device:
                        raise OSError(errno.EXDEV, f"{parent} is on another file system")
                    break

    def _close(self) -> None:
        _unlock(self._lock, self._staging)
        if not self._decided:
            for made in reversed(self._made):
                with suppress(OSError):  # somebody else has put something there
                    made.rmdir()


def recover(folder: Path, *, wait: float = 10.0) -> None:
    """Finish, or remove, what a killed run left in a folder; does nothing, quickly, when there is nothing.

    Args:
        folder: A folder that is about to be read.
        wait: Seconds to wait for a live run that is swapping its files in right now.

    Raises:
        AccessError: A commit that was interrupted has to be finished first, and cannot be.
    """
    staging = folder / STAGING
    until = time.monotonic() + wait
    while staging.is_dir():
        try:
            with access_errors(f"finish the interrupted commit in {folder}"):
                lock = _lock(staging, make=False)
                try:
                    _settle(staging)
                finally:
                    _unlock(lock, staging)
        except _Locked as error:
            # A live run: until it decides its commit, what is here is the previous output, whole.
            if not (staging / "journal.json").exists():
                return
            if time.monotonic() > until:
                raise AccessError(f"{folder} is being replaced by another run: {error}") from error
            time.sleep(0.05)
        except AccessError:
            # It cannot be written to: that matters only when there is something to finish.
            if (staging / "journal.json").exists():
                raise
            return


class _Locked(AccessError):
    """Another run holds the lock."""


def _settle(staging: Path) -> None:
    """Go through with the journal if there is one, and empty the staging folder."""
    with suppress(FileNotFoundError):
        journal = json.loads((staging / "journal.json").read_bytes())
        _roll_forward(staging.parent, staging / "files", journal)
    _empty(staging)


def _roll_forward(folder: Path, files: Path, journal: dict[str, Any]) -> None:
    *data, descriptor = (str(safe_path(path)) for path in journal["replace"])
    touched = {folder}
    for path in data:
        _swap(files / path, folder / path, touched)
    for path, state in journal["remove"].items():
        old = folder / safe_path(path)
        if _state(old) == state:
            old.unlink()
        if not os.path.lexists(old):
            _remove_empty_parents(old, folder)
    for place in touched:
        _sync_folder(place)
    _swap(files / descriptor, folder / descriptor, touched)
    _sync_folder(folder)


def _swap(staged: Path, target: Path, touched: set[Path]) -> None:
    if staged.exists():  # otherwise it was swapped in before the interruption
        target.parent.mkdir(parents=True, exist_ok=True)
        touched.add(target.parent)
        staged.replace(target)


def _write_journal(staging: Path, journal: dict[str, Any]) -> None:
    # What is inside the staging folder has to be on the disk before the journal speaks of it.
    for place, _, _ in os.walk(staging):
        _sync_folder(Path(place))
    new = staging / "journal.new"
    new.write_bytes(json.dumps(journal).encode())
    _sync(new)
    new.replace(staging / "journal.json")
    _sync_folder(staging)


def _empty(staging: Path) -> None:
    """Remove everything but the lock; the journal first, since without the files it would mislead."""
    with suppress(FileNotFoundError):
        (staging / "journal.json").unlink()
    for item in list(staging.iterdir()):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item.name != "lock":
            item.unlink()


def _state(path: Path) -> list[int] | None:
    """What tells whether a file was changed; None when there is no such file, or a link in its place."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        return None
    return [found.st_size, found.st_mtime_ns]


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder; returns those that were not there before, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    there = missing[-1].parent if missing else folder
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{there} is a file and not a folder")
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove_empty_parents(path: Path, folder: Path) -> None:
    for place in path.parents:
        if place == folder:
            return
        try:
            place.rmdir()
        except FileNotFoundError:
            continue  # somebody who was interrupted has begun with this
        except OSError:  # not empty: there are files of others in it
            return


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if sys.platform == "win32":
        return  # a folder cannot be opened there
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# The lock. The system releases it when its process ends, however that ends; so a lock is never stale.


def _lock(staging: Path, *, make: bool = True) -> BinaryIO:
    """The lock file, open and held; the staging folder is made for it unless `make` is false."""
    while True:
        if make:
            staging.mkdir(exist_ok=True)
        try:
            file = (staging / "lock").open("ab+")
        except FileNotFoundError:
            if make or staging.is_dir():
                continue  # a run that was just ending removed the folder in between
            raise
        try:
            _take(file, staging.parent)
            if not _is_there(file, staging / "lock"):
                file.close()  # that run removed the file while we waited for it
                continue
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
        except BaseException:
            file.close()
            raise
        return file


def _take(file: BinaryIO, folder: Path) -> None:
    try:
        _lock_file(file)
    except (BlockingIOError, PermissionError) as error:
        file.seek(0)
        owner = file.read(100).decode("utf-8", "replace").strip()
        raise _Locked(_owner_message(folder, owner)) from error


def _is_there(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _owner_message(folder: Path, owner: str) -> str:
    if owner == str(os.getpid()):
        return (
            f"two dumps of this program write into {folder} at the same time; give one of them another folder"
        )
    who = f" (process {owner})" if owner else ""
    return f"another run{who} is writing into {folder}; wait until it ends, or write into another folder"


if sys.platform == "win32":  # pragma: no cover - the same contract, kept as small as it can be
    import msvcrt

    def _lock_file(file: BinaryIO) -> None:
        file.seek(1000)  # beyond the text, which others have to read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: BinaryIO, staging: Path) -> None:
        file.close()  # an open file cannot be removed there
        with suppress(OSError):
            (staging / "lock").unlink()
            staging.rmdir()

else:
    import fcntl

    def _lock_file(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: BinaryIO, staging: Path) -> None:
        """Release the lock; the staging folder goes with it, unless a commit in it is not finished."""
        with suppress(OSError):
            if not (staging / "journal.json").exists():
                (staging / "lock").unlink()
                staging.rmdir()
        file.close()
