"""The tree of an expression, before and after its types are known.

`parse` makes `Node`s out of text, `bind` makes `Typed` nodes out of them and a schema, `emit` makes SQL
out of those, and `exact` computes in Python what that SQL could not hold. Both kinds are plain values: they
pickle, and hold no object of the engine.

Types are named as DuckDB names them. Three of them are *exact numbers*, whose values are decimals without
limits while an expression is computed, whatever holds them: ``BIGINT`` and ``HUGEINT`` (whole numbers that
end up as int64, or as decimal128(38, 0)) and ``DECIMAL``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["EXACT", "WHOLE", "CastType", "Node", "Typed", "is_literal"]

WHOLE = frozenset({"BIGINT", "HUGEINT"})
"""The exact types without decimals."""
EXACT = WHOLE | {"DECIMAL"}
"""The exact types."""


@dataclass(frozen=True)
class Node:
    """One construct of an expression, as it was written and allowed.

    Attributes:
        op: ``literal``, ``field``, ``call``, ``case``, ``cast``, ``compare``, ``in``, ``between``, ``and``,
            ``or``, ``not``, ``is null``, ``is not null`` or ``coalesce``.
        args: What it is made of, in order; a ``case`` has condition, value, …, and the value for else.
        value: The literal's value, the field's path, the function's name, the comparison, the `CastType`.
        position: Where it stands in the text, in characters from 0; None when nothing says so.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Any = None
    position: int | None = None


@dataclass(frozen=True)
class CastType:
    """What a cast leads to.

    Attributes:
        name: DuckDB's name of the type.
        precision: Digits of a DECIMAL; None when the author wrote none.
        scale: Decimals of a DECIMAL.
        attempt: Whether a value that cannot be cast becomes null (``try_cast``).
    """

    name: str
    precision: int | None = None
    scale: int = 0
    attempt: bool = False

    def __str__(self) -> str:
        return self.name if self.precision is None else f"{self.name}({self.precision},{self.scale})"


@dataclass(frozen=True)
class Typed:
    """One construct of an expression whose type is known.

    Attributes:
        op: As of a `Node`, or one of the operations on exact numbers: ``add``, ``sub``, ``mul``, ``div``,
            ``idiv``, ``mod``, ``neg``, ``abs``, ``sign``, ``round``, ``trunc``, ``floor``, ``ceil``; or a
            conversion: ``to exact``, ``to text``, ``to float``, ``to whole``, ``to decimal`` and
            ``from duckdb``.
        type: DuckDB's name of the type of its values.
        args: What it is made of.
        value: As of a `Node`; the number of digits for ``round`` and ``trunc``.
        inexact: Whether a quotient is in it, so that its values are rounded already.
        safe: Whether it can be computed for any row without an error.
    """

    op: str
    type: str
    args: tuple[Typed, ...] = ()
    value: Any = None
    inexact: bool = False
    safe: bool = True

    @property
    def exact(self) -> bool:
        """Whether its values are exact numbers."""
        return self.type in EXACT

    def walk(self) -> Iterator[Typed]:
        """This node and all below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()


def is_literal(node: Node | Typed, kind: type | tuple[type, ...]) -> bool:
    """Whether the node is a literal whose value is of that Python type; a truth value is no number."""
    if node.op != "literal" or not isinstance(node.value, kind):
        return False
    return not isinstance(node.value, bool) or kind is bool
