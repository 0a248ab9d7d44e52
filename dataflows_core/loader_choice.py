"""Which loader reads a source: by its format, its scheme, its ending, its content; in this order."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataflows_core import discovery
from dataflows_core.errors import (
    AccessError,
    AmbiguousNameError,
    DataError,
    FlowError,
    UnknownNameError,
    UnreadableError,
    near_misses,
)
from dataflows_core.files import Source, expand
from dataflows_core.files.urls import is_http, shown

if TYPE_CHECKING:
    from dataflows_core.content import Content
    from dataflows_core.package import Package

__all__ = ["PACKAGE", "Choice", "choose", "first_file", "shown_source"]

PACKAGE = "datapackage"
"""The format that needs no loader."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
_SHEET = re.compile(r"https?://docs\.google\.com/spreadsheets/d/[^/]+(?!/(export|pub|gviz)\b)(/|$)")
_OF_THE_FALLBACK = ("custom_parsers", "custom_loaders")
_OF_THE_FILE = ("storage_options", "compression", "member", "cache", "max_size")

Loader = Callable[..., Any]


@dataclass
class _Trial:
    """What was tried for a source, for the words that say so."""

    source: Any
    format: str | None
    names: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def loader(self, name: str, how: str) -> Loader | None:
        """The installed loader of a name; None when there is none, which is kept in mind."""
        try:
            found: Loader = discovery.load("loader", name)
        except UnknownNameError as error:
            self.names.append(name)
            self.tried.append(how)
            self.hints += [error.hint] if error.hint else []
            return None
        return found

    @property
    def words(self) -> str:
        """What is said when nothing helps."""
        installed = sorted({*discovery.names("loader"), PACKAGE})
        close = [other for name in self.names for other in near_misses(name, installed)]
        listed = ", ".join(name for name in installed if "+" not in name)  # schemes with a driver
        *first, last = dict.fromkeys(self.tried)
        tried = f"{', '.join(first)} and {last}" if first else last
        lines = [
            f"no installed loader reads {shown_source(self.source)}: tried {tried}",
            f"  installed formats: {listed}",
            f"  did you mean format={close[0]!r}?"
            if close and self.format
            else "  name the format if it is one of these (format=…), or install the loader for it",
            *(f"  {hint}" for hint in dict.fromkeys(self.hints)),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Choice:
    """A loader, and how it was found.

    Attributes:
        format: The name it was found by; for the fallback, what the format seems to be.
        by: ``"format"``, ``"scheme"``, ``"ending"``, ``"ending in the zip file"``, ``"content"`` or
            ``"fallback"``.
        loader: The loader; None for a Data Package.
        tried: For the fallback, what was tried before.
    """

    format: str
    by: str
    loader: Loader | None
    tried: str = ""

    def load(self, source: Any, options: Mapping[str, Any], package: Package) -> None:
        """Have the loader add to a package; when it cannot, say besides what its error may come from.

        Args:
            source: The source.
            options: Those of the loader.
            package: The package.

        Raises:
            UnreadableError: The file is not what its ending says; or the fallback cannot read it either.
        """
        assert self.loader is not None
        if self.by == "fallback" and self.format and "format" not in options:
            options = {**options, "format": self.format}
        try:
            self.loader(source, **options)(package)
        except (UnreadableError, DataError) as error:
            said = f"{self.loader.__name__} says: {error}"
            if self.by == "fallback":
                raise UnreadableError(f"{self.tried}\n  {said}") from error
            if self.by == "ending" and (other := self._other_content(source, options)):
                what = f"{shown_source(source)} has the ending of {self.format}, but {other}"
                raise UnreadableError(f"{what}\n  {said}") from error
            raise

    def _other_content(self, source: Any, options: Mapping[str, Any]) -> str:
        """What the content is when it is not what the ending says; empty when it may be."""
        from dataflows_core.content import look

        try:
            content = look(first_file(source, options))
        except (AccessError, FlowError, UnreadableError):
            return ""  # what the loader has said is said
        if not content.formats:
            return f"it is {content.looks}" if content.certain and not content.members else ""
        trial = _Trial(source, None)
        loaders = [trial.loader(name, "") for name in content.formats]
        if self.loader in loaders:
            return ""
        verb = "is" if content.certain else "looks like"
        known = [name for name, loader in zip(content.formats, loaders, strict=True) if loader]
        if known or PACKAGE in content.formats:
            return f"it {verb} {content.looks}; write format={(known or content.formats)[0]!r}"
        missing = f"it {verb} {content.looks}, and no loader for {content.formats[0]!r} is installed"
        return "\n  ".join([missing, *dict.fromkeys(trial.hints)])


def choose(
    source: Any,
    format: str | None = None,
    members: Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Choice:
    """Choose the installed loader for a source.

    Whoever brings parsers or loaders of tabulator wants them to be used, whatever else would read it.

    Args:
        source: A path, a URL or a list of them.
        format: The loader's name, if it is known.
        members: The files within the source, if it is a zip file.
        options: The options of the loader; those that say how to open the file are heeded.

    Raises:
        UnreadableError: No installed loader knows the source; says what was tried and what is installed.
        AccessError: No name says which loader it is, and the file cannot be read either.
        AmbiguousNameError: Several third-party distributions claim the format.
        BrokenPluginError: The loader cannot be imported.
    """
    if any((options or {}).get(name) for name in _OF_THE_FALLBACK) and (fallback := _fallback()):
        return Choice(format or "", "fallback", fallback, f"{shown_source(source)} cannot be loaded")
    trial = _Trial(source, format)
    for kind, name in dict.fromkeys(_candidates(source, format, members)):
        if loader := trial.loader(name, f"the {kind} {name!r}"):
            return Choice(name, kind, loader)
    formats: tuple[str, ...] = (format,) if format is not None else ()
    if format is None:
        if not trial.tried:
            trial.tried.append("the ending (there is none)")
        if content := _content(trial, options or {}):
            if found := _by_content(trial, content):
                return found
            formats = content.formats
    fallback = _fallback()
    if fallback and (format is None or _takes_format(fallback)):
        named = formats[0] if formats and _takes_format(fallback) else ""
        return Choice(named, "fallback", fallback, trial.words)
    raise UnreadableError(trial.words)


def _content(trial: _Trial, options: Mapping[str, Any]) -> Content | None:
    """What the content looks like; None when only the fallback may know how to open it."""
    from dataflows_core.content import look

    file = first_file(trial.source, options)
    try:
        return look(file)
    except (AccessError, FlowError) as error:
        if is_http(file.path) or not isinstance(error.__cause__, ImportError | ValueError):
            raise
        trial.tried.append(f"the content, which cannot be read ({error})")
        return None


def _by_content(trial: _Trial, content: Content) -> Choice | None:
    if PACKAGE in content.formats:
        return Choice(PACKAGE, "content", None)
    verb = "is" if content.certain else "looks like"
    for name in content.formats:
        if loader := trial.loader(name, f"the content, which {verb} {content.looks}"):
            return Choice(name, "content", loader)
    for member in content.members:
        name = Source.of(member).suffix[1:]
        if name and (loader := trial.loader(name, f"the ending in the zip file {name!r}")):
            return Choice(name, "ending in the zip file", loader)
    if not content.formats:
        trial.tried.append(f"the content, which is {content.looks}")
    return None


def _takes_format(loader: Loader) -> bool:
    return "format" in inspect.signature(loader).parameters


def first_file(source: Any, options: Mapping[str, Any]) -> Source:
    """The file that stands for all when there are several, opened as the options say."""
    given = {name: options[name] for name in _OF_THE_FILE if options.get(name) is not None}
    path = source if isinstance(source, str | Path) else next(iter(source))
    return expand(path, **given)[0]


def _candidates(source: Any, format: str | None, members: Iterable[str] | None) -> list[tuple[str, str]]:
    """What may be the name of a loader, and why."""
    if format is not None:
        return [("format", format), ("format", format.lower().lstrip("."))]
    text = str(source if isinstance(source, str | Path) else next(iter(source)))
    scheme = _SCHEME.match(text)
    if _SHEET.match(text):  # a page; what gives its cells has another address
        return [("address of a Google sheet,", "gsheet")]
    found = [("scheme", scheme[1].lower())] if scheme and scheme[1].lower() != "zip" else []
    found += [("ending", ending[1:]) for ending in [Source.of(text).suffix] if len(ending) > 1]
    inside = [Source.of(name).suffix for name in members or ()]
    return found + [("ending in the zip file", ending[1:]) for ending in inside if len(ending) > 1]


def _fallback() -> Loader | None:
    found: Sequence[discovery.Entry] = discovery.entries(discovery.GROUPS["fallback loader"])
    found = [entry for entry in found if entry.first_party] or found
    if len(found) > 1:
        raise AmbiguousNameError("fallback loader", "(any format)", [entry.qualified_name for entry in found])
    return found[0].load() if found else None


def shown_source(source: Any) -> str:
    """What messages call a source: without a password, and a list by its length."""
    return repr(shown(str(source))) if isinstance(source, str | Path) else f"{len(source)} paths"
