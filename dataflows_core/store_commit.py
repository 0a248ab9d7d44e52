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
from dataflows_core.errors import AccessError, DataflowsError
from dataflows_core.files.stores import Translated
from dataflows_core.files.uploads import Upload, leaves_names, upload
from dataflows_core.files.urls import shown

__all__ = ["StoreCommit"]

_AT_ONCE = 4
_MOST_FAILURES = 3

_busy: set[tuple[str, ...]] = set()
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
            self._closing.callback(_release, _taken((url, repr(options), staging), shown(url)))
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
        sent = dict(zip(targets, self._send(uploads), strict=True))
        self._show(_Showing(sent, self._at_once))
        self._remove(path for path in remove if path not in targets)
        self.abort()

    def _show(self, showing: _Showing) -> None:
        try:
            with Translated(self._url, self._options, "brought up to date"):
                try:
                    showing.wait()
                except KeyboardInterrupt as stop:
                    showing.wait()  # a few requests: quicker done than explained
                    stop.add_note(f"the new output is in {shown(self._url)}")
                    raise
        except AccessError as error:
            said, left = _said(showing.new, showing.old), self._discard(showing.old.values())
            raise AccessError(f"{error}\n  {said}{left}") from error

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
        failed = 0
        for one in uploads:
            try:
                with Translated(self._url, self._options, "cleared"):
                    one.discard()
            except AccessError:  # told by the caller, who has a worse one
                failed += 1
            if failed == _MOST_FAILURES:
                break  # a store that is gone takes long to say so, each time
        return "\n  unfinished uploads may be left there, which nobody sees" if failed else ""

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
        """Remove folders, as far as they are empty; not every store has any."""
        with suppress(DataflowsError), Translated(self._url, self._options, "cleared"):
            self._system.invalidate_cache()
            for folder in folders:
                # Some file systems would remove what is in it as well.
                if self._system.exists(folder) and not self._system.ls(folder, detail=False):
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


class _Showing(threading.Thread):
    """Shows uploads, several at once, the last one when all others are there.

    It has a thread of its own, which goes on when the one that waits for it is interrupted.

    Attributes:
        new: The paths of those that are shown.
        old: Those that are not.
    """

    def __init__(self, uploads: Mapping[str, Upload], at_once: int) -> None:
        super().__init__()
        self.new: list[str] = []
        self.old = dict(uploads)
        self._at_once = at_once
        self._error: BaseException | None = None
        # An interrupted `join` takes the thread for ended (Python 3.11).
        self._ended = threading.Event()

    def run(self) -> None:
        """Show all."""
        *data, descriptor = self.old
        try:
            for paths in (data, [descriptor]):
                with ThreadPoolExecutor(self._at_once) as pool:
                    shown = [pool.submit(self._commit, path) for path in paths]
                for future in shown:
                    future.result()
        except BaseException as error:  # noqa: BLE001 - `wait` raises it again
            self._error = error
        finally:
            self._ended.set()

    def _commit(self, path: str) -> None:
        self.old[path].commit()
        self.new.append(path)
        del self.old[path]

    def wait(self) -> None:
        """Begin, unless it has begun, and wait until it has ended; may be called again."""
        if self.ident is None:
            self.start()
        self._ended.wait()
        if self._error is not None:
            raise self._error


def _said(new: Iterable[str], old: Iterable[str]) -> str:
    if not new:
        return "nothing has changed there"
    return (
        f"it is a mixture until the flow is run again\n  new: {', '.join(new)}\n  not yet: {', '.join(old)}"
    )


def _taken(claim: tuple[str, ...], url: str) -> tuple[str, ...]:
    with _busy_lock:
        if claim in _busy:
            raise AccessError(
                f"two dumps of this program write into {url} at the same time; "
                "give one of them another folder"
            )
        _busy.add(claim)
    return claim


def _release(claim: tuple[str, ...]) -> None:
    with _busy_lock:
        _busy.discard(claim)
