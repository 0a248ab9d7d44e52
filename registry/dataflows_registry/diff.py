"""What changed in the processors of a distribution between two releases, and what of it breaks flows.

A change breaks when a flow that was right before may be refused, or may mean something else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dataflows_registry.model import Parameter, Processor, Release

__all__ = ["Change", "changes"]


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        what: What changed: `processor removed`, `default changed` …
        breaking: Whether a flow that was right before may be refused, or mean something else.
        processor: The processor; None for a change of the whole distribution.
        parameter: The parameter; None for a change of the whole processor.
        before: What there was; None when there was nothing.
        after: What there is; None when there is nothing.
        note: What else there is to know.
    """

    what: str
    breaking: bool
    processor: str | None = None
    parameter: str | None = None
    before: str | None = None
    after: str | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The change for programs."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __str__(self) -> str:
        subject = ", ".join(name for name in (self.processor, self.parameter) if name)
        text = f"{subject}: {self.what}" if subject else self.what
        if self.before is not None and self.after is not None:
            text += f": {self.before} → {self.after}"
        elif self.before is not None or self.after is not None:
            text += f": {self.before if self.after is None else self.after}"
        return f"{text} ({self.note})" if self.note else text


def changes(before: Release, after: Release) -> list[Change]:
    """What changed between two releases, in the order of the processors' names, what breaks first.

    Args:
        before: The older release.
        after: The newer one.
    """
    old = {(p.group, p.name): p for p in before.processors}
    new = {(p.group, p.name): p for p in after.processors}
    found = [*_of_release(before, after)]
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            found.append(_removed(old[key], after))
        elif key not in old:
            found.append(Change("processor added", False, processor=key[1]))
        else:
            found += _of_processor(old[key], new[key])
    return sorted(found, key=lambda change: (not change.breaking, change.processor or ""))


def _of_release(before: Release, after: Release) -> Iterator[Change]:
    if before.requires_python != after.requires_python:
        lost = _pythons(before.requires_python) - _pythons(after.requires_python)
        note = f"no longer for Python {', '.join(f'3.{minor}' for minor in sorted(lost))}" if lost else None
        wanted = (before.requires_python or "any", after.requires_python or "any")
        yield Change("Python versions changed", bool(lost), None, None, *wanted, note)
    if before.requires_core != after.requires_core:
        core = (before.requires_core or "any", after.requires_core or "any")
        yield Change("versions of dataflows-core changed", False, None, None, *core)


