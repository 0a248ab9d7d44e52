"""Where a distribution's files are read from: installed, in a wheel, or in an sdist. Nothing is unpacked.

Archives may be hostile: members, sizes and ratios are limited, and what is beyond a limit is refused by name.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import lzma
import struct
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, Self, cast

from dataflows_core.errors import DataError
from dataflows_registry.text import clean_line, normalised

__all__ = ["MAX_MEMBER", "Files", "Installed", "Sdist", "Wheel"]

MAX_MEMBER = 4_000_000
"""The largest file of a distribution that is read, in bytes."""

MAX_MEMBERS = 50_000
MAX_TOTAL = 64_000_000
"""All that is read of one distribution, in bytes."""

MAX_RATIO = 200
"""How many times smaller than its content a member of an archive may be."""


class Files(Protocol):
    """The files of one distribution."""

    def metadata(self) -> bytes:
        """The core metadata.

        Raises:
            DataError: There are none, or they cannot be read.
        """

    def entry_points(self) -> str:
        """The text of `entry_points.txt`; "" if there is none.

        Raises:
            DataError: They cannot be read.
        """

    def source(self, path: str) -> bytes | None:
        """The content of a source file, or None if there is none.

        Args:
            path: Relative to the folder that packages are installed in, with slashes.

        Raises:
            DataError: It is there, but cannot be read.
        """


def _text(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8") from None


class Installed:
    """The files of an installed distribution; of an editable one, where its checkout is.

    Args:
        info: Its folder of metadata.
    """

    def __init__(self, info: Path) -> None:
        self.info = info
        self._homes: dict[str, Path | None] = {}

    def metadata(self) -> bytes:
        """The core metadata."""
        for name in ("METADATA", "PKG-INFO"):
            if (content := _file(self.info / name, f"{self.info.name}/{name}")) is not None:
                return content
        raise DataError(f"{self.info.name} has no METADATA")

    def entry_points(self) -> str:
        """The text of `entry_points.txt`."""
        path = f"{self.info.name}/entry_points.txt"
        return _text(_file(self.info / "entry_points.txt", path) or b"", path)

    def source(self, path: str) -> bytes | None:
        """The content of a source file."""
        found = _file(self.info.parent / path, path)
        top_level = path.partition("/")[0].removesuffix(".py")
        if found is None and not path.startswith(self.info.name):
            if top_level not in self._homes:
                self._homes[top_level] = _home(top_level)
            home = self._homes[top_level]
            found = None if home is None else _file(home / path, path)
        return found


def _home(top_level: str) -> Path | None:
    """The folder that a top-level module would be imported from; a dotted name would import its parents."""
    assert "." not in top_level
    try:
        spec = importlib.util.find_spec(top_level)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(spec.origin).parent if spec.origin and spec.has_location else None


def _file(path: Path, shown: str) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MEMBER + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{clean_line(shown)} cannot be read: {getattr(error, 'strerror', None) or 'its name is no path'}"
        ) from None
    if len(content) > MAX_MEMBER:
        raise DataError(f"{clean_line(shown)} is larger than {MAX_MEMBER:,} bytes")
    return content


_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError, struct.error,
    EOFError, OSError, ValueError, RuntimeError, NotImplementedError, OverflowError, IndexError,
)  # fmt: skip
"""What the libraries raise for archives that are damaged, encrypted, or compressed in an unknown way."""


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DataError(f"{clean_line(name)} is damaged: {clean_line(str(error))}") from None


class Wheel:
    """The files of a wheel.

    Args:
        file: The wheel's path, or its content as a file that can be sought in.
        name: Its file name.

    Raises:
        DataError: It is no wheel, or one that is beyond the limits.
    """

    def __init__(self, file: Path | IO[bytes], name: str) -> None:
        self.name, self._read = clean_line(name), 0
        with _damage(name):
            self._zip = zipfile.ZipFile(file)
            members = self._zip.infolist()
        if len(members) > MAX_MEMBERS:
            raise DataError(f"{self.name} has {len(members):,} members; {MAX_MEMBERS:,} are the limit")
        self._members = {member.filename: member for member in members}
        if len(self._members) != len(members):
            raise DataError(f"{self.name} has members of the same name")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @cached_property
    def _info(self) -> str:
        """The folder of metadata: the one that the wheel's own name demands."""
        wanted = [normalised(part) for part in self.name.split("-")[:1]]
        folders = {
            name.partition("/")[0] for name in self._members if name.partition("/")[0].endswith(".dist-info")
        }
        found = [folder for folder in folders if normalised(folder.partition("-")[0]) in wanted]
        if len(found) != 1:
            raise DataError(f"{self.name} has no folder of metadata of its own name, or several")
        return found[0]

    def metadata(self) -> bytes:
        """The core metadata."""
        content = self.source(f"{self._info}/METADATA")
        if content is None:
            raise DataError(f"{self.name} has no METADATA")
        return content

    def entry_points(self) -> str:
        """The text of `entry_points.txt`."""
        path = f"{self._info}/entry_points.txt"
        return _text(self.source(path) or b"", path)

    def source(self, path: str) -> bytes | None:
        """The content of a member."""
        member = self._members.get(path)
        if member is None or member.is_dir():
            return None
        self._read += member.file_size
        crowded = member.file_size > 65_536 and member.file_size > MAX_RATIO * max(member.compress_size, 1)
        if member.file_size > MAX_MEMBER or self._read > MAX_TOTAL or crowded:
            raise DataError(f"{clean_line(path)} unpacks to {member.file_size:,} bytes; that is refused")
        with _damage(path), self._zip.open(member) as stream:
            return stream.read(MAX_MEMBER + 1)


