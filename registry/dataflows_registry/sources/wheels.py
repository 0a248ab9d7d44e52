"""A wheel, an sdist, or a folder of them as a source."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

from dataflows_core.errors import AccessError, DataError
from dataflows_registry.model import File, Release
from dataflows_registry.sources.base import Memory, Reading, best_file
from dataflows_registry.text import FILE_NAME, clean_line, normalised

__all__ = ["WheelFolder", "describe_file"]

_ENOUGH_FOR_PROCESSES = 200
"""So many files are worth starting processes for."""


def describe_file(file: Path | IO[bytes], name: str) -> Release:
    """Describe a wheel or an sdist.

    Args:
        file: Its path, or its content.
        name: Its file name.

    Raises:
        DataError: It cannot be read, or is another distribution than its name says.
    """
    from dataflows_registry.describe import describe
    from dataflows_registry.describe.files import Sdist, Wheel

    if name.endswith(".whl"):
        with Wheel(file, name) as wheel:
            release = describe(wheel, name)
    else:
        release = describe(Sdist(file, name), name)
    expected = _named(name)
    if (release.distribution, release.version) != expected and expected is not None:
        from packaging.version import Version

        if release.distribution != expected[0] or Version(release.version) != Version(expected[1]):
            raise DataError(
                f"{clean_line(name)} is {release.distribution} {release.version} by its own metadata"
            )
    return release


def _named(file_name: str) -> tuple[str, str] | None:
    """Distribution and version in the name of a file."""
    from packaging.version import InvalidVersion, Version

    if file_name.endswith(".whl"):
        name, _, rest = file_name.removesuffix(".whl").partition("-")
        version = rest.partition("-")[0]
    else:
        name, _, version = file_name.removesuffix(".tar.gz").rpartition("-")
    try:
        if not FILE_NAME.fullmatch(file_name):
            raise InvalidVersion
        return normalised(name), str(Version(version))
    except InvalidVersion:
        raise DataError(f"{clean_line(file_name)} is no name of a wheel or an sdist") from None


class WheelFolder:
    """A folder of wheels and sdists, or one of them.

    Args:
        path: The folder or file.
        workers: How many processes describe many files; by default as many as there are cores.
    """

    def __init__(self, path: Path, workers: int | None = None) -> None:
        self.path, self.name = path, str(path)
        self.workers = os.cpu_count() or 1 if workers is None else workers

    def _paths(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        try:
            found = [path for path in self.path.rglob("*") if path.name.endswith((".whl", ".tar.gz"))]
        except OSError as error:
            raise AccessError(f"{self.path} cannot be read: {error.strerror}") from error
        return sorted(path for path in found if path.is_file())

    def read(self, memory: Memory, reading: Reading) -> Iterator[Release]:
        """Every release in the folder; a release of several files is described from the best of them."""
        reading.places.append(str(self.path.absolute()))
        releases: dict[tuple[str, str], dict[str, Path]] = {}
        for path in self._paths():
            try:
                expected = _named(path.name)
            except DataError as error:
                reading.problems.append(str(error))
                continue
            assert expected is not None
            others = releases.setdefault(expected, {})
            if path.name in others:
                reading.problems.append(f"{path} has the name of another file in {self.path}; it is left out")
            else:
                others[path.name] = path
        waiting = []
        for key, paths in sorted(releases.items()):
            files = [self._file(path, memory, reading) for path in paths.values()]
            best = best_file(files)
            assert best is not None
            known = memory.release(*key)
            if known is not None and sorted(known.files, key=_name) == sorted(files, key=_name):
                yield known
            else:
                waiting.append((paths[best.name], tuple(sorted(files, key=_name))))
        yield from self._described(waiting, reading)

    def _file(self, path: Path, memory: Memory, reading: Reading) -> File:
        """Size and hash; an unchanged file is not hashed again."""
        found = path.stat()
        stamp = [found.st_size, found.st_mtime_ns]
        before: Any = memory.state.get(path.name)
        if isinstance(before, list) and before[:2] == stamp:
            sha256 = str(before[2])
        else:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        reading.state[path.name] = [*stamp, sha256]
        return File(path.name, found.st_size, sha256)

    def _described(self, waiting: list[tuple[Path, tuple[File, ...]]], reading: Reading) -> Iterator[Release]:
        results: Iterable[Release | str]
        paths = [path for path, _ in waiting]
        if len(paths) < _ENOUGH_FOR_PROCESSES or self.workers < 2:
            results = map(_release_of, paths)
            yield from self._whole(waiting, results, reading)
            return
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            yield from self._whole(waiting, pool.map(_release_of, paths, chunksize=25), reading)

    @staticmethod
    def _whole(
        waiting: list[tuple[Path, tuple[File, ...]]], results: Iterable[Release | str], reading: Reading
    ) -> Iterator[Release]:
        for (_, files), result in zip(waiting, results, strict=True):
            if isinstance(result, str):
                reading.problems.append(result)
            elif result.processors or result.problems:
                yield replace(result, files=files)


def _release_of(path: Path) -> Release | str:
    """The release in a file, or why there is none."""
    try:
        return describe_file(path, path.name)
    except DataError as error:
        return str(error)


def _name(file: File) -> str:
    return file.name
