"""`load`: one name for every source; it finds the loader."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from dataflows_core import discovery
from dataflows_core.errors import (
    AmbiguousNameError,
    FlowError,
    UnknownNameError,
    UnreadableError,
    near_misses,
)
from dataflows_core.files import Source as File
from dataflows_core.files.compression import SUFFIXES
from dataflows_core.files.urls import is_http, shown
from dataflows_core.steps import Source

if TYPE_CHECKING:
    from dataflows_core.package import Package, ResourceSelector

__all__ = ["check_options", "load", "loader_for"]

_DESCRIPTOR = "datapackage.json"
_PACKAGE = "datapackage"
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")


def load(
    load_source: str | Path | Iterable[str | Path],
    name: str | None = None,
    resources: ResourceSelector = None,
    *,
    format: str | None = None,
    **options: Any,
) -> Source:
    """Load a source with whichever installed loader knows it.

    The loader is found by `format` if it is given, then by the scheme of a URL, then by the ending of the
    path (behind one for a compression, such as ``.csv.gz``, or that of the file in a zip file). A folder with
    a `datapackage.json`, that file itself, and a zip file with one inside are Data Packages: all their
    resources are loaded, or those that `resources` selects, typed as their schemas declare.

    Args:
        load_source: A path, a URL, a glob pattern, or ``"env://NAME"`` for the value of an environment
            variable; several paths make one resource.
        name: The resource's name; by default the loader makes one of the path.
        resources: Which resources of a Data Package to load.
        format: The loader's name: ``"csv"``, ``"tsv"`` …; ``"datapackage"`` for a Data Package.
        **options: Passed on to the loader, after they are checked against its parameters.

    Raises:
        UnreadableError: No installed loader knows the source; says what was tried and what is installed.
        FlowError: The loader has no such option; near misses are named.
        AccessError: The source cannot be opened.
        DataError: A Data Package is invalid; says each fault.

    Examples:
        >>> from dataflows_core import Flow
        >>> from pathlib import Path
        >>> data = '[{"city": "Lyon", "people": 522250}]'
        >>> package = f'{{"resources": [{{"name": "cities", "data": {data}}}]}}'
        >>> _ = Path("datapackage.json").write_text(
        ...     f'{{"resources": [{{"name": "cities", "data": {data}}}]}}'
        ... )
        >>> Flow(load("datapackage.json")).results().rows
        [[{'city': 'Lyon', 'people': 522250}]]
    """
    if not isinstance(load_source, str | Path) and not _is_paths(load_source):
        raise FlowError(
            f"load() takes a path, a URL or a list of them, not {type(load_source).__name__}; "
            "rows and data frames stand in a flow by themselves"
        )

    def step(package: Package) -> None:
        source = _resolved(load_source)
        inside = _members(source) if format is None and "member" not in options else None
        if format == _PACKAGE or (format is None and _is_package(source, inside)):
            from dataflows_core.packages import load_package

            if not isinstance(source, str | Path):
                raise FlowError("a Data Package is one path; write a load() for each")
            load_package(source, resources, options, name)(package)
            return
        endings = [options["member"]] if isinstance(options.get("member"), str) else inside
        loader = loader_for(source, format, endings)
        given = {**options} if name is None else {"name": name, **options}
        if resources is not None:
            given["resources"] = resources
        check_options(loader, given)
        loader(source, **given)(package)

    return step


def loader_for(
    source: Any, format: str | None = None, members: Iterable[str] | None = None
) -> Callable[..., Any]:
    """The installed loader for a source.

    Args:
        source: A path, a URL or a list of them.
        format: The loader's name, if it is known.
        members: The files within the source, if it is a zip file.

    Raises:
        UnreadableError: No installed loader knows the source; says what was tried and what is installed.
        AccessError: No loader knows it, and it is not there either.
        AmbiguousNameError: Several third-party distributions claim the format.
        BrokenPluginError: The loader cannot be imported.
    """
    tried: list[str] = []
    hints: list[str] = []
    candidates = list(dict.fromkeys(_candidates(source, format, members)))
    for kind, candidate in candidates:
        try:
            loader: Callable[..., Any] = discovery.load("loader", candidate)
            return loader
        except UnknownNameError as error:
            tried.append(f"{kind} {candidate!r}")
            hints += [error.hint] if error.hint else []
    if format is None:
        if fallback := _fallback():
            return fallback
        if isinstance(source, str | Path) and not re.search(r"[*?\[]", str(source)):
            File.of(source).check()
    raise UnreadableError(_refusal(source, format, [name for _, name in candidates], tried, hints))


def _fallback() -> Callable[..., Any] | None:
    found = discovery.entries(discovery.GROUPS["fallback loader"])
    found = [entry for entry in found if entry.first_party] or found
    if len(found) > 1:
        raise AmbiguousNameError("fallback loader", "(any format)", [entry.qualified_name for entry in found])
    return found[0].load() if found else None


def _refusal(source: Any, format: str | None, names: list[str], tried: list[str], hints: list[str]) -> str:
    installed = sorted({*discovery.names("loader"), _PACKAGE})
    close = [other for name in names for other in near_misses(name, installed)]
    what = ", the ".join(tried) or "ending, and it has none"
    lines = [
        f"no installed loader reads {_shown(source)}: tried the {what}",
        f"  installed formats: {', '.join(installed)}",
        f"  did you mean format={close[0]!r}?"
        if close and format
        else "  name the format if it is one of these (format=…), or install the loader for it",
        *(f"  {hint}" for hint in hints),
    ]
    return "\n".join(lines)


def check_options(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options that a loader or writer has no parameter for.

    Raises:
        FlowError: An option is unknown; near misses and all options are named.
    """
    parameters = inspect.signature(function).parameters
    known = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for option in options:
        if option not in known[1:]:
            close = near_misses(option, known[1:])
            raise FlowError(
                f"{function.__name__} has no option {option!r}"
                + (f"; did you mean {' or '.join(close)}?" if close else "")
                + f"\n  its options: {', '.join(known[1:])}"
            )


