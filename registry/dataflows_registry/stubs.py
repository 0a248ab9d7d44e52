"""A typed stub of the installed processors, which an editor and a type checker read in place of the module.

`dataflows_core.processors` finds names when it runs, which no type checker can see. The stub says what there
is: each processor whose distribution has types (`py.typed`) comes from where it is defined, the others are
declared as their source reads. It is a *partial stub package* (PEP 561), which mypy and pyright read on their
own when it is beside what is installed. Nothing of a plugin is imported.
"""

from __future__ import annotations

import ast
import builtins
import shutil
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from dataflows_core import discovery
from dataflows_core.discovery import Entry
from dataflows_core.errors import AccessError, AmbiguousNameError, DataError, FlowError
from dataflows_registry.describe import describe
from dataflows_registry.describe.files import Installed
from dataflows_registry.model import Parameter, Processor, Release
from dataflows_registry.store import write_atomically
from dataflows_registry.text import normalised

__all__ = [
    "PACKAGE",
    "default_folder",
    "is_current",
    "remove_stubs",
    "renew_stubs",
    "stub_text",
    "write_stubs",
]

PACKAGE = "dataflows_core-stubs"
"""The name of the stub package, which the standard derives from that of the package."""

_MARK = "# Made by `dataflows registry stubs`"
_HEAD = f"""{_MARK}, from the processors that are installed; make it again when they change.

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from dataflows_core import Flow
from dataflows_core.steps import Sink, Source, Step

def step(name: str, /, *args: Any, **kwargs: Any) -> Any: ...
"""
_KNOWN = {"Any", "Callable", "Iterable", "Iterator", "Literal", "Mapping", "Sequence"} | {
    name for name, value in vars(builtins).items() if isinstance(value, type)
}
_RETURNS = {"source": "Source", "step": "Step", "sink": "Sink", "flow": "Flow"}


def default_folder() -> Path:
    """Where mypy and pyright find stubs on their own: beside what is installed in this environment."""
    return Path(sysconfig.get_path("purelib"))


def write_stubs(folder: Path) -> Path:
    """Write the stub package of the processors that are installed now.

    Args:
        folder: Where the package is put.

    Returns:
        The package's folder.

    Raises:
        FlowError: There is a stub package that another program made.
        AccessError: The folder cannot be written.
    """
    package = folder / PACKAGE
    _refuse_foreign(package)
    write_atomically(package / "py.typed", "partial\n")
    write_atomically(package / "processors.pyi", stub_text())
    return package


def is_current(folder: Path) -> bool:
    """Whether the stubs in a folder say what is installed now."""
    try:
        return (folder / PACKAGE / "processors.pyi").read_text("utf-8") == stub_text()
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"{folder / PACKAGE} cannot be read: {error}") from error


def renew_stubs(folder: Path) -> bool:
    """Write the stubs in a folder again if there are some; returns whether there were.

    Raises:
        FlowError: They are of another program.
        AccessError: They cannot be written.
    """
    there = (folder / PACKAGE).exists()
    if there:
        write_stubs(folder)
    return there


def remove_stubs(folder: Path) -> bool:
    """Delete the stub package; returns whether there was one.

    Raises:
        FlowError: It is one that another program made.
        AccessError: It cannot be deleted.
    """
    package = folder / PACKAGE
    _refuse_foreign(package)
    if not package.exists():
        return False
    try:
        shutil.rmtree(package)
    except OSError as error:
        raise AccessError(f"{package} cannot be deleted: {error.strerror}") from error
    return True


def _refuse_foreign(package: Path) -> None:
    ours = {"py.typed", "processors.pyi"}
    try:
        found = {path.name for path in package.iterdir()} if package.exists() else set()
        stub = package / "processors.pyi"
        marked = not stub.exists() or stub.read_text("utf-8").startswith(_MARK)
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"{package} cannot be read: {error}") from error
    if not (marked and found <= ours):
        raise FlowError(
            f"{package} was made by another program, and is left alone\n  -o chooses another folder"
        )