class Sdist:
    """The files of an sdist (``.tar.gz``): text that is read, never a build that is run.

    Args:
        file: The sdist's path, or its content.
        name: Its file name.

    Raises:
        DataError: It is no sdist, or one that is beyond the limits.
    """

    def __init__(self, file: Path | IO[bytes], name: str) -> None:
        self.name = clean_line(name)
        with _damage(name), gzip.open(file, "rb") as unpacked:
            self._members = dict(self._wanted(cast(IO[bytes], _Limited(unpacked, self.name))))

    def _wanted(self, stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for count, member in enumerate(archive):
                if count >= MAX_MEMBERS:
                    raise DataError(f"{self.name} has more than {MAX_MEMBERS:,} members")
                path = PurePosixPath(member.name)
                inner = "/".join(path.parts[1:])
                if not member.isfile() or member.size > MAX_MEMBER or not inner:
                    continue
                if path.suffix == ".py" or path.name in ("PKG-INFO", "entry_points.txt", "pyproject.toml"):
                    content = archive.extractfile(member)
                    assert content is not None
                    yield inner, content.read()

    def metadata(self) -> bytes:
        """The core metadata."""
        if "PKG-INFO" not in self._members:
            raise DataError(f"{self.name} has no PKG-INFO")
        return self._members["PKG-INFO"]

    def entry_points(self) -> str:
        """The entry points: setuptools' list of them, or what `pyproject.toml` declares."""
        for path in sorted(self._members):
            if path.endswith(".egg-info/entry_points.txt"):
                return _text(self._members[path], path)
        try:
            project = tomllib.loads(_text(self._members.get("pyproject.toml", b""), "pyproject.toml"))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise DataError(f"pyproject.toml of {self.name} is no TOML: {clean_line(str(error))}") from None
        groups = project.get("project", {})
        groups = groups.get("entry-points", {}) if isinstance(groups, Mapping) else {}
        lines = []
        for group, names in (groups if isinstance(groups, Mapping) else {}).items():
            lines += [f"[{group}]"]
            lines += [f"{k} = {v}" for k, v in (names if isinstance(names, Mapping) else {}).items()]
        return "\n".join(lines)

    def source(self, path: str) -> bytes | None:
        """The content of a source file, in the root or in `src`."""
        return self._members.get(path, self._members.get(f"src/{path}"))


class _Limited(io.RawIOBase):
    """A stream that ends with a refusal where a bomb would go on."""

    def __init__(self, stream: gzip.GzipFile, name: str) -> None:
        self._stream, self._name, self._read = stream, name, 0

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._read += len(content)
        if self._read > MAX_TOTAL:
            raise DataError(f"{self._name} unpacks to more than {MAX_TOTAL:,} bytes; that is refused")
        return content
