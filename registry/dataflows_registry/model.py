"""What the registry knows: processors, the releases that bring them, and how each is written as JSON.

    Distribution ── Release ─┬─ Processor ─┬─ Parameter
                             └─ File       └─ Shape

All are values: frozen, equal when their parts are. Reading ignores keys that are not known, cleans every
text and refuses what is of another type, since an index may come from anywhere. Nothing heavy is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from math import isfinite
from typing import Any, Self

from dataflows_core.errors import DataError
from dataflows_registry.text import FILE_NAME, clean_line, clean_link, clean_text

__all__ = [
    "Distribution",
    "File",
    "Parameter",
    "Processor",
    "Release",
    "Shape",
    "dumps",
    "loads",
]

_SHA256 = re.compile("[0-9a-f]{64}")


def _type(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is wanted, not {_type(value)}")
    return clean_text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"true or false is wanted, not {_type(value)}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a whole number is wanted, not {_type(value)}")
    return value


def _mapping(value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"an object is wanted, not {_type(value)}")
    return value


def _texts_by_name(value: object) -> dict[str, str]:
    return {clean_line(name): _text(text) for name, text in _mapping(value).items()}


def _links(value: object) -> dict[str, str]:
    links = {label: clean_link(address) for label, address in _texts_by_name(value).items()}
    return {label: address for label, address in links.items() if address}


def _json(value: object, depth: int = 0) -> Any:
    if depth > 30:
        raise TypeError("it is nested too deeply")
    if isinstance(value, Mapping):
        return {_text(name): _json(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_json(item, depth + 1) for item in value]
    if isinstance(value, float) and not isfinite(value):
        raise TypeError(f"{value} is no number in JSON")
    return _text(value) if isinstance(value, str) else value


def _json_object(value: object) -> Any:
    return _json(_mapping(value))


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _each(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_each(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError(f"an array is wanted, not {_type(value)}")
        return tuple(map(read, value))

    return read_each


@cache
def _readers(document: str) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """How each field of a document is read, after its annotation."""
    documents: dict[str, Any] = {cls.__name__: cls for cls in _Document.__subclasses__()}
    readers: dict[str, Callable[[Any], Any]] = {
        "str": _text,
        "bool": _flag,
        "int": _number,
        "Mapping[str, str]": _texts_by_name,
        "Mapping[str, Any]": _json_object,
        **{name: cls.from_json for name, cls in documents.items()},
    }

    def reader(name: str, annotation: str) -> Callable[[Any], Any]:
        if annotation.endswith(" | None"):
            return _optional(reader(name, annotation.removesuffix(" | None")))
        if annotation.startswith("tuple["):
            return _each(reader(name, annotation.removeprefix("tuple[").removesuffix(", ...]")))
        return _links if name == "links" else readers[annotation]

    return tuple((item.name, reader(item.name, str(item.type))) for item in fields(documents[document]))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, _Document):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


class _Document:
    """A value that is written as a JSON object, with its fields as keys."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """The value as plain dicts and lists."""
        return {name: _plain(getattr(self, name)) for name, _ in _readers(type(self).__name__)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The value that `to_json` wrote, or a foreign index claims it did.

        Args:
            value: What `json.loads` gave.

        Raises:
            DataError: A key is missing, or its value is of another type; says which.
        """
        if not isinstance(value, Mapping):
            raise DataError(f"{cls.__name__} is an object, not {_type(value)}")
        given = {}
        for name, read in _readers(cls.__name__):
            if name in value:
                try:
                    given[name] = read(value[name])
                except (TypeError, DataError) as error:
                    raise DataError(f"{cls.__name__}.{name}: {error}") from None
        try:
            return cls(**given)
        except TypeError as error:
            raise DataError(f"{cls.__name__}: {str(error).partition('() ')[2]}") from None


@dataclass(frozen=True)
class Parameter(_Document):
    """A parameter of a processor.

    Attributes:
        name: Its name, without asterisks.
        type: The text of its annotation, or None.
        default: The source text of its default, or None.
        required: Whether a call must give it.
        keyword_only: Whether it can be given by name alone.
        variadic: Whether it stands for any number of arguments (``*args``, ``**options``).
        doc: What the docstring says of it.
        schema: A JSON Schema of its values; ``{}`` where the annotation does not say.
    """

    name: str
    type: str | None = None
    default: str | None = None
    required: bool = False
    keyword_only: bool = False
    variadic: bool = False
    doc: str = ""
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Shape(_Document):
    """What a processor does to the package, inferred from the calls that its step makes.

    Attributes:
        by: What it works on: ``"rows"`` (a stream of them), ``"each row"``, ``"batches"``, ``"resources"`` or
            ``"package"``.
        adds_rows: Whether rows may come that were not there; None where the calls do not say.
        inferred: True: nobody declared it.
    """

    by: str
    adds_rows: bool | None = None
    inferred: bool = True