def _pythons(specifier: str | None) -> set[int]:
    """The minor versions of Python 3 that a release is for."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(specifier or "")
    except InvalidSpecifier:
        return set()
    return {minor for minor in range(100) if f"3.{minor}.99" in wanted}


def _removed(old: Processor, after: Release) -> Change:
    same = [p.name for p in after.processors if p.object == old.object or old.name in p.aliases]
    note = f"perhaps renamed to {same[0]}" if same else None
    return Change("processor removed", True, processor=old.name, note=note)


def _of_processor(old: Processor, new: Processor) -> Iterator[Change]:
    name = new.name
    if old.kind != new.kind:
        yield Change("kind changed", old.kind != "unknown", name, None, old.kind, new.kind)
    for what, was, now in (
        ("format", old.formats, new.formats),
        ("scheme", old.schemes, new.schemes),
        ("alias", old.aliases, new.aliases),
    ):
        for value in _missing(was, now):
            yield Change(f"{what} removed", True, name, before=value)
        for value in _missing(now, was):
            yield Change(f"{what} added", False, name, after=value)
    if new.deprecated is not None and old.deprecated is None:
        yield Change("deprecated", False, name, note=new.deprecated or None)
    yield from _of_parameters(old, new)


def _missing(values: Iterable[str], others: Iterable[str]) -> list[str]:
    known = set(others)
    return [value for value in values if value not in known]


def _of_parameters(old: Processor, new: Processor) -> Iterator[Change]:
    was = {p.name: p for p in old.parameters}
    now = {p.name: p for p in new.parameters}
    for name, parameter in was.items():
        if name in now:
            yield from _of_parameter(new.name, parameter, now[name])
        else:
            yield _gone(parameter, old, new)
    for name, parameter in now.items():
        if name not in was:
            what = "required parameter added" if parameter.required else "parameter added"
            yield Change(what, parameter.required, new.name, name, after=parameter.default)
    yield from _order(old, new)


def _gone(parameter: Parameter, old: Processor, new: Processor) -> Change:
    """A parameter that is gone; one that is new in its place may be the same under another name."""
    known = {p.name for p in old.parameters}
    if parameter.keyword_only:
        added = [p.name for p in new.parameters if p.name not in known and p.type == parameter.type]
    else:
        place = _positional(old).index(parameter.name)
        added = [name for name in _positional(new)[place : place + 1] if name not in known]
    note = f"perhaps renamed to {added[0]}" if len(added) == 1 else None
    return Change("parameter removed", True, new.name, parameter.name, note=note)


def _of_parameter(processor: str, old: Parameter, new: Parameter) -> Iterator[Change]:
    if old.variadic != new.variadic:
        yield Change("number of values changed", True, processor, old.name)
    if new.required and not old.required:
        yield Change("now required", True, processor, old.name, before=old.default)
    elif old.required and not new.required:
        yield Change("now optional", False, processor, old.name, after=new.default)
    elif not _same(old.default, new.default):
        yield Change("default changed", True, processor, old.name, old.default, new.default)
    if new.keyword_only and not old.keyword_only:
        yield Change("now by name only", True, processor, old.name)
    elif old.keyword_only and not new.keyword_only:
        yield Change("now also by position", False, processor, old.name)
    yield from _of_type(processor, old, new)


def _of_type(processor: str, old: Parameter, new: Parameter) -> Iterator[Change]:
    if old.type == new.type:
        return
    if old.type is None or new.type is None:
        if new.type is not None:
            yield Change("type declared", False, processor, old.name, after=new.type)
        else:
            yield Change("type no longer declared", False, processor, old.name, before=old.type)
        return
    was, now = _alternatives(old.type), _alternatives(new.type)
    if was != now:
        wider = was < now or not now.isdisjoint({"Any", "object"})
        what = "type widened" if wider else "type changed"
        yield Change(what, not wider, processor, old.name, old.type, new.type)


def _same(source: str | None, other: str | None) -> bool:
    """Whether two expressions are the same, however they are quoted and spaced."""
    if source == other or source is None or other is None:
        return source == other
    try:
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source == other


def _order(old: Processor, new: Processor) -> Iterator[Change]:
    """A value that is given by position must reach the parameter that it reached before."""
    was, now = _positional(old), _positional(new)
    if any(now.index(name) != place for place, name in enumerate(was) if name in now):
        what = "order of positional parameters changed"
        yield Change(what, True, new.name, None, ", ".join(was), ", ".join(now))


def _positional(processor: Processor) -> list[str]:
    return [p.name for p in processor.parameters if not p.keyword_only and not p.variadic]


def _alternatives(annotation: str) -> frozenset[str]:
    """The types that an annotation allows: `Optional[str]` and `Union[str, None]` allow the same."""
    try:
        return frozenset(_members(ast.parse(annotation.strip(), mode="eval").body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset([annotation])


def _members(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _members(node.left)
        yield from _members(node.right)
    elif isinstance(node, ast.Subscript) and _bare(node.value) in ("Optional", "Union", "Literal"):
        kind = _bare(node.value)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for item in items:
            if kind == "Literal":
                yield f"Literal[{ast.unparse(item)}]"
            else:
                yield from _members(item)
        if kind == "Optional":
            yield "None"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _alternatives(node.value)
    else:
        yield ast.unparse(node).removeprefix("typing.")


def _bare(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]
