"""The folder of a site: what an earlier run wrote and this one did not is removed, all else is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dataflows_core.errors import AccessError, FlowError

__all__ = ["write_folder"]

LISTING = ".dataflows-site"
"""Lists the files that a run wrote, one a line."""


def write_folder(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Make a folder hold the files of a site; a file that is right already is not touched.

    Args:
        folder: The folder, which is made when it is not there.
        files: The paths within it, and their contents.

    Raises:
        FlowError: The folder holds something that is not a site, which is not written into.
        AccessError: The folder or a file cannot be written.
    """
    try:
        before = _listed(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # Listed before they are written: a run that is stopped leaves nothing that the next would not know.
        written: set[str] = set()
        with (folder / LISTING).open("a", encoding="utf-8") as listing:
            for path, content in files:
                if path not in before:
                    listing.write(f"{path}\n")
                    listing.flush()
                _write(folder / path, content)
                written.add(path)
        for path in before - written:
            _remove(folder, path)
        _write(folder / LISTING, "".join(f"{path}\n" for path in sorted(written)).encode())
    except OSError as error:
        raise AccessError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def _listed(folder: Path) -> set[str]:
    if not folder.exists():
        return set()
    try:
        return set((folder / LISTING).read_text("utf-8").splitlines())
    except FileNotFoundError:
        if any(folder.iterdir()):
            raise FlowError(
                f"{folder} is not empty, and holds no site that this command wrote\n"
                "  choose a new folder, or empty this one"
            ) from None
        return set()


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def _remove(folder: Path, path: str) -> None:
    target = folder / path
    if target.resolve().is_relative_to(folder.resolve()):
        target.unlink(missing_ok=True)
        if target.parent != folder and not any(target.parent.iterdir()):
            target.parent.rmdir()
