"""`load`: one name for every source; it finds the loader."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dataflows_core import discovery
from dataflows_core.errors import FlowError, UnreadableError, near_misses
from dataflows_core.steps import Source

if TYPE_CHECKING:
    from dataflows_core.package import Package, ResourceSelector

__all__ = ["load", "loader_for"]

COMPRESSIONS = (".gz", ".zip", ".bz2", ".xz", ".zst")
"""Endings that say how a file is packed, and not what is in it."""


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
    path (behind one for a compression, such as ``.csv.gz``). A folder with a `datapackage.json`, that file
    itself, and a zip file with one inside are Data Packages: all their resources are loaded, or those that
    `resources` selects, typed as their schemas declare.

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

    Examples:
        >>> from dataflows_core import Flow
        >>> from pathlib import Path
        >>> _ = Path("cities.csv").write_text("city,people\\nLyon,522250\\n")
        >>> Flow(load("cities.csv")).results().rows
        [[{'city': 'Lyon', 'people': 522250}]]
    """
    if not isinstance(load_source, str | Path) and not _is_paths(load_source):
        raise FlowError(
            f"load() takes a path, a URL or a list of them, not {type(load_source).__name__}; "
            "rows and data frames stand in a flow by themselves"
        )

    def step(package: Package) -> None:
        source = _resolved(load_source)
        if format == "datapackage" or (format is None and _is_package(source)):
            from dataflows_core.packages import load_package

            if name is not None:
                raise FlowError("a Data Package names its resources itself; load() cannot take name= for one")
            load_package(source, resources, options)(package)
            return
        loader = loader_for(source, format)
        given = {**options} if name is None else {"name": name, **options}
        if resources is not None:
            given["resources"] = resources
        check_options(loader, given)
        loader(source, **given)(package)

    return step


def loader_for(source: Any, format: str | None = None) -> Callable[..., Any]:
    """The installed loader for a source.

    Args:
        source: A path, a URL or a list of them.
        format: The loader's name, if it is known.

    Raises:
        UnreadableError: No installed loader knows the source; says what was tried and what is installed.
    """
    tried: list[str] = []
    for kind, candidate in _candidates(source, format):
        if candidate in discovery.names("loader"):
            loader: Callable[..., Any] = discovery.load("loader", candidate)
            return loader
        tried.append(f"{kind} {candidate!r}")
    if format is None and (fallbacks := discovery.entries(discovery.GROUPS["fallback loader"])):
        loader = fallbacks[0].load()
        return loader
    installed = sorted({*discovery.names("loader"), "datapackage"})
    hint = discovery.hint("loader", _candidates(source, format)[-1][1]) if tried else ""
    raise UnreadableError(
        f"no installed loader reads {_shown(source)}: tried the {', the '.join(tried) or 'name: it has no ending'}\n"
        f"  installed formats: {', '.join(installed)}\n"
        f"  name the format (format=…), or install the loader for it" + (f"\n  {hint}" if hint else "")
    )


def check_options(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options that a loader or writer has no parameter for.

    Raises:
        FlowError: An option is unknown; near misses and all options are named.
    """
    parameters = inspect.signature(function).parameters
    known = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][1:]
    for option in options:
        if option not in known:
            close = near_misses(option, known)
            raise FlowError(
                f"{function.__name__} has no option {option!r}"
                + (f"; did you mean {' or '.join(close)}?" if close else "")
                + f"\n  its options: {', '.join(known)}"
            )


def _candidates(source: Any, format: str | None) -> list[tuple[str, str]]:
    if format is not None:
        return [("format", format)]
    text = str(source if isinstance(source, str | Path) else next(iter(source)))
    found = []
    scheme, path = _scheme(text), text
    if scheme:
        found.append(("scheme", scheme))
        path = urlsplit(text).path or text
    suffixes = [suffix.lower() for suffix in PurePosixPath(path.replace("\\", "/")).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    if suffixes:
        found.append(("ending", suffixes[-1][1:]))
    return found


def _scheme(text: str) -> str:
    scheme, mark, _ = text.partition("://")
    return scheme.lower() if mark and scheme.replace("+", "").isalnum() else ""


def _resolved(source: Any) -> Any:
    """The source itself; of ``env://NAME``, what the variable says."""
    if isinstance(source, str) and source.startswith("env://"):
        variable = source.removeprefix("env://")
        if not os.environ.get(variable):
            raise FlowError(f"the environment variable {variable!r} is not set, and {source!r} asks for its value")
        return os.environ[variable]
    return source if isinstance(source, str | Path) else list(source)


def _is_paths(source: Any) -> bool:
    if not isinstance(source, list | tuple | set):
        return False
    return bool(source) and all(isinstance(item, str | Path) for item in source)


def _is_package(source: Any) -> bool:
    if not isinstance(source, str | Path):
        return False
    text = str(source)
    if PurePosixPath(urlsplit(text).path if _scheme(text) else text.replace("\\", "/")).name == "datapackage.json":
        return True
    path = Path(text)
    if path.is_dir():
        return True
    if path.suffix == ".zip" and path.is_file():
        import zipfile

        return zipfile.is_zipfile(path) and "datapackage.json" in zipfile.ZipFile(path).namelist()
    return False


def _shown(source: Any) -> str:
    return repr(str(source)) if isinstance(source, str | Path) else f"{len(source)} paths"
