"""Where the files of a Data Package are: paths within it, and the few URLs that are allowed beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from dataflows_core.errors import DataError
from dataflows_core.files.urls import is_http, is_remote, shown

__all__ = ["Place"]

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_DECODINGS = 5
_COPY = "\n  if the link is your own, copy what it leads to into the folder instead"


@dataclass(frozen=True)
class Place:
    """The folder that the paths of a Data Package are relative to.

    Args:
        folder: A local folder or the URL of one; within an archive if there is one.
        archive: The path or URL of the zip file that the package is in; empty when it is in none.
    """

    folder: str
    archive: str = ""

    @classmethod
    def of(cls, location: str) -> Place:
        """The folder of a descriptor.

        Args:
            location: A path, a URL, or ``zip://datapackage.json::archive.zip``.

        Examples:
            >>> Place.of("https://example.org/pack/datapackage.json?raw=1").folder
            'https://example.org/pack'
        """
        if location.startswith("zip://"):
            member, _, archive = location.removeprefix("zip://").partition("::")
            return cls(member.rpartition("/")[0], archive)
        if is_http(location):
            location = location.partition("#")[0].partition("?")[0]
        if is_remote(location):
            return cls(location.rpartition("/")[0])
        parent = str(Path(location).parent)
        return cls("" if parent == "." else parent)

    def join(self, path: str, owner: str) -> str:
        """Where a path of the descriptor leads, as `dataflows_core.files` opens it.

        The specification forbids paths that lead out of the package, since whoever publishes a package would
        choose what is read on the machine of whoever loads it.

        Args:
            path: A relative path with ``/`` between its parts, or a URL: HTTP, or of the package's own
                scheme.
            owner: What the message calls the owner of the path.

        Raises:
            DataError: The path, or a link, leads out of the package, or may do so on some system or server.

        Examples:
            >>> Place("pack").join("data/a.csv", "resource 'a'")
            'pack/data/a.csv'
            >>> Place("pack").join("..%2fa.csv", "resource 'a'")
            Traceback (most recent call last):
            dataflows_core.errors.DataError: resource 'a' has the path '..%2fa.csv', which leads out of ...
        """
        if _URL.match(path):
            if is_http(path) or (is_remote(self.folder) and _scheme(path) == _scheme(self.folder)):
                return path
            raise _refused(owner, path, "is a URL of a kind that Data Packages may not hold")
        if problem := _problem(path):
            raise _refused(owner, path, problem)
        clean = str(PurePosixPath(path))
        if self.archive:
            return f"zip://{self.folder}{'/' if self.folder else ''}{clean}::{self.archive}"
        if is_http(self.folder):
            before, mark, query = path.partition("?")
            if problem := _problem(before):
                raise _refused(owner, path, problem)
            return f"{self.folder}/{quote(str(PurePosixPath(before)), safe='/%:@!$&()+,;=~')}{mark}{query}"
        if not is_remote(self.folder) and (leads := self._outside(clean)):
            raise _refused(owner, path, f"is a link out of the Data Package, to {leads!r}", _COPY)
        return f"{self.folder}/{clean}" if self.folder else clean

    def _outside(self, path: str) -> str:
        """Where links lead that a path goes through, if that is out of the folder."""
        folder = Path(self.folder).resolve()
        found = (folder / path).resolve()
        return "" if found.is_relative_to(folder) else str(found)

    def is_home_of(self, location: str) -> bool:
        """Whether a location is on the server or in the bucket of the package: who may see its credentials.

        A package on this machine has none of its own; what is given for it is meant for its URLs.
        """
        own = self.archive or self.folder
        if location.startswith("zip://") or not is_remote(location) or not is_remote(own):
            return True
        return urlsplit(location)[:2] == urlsplit(own)[:2]


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _problem(path: str) -> str:
    """What is wrong with a relative path, also once servers have decoded what is percent-encoded in it."""
    for _ in range(_DECODINGS):
        parts = PurePosixPath(path).parts
        if not parts or path.endswith("/"):
            return "names no file"
        if any(ord(char) < 32 for char in path):
            return "holds control characters"
        if "\\" in path:
            return "has backslashes; '/' is between the parts of a path"
        if path.startswith(("/", "~")) or ":" in parts[0] or "::" in path:
            return "is not relative to the Data Package"
        if ".." in parts:
            return "leads out of the Data Package"
        decoded = unquote(path)
        if decoded == path:
            return ""
        path = decoded
    return "is percent-encoded again and again"


def _refused(owner: str, path: str, problem: str, remedy: str = "") -> DataError:
    return DataError(
        f"{owner} has the path {shown(path)!r}, which {problem}"
        "\n  it is refused: whoever publishes a Data Package must not choose what is read outside of it"
        f"{remedy}"
    )