def stub_text() -> str:
    """The stub of `dataflows_core.processors`."""
    lines: list[str] = []
    releases: dict[str, Release | None] = {}
    for entry in _importable():
        if _is_typed(entry) and (imported := _import(entry)):
            lines += imported
            continue
        if entry.distribution not in releases:
            releases[entry.distribution] = _described(entry.distribution)
        lines += _signature(entry, _processor(releases[entry.distribution], entry.name))
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _importable() -> Iterator[Entry]:
    """The entries whose short names an import statement can name, in the order of the names."""
    for name in discovery.names("processor"):
        if name.isidentifier() and not iskeyword(name) and name != "step":
            try:
                yield discovery.find("processor", name)
            except AmbiguousNameError:
                continue  # importing it is an error, and the stub must not say otherwise


def _is_typed(entry: Entry) -> bool:
    """Whether the package that an entry point names has types that checkers may use."""
    try:  # of a top-level name: that of any other would import its parents
        spec = find_spec(entry.value.partition(":")[0].split(".")[0].strip())
    except (ImportError, ValueError):
        return False
    folders = (spec.submodule_search_locations if spec else None) or ()
    return any((Path(folder) / "py.typed").exists() for folder in folders)


def _import(entry: Entry) -> list[str]:
    """The lines that take a processor from where it is defined; none where no statement can."""
    module, _, path = entry.value.partition("[")[0].replace(" ", "").partition(":")
    first, *rest = path.split(".")
    if not all(part.isidentifier() and not iskeyword(part) for part in (*module.split("."), first, *rest)):
        return []
    if not rest:
        return [f"from {module} import {first} as {entry.name}"]
    alias = f"_{entry.name}"
    return [f"from {module} import {first} as {alias}", f"{entry.name} = {'.'.join([alias, *rest])}"]


def _described(distribution: str) -> Release | None:
    """An installed distribution as its source says; None where that cannot be read."""
    for folder in map(Path, discovery.distribution_folders()):
        if normalised(folder.name.rpartition(".")[0].partition("-")[0]) == distribution:
            try:
                return describe(Installed(folder), folder.name)
            except DataError:
                return None
    return None


def _processor(release: Release | None, name: str) -> Processor | None:
    found = release.processors if release else ()
    return next((one for one in found if one.group == "processor" and one.name == name), None)


def _signature(entry: Entry, processor: Processor | None) -> list[str]:
    """The lines that declare a processor without types of its own, as far as its source says them."""
    if processor is None or (processor.problems and not processor.parameters):
        return [f"{entry.name}: Callable[..., Any]"]
    parts: list[str] = []
    optional = False
    for parameter in processor.parameters:
        if parameter.keyword_only and not parameter.variadic and not any(p.startswith("*") for p in parts):
            parts.append("*")
        if not parameter.name.isidentifier() or iskeyword(parameter.name):
            return [f"{entry.name}: Callable[..., Any]"]
        if not parameter.keyword_only and not parameter.variadic:
            if parameter.required and optional:
                return [f"{entry.name}: Callable[..., Any]"]
            optional = not parameter.required
        parts.append(_argument(parameter))
    return [f"def {entry.name}({', '.join(parts)}) -> {_RETURNS.get(processor.kind, 'Any')}: ..."]


def _argument(parameter: Parameter) -> str:
    stars = ("**" if parameter.keyword_only else "*") if parameter.variadic else ""
    default = "" if parameter.required or parameter.variadic else " = ..."
    return f"{stars}{parameter.name}: {_annotation(parameter.type)}{default}"


def _annotation(text: str | None) -> str:
    """An annotation whose names mean the same everywhere; `Any` for another."""
    try:
        tree = ast.parse((text or "Any").strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "Any"
    nodes = list(ast.walk(tree))
    plain = (ast.Expression, ast.Name, ast.Subscript, ast.BinOp, ast.BitOr, ast.Tuple, ast.List, ast.Load)
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    literal = "Literal" in names
    if not all(isinstance(node, (*plain, ast.Constant)) for node in nodes) or not names <= _KNOWN:
        return "Any"
    if any(value is not None and value is not ... and not literal for value in constants):
        return "Any"
    return ast.unparse(tree)
