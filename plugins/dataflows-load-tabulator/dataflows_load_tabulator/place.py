"""What a source is to tabulator: its scheme, its format, and who opens it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from dataflows_core.errors import FlowError, UnreadableError, near_misses
from dataflows_core.files import Source, expand
from dataflows_core.files.compression import SUFFIXES
from dataflows_core.files.source import stem
from dataflows_core.files.urls import shown

__all__ = ["Place", "places"]

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
_SHEET = re.compile(r"https?://docs\.google\.com/spreadsheets/d/(?P<key>[\w-]+)(?P<rest>.*)", re.DOTALL)
_ELSEWHERE = {
    "sql": "tabulator cannot read databases with today's SQLAlchemy; load_sql can (dataflows-sql)",
    "datapackage": "load() reads Data Packages, with the types that they declare",
    "inline": "rows, lists and generators stand in a flow by themselves: Flow([{'n': 1}], …)",
}
_EXPORT = {"delimiter": ",", "quotechar": '"', "doublequote": True, "skipinitialspace": False}


@dataclass(frozen=True)
class Place:
    """A source, and how it is opened.

    Attributes:
        source: What a parser of tabulator gets.
        shown: What messages call it.
        stem: A name for its resource.
        format: The name of the parser.
        scheme: The name of the loader; None when the parser needs none.
        file: The file, when it is one that dataflows opens.
        stream: The stream of bytes, when it is one.
        options: What the parser has to know besides.
    """

    source: Any
    shown: str
    stem: str
    format: str
    scheme: str | None = None
    file: Source | None = None
    stream: IO[bytes] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def portable(self) -> bool:
        """Whether another process can open it."""
        return isinstance(self.source, str)

    @property
    def opener(self) -> Callable[[], IO[bytes]] | None:
        """Opens its bytes; None when a loader of tabulator does."""
        stream = self.stream
        if stream is not None:
            return lambda: stream
        return self.file.open_seekable if self.file is not None else None


@dataclass(frozen=True)
class _Names:
    """What is known of schemes and formats, those of the user included."""

    parsers: Mapping[str, Any]
    loaders: Mapping[str, Any]

    def check_format(self, name: str | None, source: str) -> str:
        from tabulator import config

        if name in self.parsers:
            return str(name)
        if name in _ELSEWHERE:
            raise FlowError(f"{source}: {_ELSEWHERE[name]}")
        if name in config.PARSERS:
            return str(name)
        known = sorted({*config.PARSERS, *self.parsers} - (set(_ELSEWHERE) - set(self.parsers)))
        close = near_misses(name or "", known)
        hint = f"; did you mean format={close[0]!r}?" if close else ""
        what = f"no format {name!r}" if name else "no format without a name"
        raise UnreadableError(
            f"{source}: no dedicated loader reads it, and tabulator knows {what}{hint}\n"
            f"  formats of tabulator: {', '.join(known)}\n"
            "  say which it is (format=…), or bring a parser (custom_parsers={'name': Parser})"
        )


def places(
    load_source: Any,
    *,
    scheme: str | None,
    format: str | None,
    parsers: Mapping[str, Any],
    loaders: Mapping[str, Any],
    opening: Mapping[str, Any],
) -> list[Place]:
    """The places that a source means, in order.

    Args:
        load_source: A path, a pattern, a URL, a list of these, a stream of bytes, or what a parser of the
            user's takes.
        scheme: The scheme, if it is known.
        format: The format, if it is known.
        parsers: The parsers of the user's, by format.
        loaders: The loaders of the user's, by scheme.
        opening: How files are opened; arguments of `expand`.

    Raises:
        FlowError: It is nothing that can be opened.
        AccessError: It is not there.
        UnreadableError: Nobody knows its format.
    """
    names = _Names(parsers, loaders)
    if isinstance(load_source, str | Path):
        return _paths(str(load_source), scheme, format, names, opening)
    if hasattr(load_source, "read"):
        return [_stream(load_source, format, names)]
    if format is not None and format in parsers:
        kind = type(load_source).__name__
        return [Place(load_source, f"the {kind}", "table", format)]
    if (
        isinstance(load_source, Sequence)
        and load_source
        and all(isinstance(item, str | Path) for item in load_source)
    ):
        return [place for item in load_source for place in _paths(str(item), scheme, format, names, opening)]
    raise FlowError(
        f"a source is a path, a URL, a list of them or a stream of bytes, not {type(load_source).__name__}; "
        f"{_ELSEWHERE['inline']}"
    )


def _stream(stream: Any, format: str | None, names: _Names) -> Place:
    if hasattr(stream, "encoding"):
        raise FlowError("the stream gives text, and parsers want bytes: open it with 'rb'")
    if not (hasattr(stream, "seekable") and stream.seekable()):
        raise FlowError(
            "the stream can be read once, and is read twice, for the types and for the rows: "
            "give io.BytesIO(stream.read()), or its path or URL"
        )
    name = stream.name if isinstance(getattr(stream, "name", None), str) else ""
    shown = name or f"the {type(stream).__name__}"
    found = names.check_format(format or (Source.of(name).suffix[1:] if name else None), shown)
    return Place(stream, shown, stem(name), found, "dataflows", stream=stream)


def _paths(
    path: str, scheme: str | None, format: str | None, names: _Names, opening: Mapping[str, Any]
) -> list[Place]:
    from tabulator import helpers

    if scheme is None and format in (None, "gsheet") and (sheet := _sheet(path, names)):
        return [replace(sheet, file=_file(path=sheet.source, opening=opening))]
    written = _SCHEME.match(path)
    said = scheme or (written[1].lower() if written else "file")
    if said in names.loaders or said == "text":
        called = "the text" if said == "text" else shown(path)
        detected = helpers.detect_scheme_and_format(path)[1] if said != "text" else None
        return [Place(path, called, "table", names.check_format(format or detected, called), said)]
    detected = helpers.detect_scheme_and_format(path)[1]
    if detected == "sql" and scheme is None:
        found = names.check_format(format or detected, shown(path))
        return [Place(path, shown(path), "table", found)]
    files = expand(path, **opening)
    for file in files:
        file.check()
    return [_of_file(_unpacked(file), said, format, names) for file in files]


def _of_file(file: Source, scheme: str, format: str | None, names: _Names) -> Place:
    from tabulator import helpers

    detected = helpers.detect_scheme_and_format(file.path)[1]
    known = format or ("datapackage" if detected == "datapackage" else file.suffix[1:] or detected)
    found = names.check_format(known, file.shown)
    return Place(file.path, file.shown, file.stem, found, scheme, file)


def _unpacked(file: Source) -> Source:
    """The file, unpacked only when its name says that it is packed: many formats are zip files themselves."""
    packed = file.compression or file.member or file.path.partition("?")[0].lower().endswith(tuple(SUFFIXES))
    return file if packed else replace(file, compression="none")


def _file(path: str, opening: Mapping[str, Any]) -> Source:
    (file,) = expand([path], **{**opening, "compression": "none", "member": None})
    return file


def _sheet(url: str, names: _Names) -> Place | None:
    """The place of a sheet of Google's, which hands it out as CSV."""
    match = _SHEET.match(url)
    if match is None or "gsheet" in names.parsers or re.match(r"/(export|pub|gviz)\b", match["rest"]):
        return None
    sheet = re.search(r"[#?&]gid=(\d+)", match["rest"])
    export = f"https://docs.google.com/spreadsheets/d/{match['key']}/export?format=csv"
    export += f"&gid={sheet[1]}" if sheet else ""
    return Place(export, url, "gsheet", "csv", "https", options=_EXPORT)