def _candidates(source: Any, format: str | None, members: Iterable[str] | None) -> list[tuple[str, str]]:
    """What may be the name of a loader, and why."""
    if format is not None:
        return [("format", format), ("format", format.lower().lstrip("."))]
    text = str(source if isinstance(source, str | Path) else next(iter(source)))
    scheme = _SCHEME.match(text)
    found = [("scheme", scheme[1].lower())] if scheme and scheme[1].lower() != "zip" else []
    found += [("ending", ending[1:]) for ending in [File.of(text).suffix] if len(ending) > 1]
    inside = [File.of(name).suffix for name in members or ()]
    return found + [("ending in the zip file", ending[1:]) for ending in inside if len(ending) > 1]


def _resolved(source: Any) -> Any:
    """The source itself; of ``env://NAME``, what the variable says."""
    if isinstance(source, str) and source.startswith("env://"):
        variable = source.removeprefix("env://")
        if not os.environ.get(variable):
            raise FlowError(
                f"the environment variable {variable!r} is not set, and {source!r} asks for its value"
            )
        return os.environ[variable]
    return source if isinstance(source, str | Path) else list(source)


def _is_paths(source: Any) -> bool:
    if not isinstance(source, list | tuple | set):
        return False
    return bool(source) and all(isinstance(item, str | Path) for item in source)


def _members(source: Any) -> list[str] | None:
    """The files in a zip file whose name does not say what is in it; None for any other source."""
    if not isinstance(source, str | Path):
        return None
    path = str(source).partition("?")[0] if is_http(str(source)) else str(source)
    inner = PurePosixPath(path.replace("\\", "/"))
    if inner.suffix.lower() != ".zip" or inner.with_suffix("").suffix.lower() in _endings():
        return None
    if path.startswith("zip://") or Path(path).is_dir() or re.search(r"[*?\[]", path):
        return None
    return File.of(source).members()


def _endings() -> set[str]:
    return {f".{name}" for name in discovery.names("loader")} | set(SUFFIXES) - {".zip"}


def _is_package(source: Any, members: list[str] | None) -> bool:
    if not isinstance(source, str | Path):
        return False
    file = File.of(source)
    path = file.member or (file.path.partition("?")[0] if is_http(file.path) else file.path)
    if path.replace("\\", "/").rpartition("/")[2] == _DESCRIPTOR:
        return True
    if file.member is None and file.local is not None and file.local.is_dir():
        return True
    if members is None or _DESCRIPTOR in members:
        return members is not None
    deeper = [name for name in members if name.rpartition("/")[2] == _DESCRIPTOR]
    if len(deeper) == 1 and not any(File.of(name).suffix == ".zip" for name in members):
        raise UnreadableError(
            f"{_shown(source)} holds a Data Package, but not at its root: write 'zip://{deeper[0]}::{source}'"
        )
    return False


def _shown(source: Any) -> str:
    return repr(shown(str(source))) if isinstance(source, str | Path) else f"{len(source)} paths"
