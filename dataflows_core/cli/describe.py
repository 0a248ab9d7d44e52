"""What the source of a plugin says about its processors, read without importing any of it.

A processor's module is found from its top-level package alone (finding a submodule imports the packages
above it) and parsed. A name that a package imports from one of its modules is followed there.
"""

from __future__ import annotations

import ast
import importlib.util
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Description", "describe", "module_file", "object_path"]

KINDS = {"Source": "source", "Step": "step", "Sink": "sink", "Flow": "flow"}
"""The kind that each return annotation means."""

_MOST_HOPS = 8
"""How often a name is followed from one module to the next; more would be a circle."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Description:
    """What is known about a processor without importing it.

    Attributes:
        kind: ``"source"``, ``"step"``, ``"sink"``, ``"flow"``; ``"unknown"`` when its source does not say.
        summary: The first line of its docstring; empty when it has none.
        problem: Why nothing is known; empty when something is.
    """

    kind: str = "unknown"
    summary: str = ""
    problem: str = ""


def describe(value: str) -> Description:
    """What the source says about an object.

    Args:
        value: Where it is, as an entry point says it: ``"module:attribute"``.
    """
    module, attribute = object_path(value)
    return _describe(module, attribute, _MOST_HOPS)


def object_path(value: str) -> tuple[str, str]:
    """The module and the attribute that an entry point's value names; the attribute may be empty."""
    module, _, attribute = value.partition("[")[0].partition(":")
    return module.strip(), attribute.strip()


def _describe(module: str, attribute: str, hops: int) -> Description:
    path = module_file(module)
    if path is None:
        return Description(problem=f"there is no module {module}")
    if path.suffix != ".py":
        return Description()  # compiled: nothing to read
    try:
        tree = _parse(path)
    except OSError as error:
        return Description(problem=f"{path.name} cannot be read: {error.strerror}")
    except SyntaxError as error:
        return Description(problem=f"{path.name}, line {error.lineno}: {error.msg}")
    except (ValueError, RecursionError, MemoryError):
        return Description(problem=f"{path.name} cannot be parsed")
    if not attribute:
        return Description(summary=_first_line(tree))
    attribute, *inner = attribute.split(".")
    found = _definition(tree, attribute)
    if found is not None and inner:
        return Description()  # something inside an object: its type would have to be known
    if isinstance(found, _Definition):
        return Description(_kind(found, tree), _first_line(found))
    if isinstance(found, ast.ImportFrom) and hops:
        name = next(alias.name for alias in found.names if (alias.asname or alias.name) == attribute)
        target = _absolute(found, module, path)
        if module_file(f"{target}.{name}") is None:
            return _describe(target, name, hops - 1)
    if isinstance(found, ast.Assign) and isinstance(found.value, ast.Name) and hops:
        return _describe(module, found.value.id, hops - 1)
    if found is None and not _is_lazy(tree):
        return Description(problem=f"{module} has no {attribute}")
    return Description()


@cache
def _parse(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the plugin's style; its authors see them
        return ast.parse(path.read_bytes())


def module_file(module: str) -> Path | None:
    """The file of a module, found without importing anything; None when there is none."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.has_location else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *rest)
        for candidate in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if candidate.is_file():
                return candidate
        if compiled := next(place.parent.glob(f"{place.name}.*.so"), None):
            return compiled
    return None


def _definition(tree: ast.Module, name: str) -> ast.stmt | None:
    """What gives a name of a module its value: the last statement that does, as when it runs."""
    found: ast.stmt | None = None
    for statement in _statements(tree.body):
        if name in _names(statement):
            found = statement
    return found


def _names(statement: ast.stmt) -> Iterable[str]:
    if isinstance(statement, _Definition):
        return (statement.name,)
    if isinstance(statement, ast.ImportFrom):
        return [alias.asname or alias.name for alias in statement.names]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return (statement.target.id,)
    return ()


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under `if`, `try` and `with` in their place."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "handlers", "orelse", "finalbody"):
                for inner in getattr(statement, part, ()):
                    yield from _statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


def _is_lazy(tree: ast.Module) -> bool:
    return any("__getattr__" in _names(statement) or "*" in _names(statement) for statement in tree.body)


def _absolute(statement: ast.ImportFrom, module: str, path: Path) -> str:
    """The module that a `from … import` names."""
    if not statement.level:
        return statement.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _kind(found: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, tree: ast.Module) -> str:
    returns = None if isinstance(found, ast.ClassDef) else found.returns
    if isinstance(returns, ast.Constant) and isinstance(returns.value, str):
        name = returns.value
    elif returns is not None:
        name = ast.unparse(returns)
    else:
        return "unknown"
    name = name.rpartition(".")[2].strip()
    imported = _definition(tree, name)
    if isinstance(imported, ast.ImportFrom):  # `import Source as SourceStep`
        name = next(alias.name for alias in imported.names if (alias.asname or alias.name) == name)
    return KINDS.get(name, "unknown")


def _first_line(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    return lines[0].strip() if lines else ""
