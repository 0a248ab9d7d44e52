"""Python sources as griffe sees them: parsed, never imported; names followed within one distribution."""

from __future__ import annotations

import ast
import importlib.util
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import griffe

from dataflows_core.errors import DataError
from dataflows_registry.describe.files import Files
from dataflows_registry.text import clean_line

__all__ = ["Definition", "Found", "Modules", "Parsed"]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_EXTENSIONS = griffe.Extensions()
_MAX_HOPS = 20


@dataclass(frozen=True)
class Parsed:
    """One source file.

    Attributes:
        name: The module's dotted name.
        path: Of the file, relative to the folder that packages are installed in.
        objects: What it defines, as griffe found it.
        tree: Its syntax tree.
    """

    name: str
    path: str
    objects: griffe.Module
    tree: ast.Module

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """All statements, those within others included; to walk all nodes would take ten times as long."""
        found: list[ast.stmt] = []
        waiting: list[Any] = [self.tree]
        for node in waiting:
            for block in ("body", "orelse", "finalbody", "handlers", "cases"):
                waiting += getattr(node, block, ())
            if isinstance(node, ast.stmt):
                found.append(node)
        return found

    @cached_property
    def definitions(self) -> list[Definition]:
        """The functions and classes, those within others included."""
        return [node for node in self.statements if isinstance(node, Definition)]

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Module and name of what is imported from anywhere, within functions included."""
        package = self.name if self.path.endswith("/__init__.py") else self.name.rpartition(".")[0]
        parts, names = package.split("."), dict[str, tuple[str, str]]()
        for node in self.statements:
            if isinstance(node, ast.ImportFrom):
                up = parts[: len(parts) - node.level + 1] if node.level else []
                source = ".".join([*up, *([node.module] if node.module else [])])
                names |= {item.asname or item.name: (source, item.name) for item in node.names}
        return names

    def target(self, name: str) -> str | None:
        """The dotted name that an imported name means; relative imports are seen from here."""
        module, attribute = self.imports.get(name, ("", ""))
        return f"{module}.{attribute}" if module else None


@dataclass(frozen=True)
class Found:
    """A function or class, and the file that defines it."""

    object: griffe.Function | griffe.Class
    module: Parsed


class Modules:
    """The modules of one distribution, each parsed once.

    Args:
        files: The distribution's files.
        top_levels: The top-level modules that are its own; nothing is followed beyond them.
    """

    def __init__(self, files: Files, top_levels: Collection[str]) -> None:
        self.files, self.top_levels = files, frozenset(top_levels)
        self._parsed: dict[str, Parsed | DataError | None] = {}

    def module(self, name: str) -> Parsed | None:
        """A module, or None if there is no source file of it here.

        Args:
            name: Its dotted name.

        Raises:
            DataError: Its source cannot be read; names the file.
        """
        if name not in self._parsed:
            try:
                self._parsed[name] = self._parse(name)
            except DataError as error:
                self._parsed[name] = error
        found = self._parsed[name]
        if isinstance(found, DataError):
            raise found
        return found

    def _parse(self, name: str) -> Parsed | None:
        parts = name.split(".")
        if parts[0] not in self.top_levels or not all(part.isidentifier() for part in parts):
            return None
        stem = "/".join(parts)
        for path in (f"{stem}/__init__.py", f"{stem}.py"):
            if (content := self.files.source(path)) is not None:
                return _parsed(name, path, content)
        return None

    def resolve(self, value: str) -> Found:
        """The function or class that an entry point means.

        Args:
            value: ``"module:attribute"``.

        Raises:
            DataError: It cannot be found without running the code; says why.
        """
        module, _, attribute = value.partition("[")[0].replace(" ", "").partition(":")
        if not attribute:
            raise DataError(f"the entry point names the module {clean_line(module)} and nothing in it")
        return self._resolve(module, attribute, 0)

    def _resolve(self, module: str, attribute: str, hops: int) -> Found:
        shown = clean_line(f"{module}:{attribute}")
        if hops > _MAX_HOPS:
            raise DataError(f"{shown} is imported in a circle")
        parsed = self.module(module)
        if parsed is None:
            raise DataError(f"{shown} cannot be read: this distribution has no source of that module")
        scope: Any = parsed.objects
        names = attribute.split(".")
        for position, name in enumerate(names):
            rest = names[position + 1 :]
            found = scope.members.get(name)
            if found is None:
                if scope is parsed.objects and self.module(f"{module}.{name}") is not None and rest:
                    return self._resolve(f"{module}.{name}", ".".join(rest), hops + 1)
                raise DataError(f"{parsed.path} does not define {clean_line(attribute)} where it can be read")
            if found.is_alias:
                target = parsed.target(name) if scope is parsed.objects else found.target_path
                return self._imported(target or found.target_path, rest, shown, hops)
            if isinstance(found, griffe.Attribute):
                if isinstance(found.value, griffe.ExprName) and scope is parsed.objects:
                    return self._resolve(module, ".".join([found.value.name, *rest]), hops + 1)
                raise DataError(f"{shown} is made when {parsed.path} is imported, so that it cannot be read")
            scope = found
        if not isinstance(scope, griffe.Function | griffe.Class):
            raise DataError(f"{shown} is neither a function nor a class")
        return Found(scope, parsed)

    def _imported(self, target: str, rest: list[str], shown: str, hops: int) -> Found:
        parts = target.split(".")
        for end in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:end])
            if self.module(module) is not None:
                return self._resolve(module, ".".join([*parts[end:], *rest]), hops + 1)
        raise DataError(f"{shown} is imported from {clean_line(target)}, outside of this distribution")


def _parsed(name: str, path: str, content: bytes) -> Parsed:
    shown = clean_line(path)
    try:
        # Old sources have escapes that are no longer any; that is a warning to their authors, not to readers.
        with warnings.catch_warnings(action="ignore"):
            text = importlib.util.decode_source(content)
            tree = ast.parse(text, filename=shown)
            visitor = griffe.Visitor(name, _path(path), text, extensions=_EXTENSIONS)
            visitor.visit(tree)  # what `griffe.visit` does, but for parsing the text a second time
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise DataError(f"{shown}{line}: {clean_line(error.msg)}") from None
    except (RecursionError, MemoryError):
        raise DataError(f"{shown} is nested too deeply") from None
    except Exception as error:  # noqa: BLE001 - the seam: strangers' sources may break any parser
        detail = clean_line(f"{type(error).__name__}: {error}")
        raise DataError(f"{shown} cannot be read as Python: {detail}") from None
    return Parsed(name, path, visitor.current.module, tree)


def _path(path: str) -> Any:
    # griffe looks at the names alone; a pure path cannot be opened by accident.
    return PurePosixPath(path)
