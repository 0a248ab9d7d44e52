"""The lock file: TOML, one table per plugin, the same text for the same environment."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataflows_core.errors import AccessError, FlowError

__all__ = ["FILE", "Lock", "Locked", "LockedFile"]

FILE = "dataflows.lock"
"""The name of a lock file."""

_FORMAT = 1
_HEAD = """\
# Which plugins of dataflows this project runs with, to the byte.
# `dataflows registry lock` writes it, `dataflows registry sync` installs what it says,
# `dataflows run --locked` refuses to run with anything else.
"""


@dataclass(frozen=True)
class LockedFile:
    """A file of a locked release.

    Attributes:
        name: The file's name.
        sha256: Its hash, in hexadecimal.
        contents: The digest of what is installed from it (`Contents.digest`); None unless it is a wheel.
    """

    name: str
    sha256: str
    contents: str | None = None


@dataclass(frozen=True)
class Locked:
    """A locked plugin.

    Attributes:
        name: The distribution's normalised name.
        version: Its version.
        index: The name of the index that it came from.
        source: Where that index was.
        files: All files of the release, for every platform.
        processors: Where its processors, loaders and writers are, by ``"group:name"``.
    """

    name: str
    version: str
    index: str | None
    source: str | None
    files: tuple[LockedFile, ...]
    processors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lock:
    """The plugins of an environment.

    Attributes:
        distributions: By name, in order.
    """

    distributions: Mapping[str, Locked]

    @classmethod
    def read(cls, path: Path) -> Lock:
        """The lock of a file.

        Raises:
            AccessError: It cannot be read.
            FlowError: It is no lock file, or of a later format.
        """
        try:
            found = tomllib.loads(path.read_text("utf-8"))
            if found["format"] != _FORMAT:
                raise FlowError(
                    f"{path} is of format {found['format']!r}, and this dataflows-registry reads {_FORMAT}"
                )
            locked = [_locked(item) for item in found.get("distribution", [])]
        except FileNotFoundError:
            raise AccessError(f"there is no {path}; `dataflows registry lock` writes one") from None
        except OSError as error:
            raise AccessError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FlowError(
                f"{path} is no lock file ({type(error).__name__}: {error})\n"
                "  `dataflows registry lock` writes one"
            ) from error
        return cls({one.name: one for one in locked})

    def text(self) -> str:
        """The lock as TOML."""
        lines = [_HEAD, f"format = {_FORMAT}\n"]
        for _, locked in sorted(self.distributions.items()):
            lines += _lines(locked)
        return "".join(lines)


def _locked(item: dict[str, Any]) -> Locked:
    files = tuple(
        LockedFile(_text(file["name"]), _text(file["sha256"]), file.get("contents")) for file in item["files"]
    )
    index, source, processors = item.get("index"), item.get("source"), item.get("processors", {})
    return Locked(_text(item["name"]), _text(item["version"]), index, source, files, dict(processors))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _lines(locked: Locked) -> Iterator[str]:
    yield "\n[[distribution]]\n"
    for key in ("name", "version", "index", "source"):
        if (value := getattr(locked, key)) is not None:
            yield f"{key} = {_quoted(value)}\n"
    yield "files = [\n"
    for file in locked.files:
        contents = f", contents = {_quoted(file.contents)}" if file.contents else ""
        yield f"    {{ name = {_quoted(file.name)}, sha256 = {_quoted(file.sha256)}{contents} }},\n"
    yield "]\n[distribution.processors]\n" if locked.processors else "]\n"
    for key, value in sorted(locked.processors.items()):
        yield f"{_quoted(key)} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    # The escapes of JSON are those of TOML, which wants one more character escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