@dataclass(frozen=True)
class Processor(_Document):
    """A processor, loader, writer … as it was read from its source.

    Attributes:
        name: The short name, that of the entry point.
        qualified_name: The long name: ``"load-csv.load_csv"``.
        group: ``"processor"``, ``"loader"``, ``"writer"``, ``"runner"`` …, after the entry point's group.
        object: Where it is: ``"module:attribute"``.
        kind: ``"source"``, ``"step"``, ``"sink"``, ``"flow"``, or ``"unknown"`` without an annotation.
        summary: The docstring's first line.
        description: The rest of the docstring before its sections, as written.
        parameters: In order.
        raises: ``{"type", "doc"}`` of each error.
        returns: The text of the return annotation, or None.
        examples: ``{"code", "doc"}`` of each.
        deprecated: Why it should no longer be used, or None.
        aliases: Other short names of the same object.
        formats: Formats that it reads or writes: ``"csv"``.
        schemes: Schemes of addresses that it reads or writes: ``"s3"``.
        shape: What it does to the package; None where nothing is known.
        signature: The signature's text, on one line.
        source: ``{"file", "line"}``, relative to the folder of installed packages.
        problems: What could not be read.
    """

    name: str
    qualified_name: str
    group: str = "processor"
    object: str = ""
    kind: str = "unknown"
    summary: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    raises: tuple[Mapping[str, str], ...] = ()
    returns: str | None = None
    examples: tuple[Mapping[str, str], ...] = ()
    deprecated: str | None = None
    aliases: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    shape: Shape | None = None
    signature: str = ""
    source: Mapping[str, Any] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class File(_Document):
    """A file of a release, as an index offers it.

    Attributes:
        name: The file's name; a name alone, since it becomes that of a file in the cache.
        size: In bytes, or None.
        sha256: The hash, in 64 small hexadecimal digits, or None.
        requires_python: The Pythons that it is for, or None.
        yanked: Why it was withdrawn (may be empty), or None.

    Raises:
        DataError: The name is none of a file, or the hash none.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    requires_python: str | None = None
    yanked: str | None = None

    def __post_init__(self) -> None:
        if not FILE_NAME.fullmatch(self.name):
            raise DataError(f"{clean_line(self.name)!r} is no name of a file")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise DataError(f"{clean_line(self.sha256)!r} is no sha256 of {self.name}")


@dataclass(frozen=True)
class Release(_Document):
    """One version of a distribution; says nothing of the index that it was found in.

    Attributes:
        distribution: The normalised name.
        version: The version, as its metadata writes it.
        summary: The distribution's summary.
        licence: Its licence: an expression, or the text of the field; "" if none is given.
        requires_python: The Pythons that it is for, or None.
        requires: The distributions that it needs, as metadata write them.
        requires_core: The versions of dataflows-core among them, or None.
        keywords: Its keywords.
        links: http and https addresses by label.
        processors: By group and name.
        upload_time: When it was uploaded (ISO 8601), or None where the source does not know.
        yanked: Why it was withdrawn (may be empty), or None.
        status: The project's status at the index (``"archived"``, ``"quarantined"`` …), or None.
        files: The files that it is offered as.
        problems: What could not be read of the release as a whole.
    """

    distribution: str
    version: str
    summary: str = ""
    licence: str = ""
    requires_python: str | None = None
    requires: tuple[str, ...] = ()
    requires_core: str | None = None
    keywords: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    processors: tuple[Processor, ...] = ()
    upload_time: str | None = None
    yanked: str | None = None
    status: str | None = None
    files: tuple[File, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distribution(_Document):
    """All that is known of a distribution.

    Attributes:
        name: The normalised name.
        releases: The newest first.
    """

    name: str
    releases: tuple[Release, ...] = ()

    @property
    def latest(self) -> Release:
        """The newest release that is neither withdrawn nor a pre-release; the newest of all if none is."""
        usable = [release for release in self.releases if release.yanked is None]
        final = [release for release in usable if not _UNFINISHED.search(release.version)]
        return (final or usable or list(self.releases))[0]


_UNFINISHED = re.compile(r"(?i)[0-9.](a|b|c|rc|alpha|beta|pre|preview|dev)[0-9.]*")
"""What makes a version one to try and not one to use."""


def dumps(document: _Document | Mapping[str, Any]) -> str:
    """A document as JSON text: the same value gives the same text."""
    value = document.to_json() if isinstance(document, _Document) else document
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def loads(text: str | bytes, what: str) -> Any:
    """Parsed JSON text from outside.

    Args:
        text: The text.
        what: What it is, for the error: a path, an address.

    Raises:
        DataError: It is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} is no JSON: {error}") from None
