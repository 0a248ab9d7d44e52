"""`load`: one name for every source; it finds the loader."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from dataflows_core import discovery
from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files import Source as File
from dataflows_core.files.compression import SUFFIXES
from dataflows_core.files.given import checked_storage_options
from dataflows_core.files.urls import is_http, is_remote, shown
from dataflows_core.loader_choice import PACKAGE, choose, first_file, shown_source
from dataflows_core.options import check_options
from dataflows_core.steps import Source

if TYPE_CHECKING:
    from dataflows_core.package import Package, ResourceSelector

__all__ = ["load"]

_DESCRIPTOR = "datapackage.json"


def load(
    load_source: str | Path | Iterable[str | Path],
    name: str | None = None,
    resources: ResourceSelector = None,
    *,
    format: str | None = None,
    **options: Any,
) -> Source:
    """Load a file, a URL or a database with whichever installed loader knows it.

    Files may lie on this machine, on the web, or in stores: S3, Google Cloud Storage, Azure, SFTP and what
    else fsspec opens; `storage_options` say how to log on there.

    The loader is found by `format` if it is given, then by the scheme of a URL, then by the ending of the
    path (behind one for a compression, such as ``.csv.gz``, or that of the file in a zip file), and where
    that says nothing by the first bytes of the file. A folder with a `datapackage.json`, that file itself,
    and a zip file with one inside are Data Packages: all their resources are loaded, or those that
    `resources` selects, typed as their schemas declare.

    Args:
        load_source: A path, a URL such as ``"s3://bucket/data.csv"``, a glob pattern, or
            ``"env://NAME"`` for the value of an environment variable; several paths make one resource.
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
        if format in (None, PACKAGE):
            source = _descriptor_in(source, options) or source
        inside = _members(source, options) if format is None and "member" not in options else None
        if format == PACKAGE or (format is None and _is_package(source, inside)):
            _load_package(source, resources, options, name)(package)
            return
        endings = [options["member"]] if isinstance(options.get("member"), str) else inside
        choice = choose(source, format, endings, options)
        if choice.loader is None:
            _load_package(f"zip://{_DESCRIPTOR}::{source}", resources, options, name)(package)
            return
        given = {**options} if name is None else {"name": name, **options}
        if resources is not None:
            given["resources"] = resources
        check_options(choice.loader, given)
        choice.load(source, given, package)

    return step


def _load_package(
    source: Any, resources: ResourceSelector, options: Mapping[str, Any], name: str | None
) -> Source:
    from dataflows_core.packages import load_package

    if not isinstance(source, str | Path):
        raise FlowError("a Data Package is one path; write a load() for each")
    return load_package(source, resources, options, name)


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


def _members(source: Any, options: Mapping[str, Any]) -> list[str] | None:
    """The files in a zip file whose name does not say what is in it; None for any other source."""
    if not isinstance(source, str | Path):
        return None
    path = str(source).partition("?")[0] if is_http(str(source)) else str(source)
    inner = PurePosixPath(path.replace("\\", "/"))
    if inner.suffix.lower() != ".zip" or inner.with_suffix("").suffix.lower() in _endings():
        return None
    if path.startswith("zip://") or Path(path).is_dir() or re.search(r"[*?\[]", path):
        return None
    return first_file(source, options).members()


def _descriptor_in(source: Any, options: Mapping[str, Any]) -> str | None:
    """The URL of the descriptor in a folder of a store; None when the source is none, or holds none."""
    if not isinstance(source, str | Path) or not is_remote(str(source)) or is_http(str(source)):
        return None
    file, scheme = File.of(source), str(source).partition(":")[0].lower()
    named = {file.suffix, PurePosixPath(file.path).suffix.lower()} & (_endings() | {".json", ".zip"})
    if named or file.member or scheme in discovery.names("loader"):
        return None
    from dataflows_core.files.stores import store_size

    url = f"{str(source).rstrip('/')}/{_DESCRIPTOR}"
    try:
        return (
            None if store_size(url, checked_storage_options(options.get("storage_options"))) is None else url
        )
    except (AccessError, FlowError):
        return None  # opening the source itself says what is wrong


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
            f"{shown_source(source)} holds a Data Package, but not at its root: "
            f"write 'zip://{deeper[0]}::{shown(str(source))}'"
        )
    return False
