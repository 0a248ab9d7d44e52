"""The commit of finished files into a store: the counterpart of `dataflows_core.commit`.

A run writes its files into a temporary folder of this machine. At the end they are uploaded, all of them,
in such a way that nobody sees them yet; then each is shown, the descriptor last; then the files are removed
that the new output has no longer. A run that fails, or is killed, before the uploads are complete has
changed nothing.

What a store cannot give:

* It cannot show several files at once. Whoever reads while they are shown, which takes a request each, may
  meet new files beside old ones. A run that is killed in that moment leaves it so; the next run mends it.
* It cannot be locked. Of two runs that write into one place at the same time, each file is from one of them.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from dataflows_core.commit import access_errors, safe_path
from dataflows_core.errors import AccessError
from dataflows_core.files.stores import Translated
from dataflows_core.files.uploads import Upload, leaves_names, upload
from dataflows_core.files.urls import shown

__all__ = ["StoreCommit"]

_AT_ONCE = 4

_busy: set[tuple[str, str]] = set()
_busy_lock = threading.Lock()


class StoreCommit:
    """A set of files that is put into a folder of a store; used like `dataflows_core.commit.Commit`.

    Making one tries whether the folder can be written to: with an upload that is never committed.

    Args:
        url: The folder.
        options: What its file system takes.
        system: The file system.
        folder: The path of the folder in it.
        staging: A name for what is prepared; two commits of this program with the same one exclude each
            other.

    Attributes:
        scratch: A folder for intermediate files.

    Raises:
        AccessError: The folder cannot be written to, or this program is writing into it.
    """

    def __init__(self, url: str, options: Mapping[str, Any], system: Any, folder: str, staging: str) -> None:
        self._url, self._options, self._system, self._folder = url, options, system, folder
        self._aside = self._at(f"{staging}-{uuid.uuid4().hex[:12]}")
        self._closing = ExitStack()
        try:
            self._closing.callback(_release, _taken((system.unstrip_protocol(folder), staging), shown(url)))
            with access_errors("write into a temporary folder"):
                work = Path(tempfile.mkdtemp(prefix="dataflows-"))
                self._closing.callback(shutil.rmtree, work, ignore_errors=True)
                self._files, self.scratch = work / "files", work / "scratch"
                self._files.mkdir()
                self.scratch.mkdir()
            self._try()
        except BaseException:
            self.abort()
            raise

    def _try(self) -> None:
        """See whether an upload works, before any data move."""
        probe = self.scratch / "probe"
        probe.write_bytes(b"-")
        with Translated(self._url, self._options, "written to"):
            self._system.invalidate_cache()
            if leaves_names(self._system):
                self._closing.callback(self._remove_folders, [self._aside, *self._missing_folders()])
        for sent in self._send([upload(self._system, probe, self._at("probe"), f"{self._aside}/probe")]):
            with Translated(self._url, self._options, "written to"):
                sent.discard()

    def stage(self, path: str) -> Path:
        """Where to write the file that is to become `path` in the folder.

        Raises:
            FlowError: The path leads out of the folder.
            AccessError: It cannot be written to.
        """
        staged = self._files / safe_path(path)
        with access_errors(f"write {path} into a temporary folder"):
            staged.parent.mkdir(parents=True, exist_ok=True)
        return staged

    def finish(self, paths: Sequence[str], remove: Iterable[str] = ()) -> None:
        """Upload the staged files, then show them.

        Args:
            paths: All of them, in the order in which they are shown; the descriptor last.
            remove: Files of the previous output that the new one has no longer.

        Raises:
            AccessError: An upload failed: nothing has changed. Or the store failed while files were shown:
                the message says which are new.
        """
        targets = [str(safe_path(path)) for path in dict.fromkeys(paths)]
        uploads = [
            upload(self._system, self._files / path, self._at(path), f"{self._aside}/{number}")
            for number, path in enumerate(targets)
        ]
        show = _Showing(zip(targets, self._send(uploads), strict=True), self._at_once)
        try:
            with Translated(self._url, self._options, "brought up to date"):
                try:
                    show()
                except KeyboardInterrupt as stop:
                    show()  # a few requests: quicker done than explained
                    stop.add_note(f"the new output is in {shown(self._url)}")
                    raise
        except AccessError as error:
            left = self._discard(show.waiting.values())
            raise AccessError(f"{error}{_mixture(show)}{left}") from error
        self._remove(path for path in remove if path not in targets)
        self.abort()

    def abort(self) -> None:
        """Remove the staged files. Does nothing after `finish`."""
        self._closing.close()

    @property
    def _at_once(self) -> int:
        """How many requests a file system can have under way."""
        return _AT_ONCE if self._system.async_impl else 1

    def _send(self, uploads: Sequence[Upload]) -> Sequence[Upload]:
        """Send everything; when one fails, all are discarded."""
        stop = threading.Event()
        try:
            with (
                Translated(self._url, self._options, "written to"),
                ThreadPoolExecutor(self._at_once) as pool,
            ):
                started = [pool.submit(one.send, stop) for one in uploads]
                try:
                    for future in as_completed(started):
                        future.result()
                except BaseException:
                    stop.set()
                    pool.shutdown(cancel_futures=True)
                    raise
        except AccessError as error:
            raise AccessError(f"{error}\n  nothing has changed there{self._discard(uploads)}") from error
        except BaseException:
            self._discard(uploads)
            raise
        return uploads

    def _discard(self, uploads: Iterable[Upload]) -> str:
        """Discard uploads; returns what there is to say of those that stay."""
        waiting = list(uploads)
        try:
            with Translated(self._url, self._options, "cleared"):
                while waiting:
                    waiting[0].discard()
                    del waiting[0]
        except AccessError:  # told by the caller, who has a worse one
            return f"\n  {len(waiting)} unfinished uploads may be left there, which nobody sees"
        return ""

    def _remove(self, paths: Iterable[str]) -> None:
        """Remove files, and the folders that are empty then."""
        for path in paths:
            place = self._at(str(safe_path(path)))
            try:
                with (
                    Translated(self._url, self._options, "cleared of what is no longer part of it"),
                    suppress(FileNotFoundError),
                ):
                    self._system.rm_file(place)
            except AccessError as error:
                raise AccessError(f"{error}\n  the new output is whole, but {path!r} is left") from error
            if leaves_names(self._system):
                parents = list(PurePosixPath(path).parents)[:-1]
                self._remove_folders([self._at(str(parent)) for parent in parents])

    def _remove_folders(self, folders: Iterable[str]) -> None:
        """Remove folders that are empty; not every store has any."""
        with suppress(OSError, NotImplementedError):
            for folder in folders:
                self._system.rmdir(folder)

    def _at(self, path: str) -> str:
        return f"{self._folder.rstrip('/')}/{path}"

    def _missing_folders(self) -> list[str]:
        """The folder and those above it that are not there, innermost first."""
        missing, place = [], self._folder
        while place.strip("/") and not self._system.exists(place):
            missing.append(place)
            place = self._system._parent(place)
        return missing


class _Showing:
    """Shows uploads, several at once, the last one when all others are there. May be called again.

    Attributes:
        done: The paths of those that are shown.
        waiting: Those that are not.
    """

    def __init__(self, uploads: Iterable[tuple[str, Upload]], at_once: int) -> None:
        self.waiting, self._at_once = dict(uploads), at_once
        *self._data, self._descriptor = self.waiting
        self.done: list[str] = []

    def __call__(self) -> None:
        for paths in (self._data, [self._descriptor]):
            # It is left when all have ended, also when it is interrupted.
            with ThreadPoolExecutor(self._at_once) as pool:
                started = [pool.submit(self._show, path) for path in paths if path in self.waiting]
            for future in started:
                future.result()

    def _show(self, path: str) -> None:
        self.waiting[path].commit()
        self.done.append(path)
        del self.waiting[path]


def _mixture(show: _Showing) -> str:
    if not show.done:
        return "\n  nothing has changed there"
    new, old = ", ".join(sorted(show.done)), ", ".join(sorted(show.waiting))
    return f"\n  it is a mixture until the flow is run again\n  new: {new}\n  not yet: {old}"


def _taken(claim: tuple[str, str], url: str) -> tuple[str, str]:
    with _busy_lock:
        if claim in _busy:
            raise AccessError(
                f"two dumps of this program write into {url} at the same time; "
                "give one of them another folder"
            )
        _busy.add(claim)
    return claim


def _release(claim: tuple[str, str]) -> None:
    with _busy_lock:
        _busy.discard(claim)
