"""SQL for the constructs that DuckDB computes as they are: everything but exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dataflows_core.expressions.engine import literal
from dataflows_core.expressions.functions import FUNCTIONS, OPERATORS
from dataflows_core.expressions.nodes import CastType, Typed

__all__ = ["plain", "value_sql"]


def value_sql(value: object) -> str:
    """A literal as SQL; numbers without an exponent, since one with would be a DOUBLE."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return literal(value)
    return f"{Decimal(value):f}" if isinstance(value, int | Decimal) else repr(value)


def plain(node: Typed, args: Sequence[str]) -> str:
    """SQL of one construct, from the SQL of what it is made of."""
    match node.op:
        case "literal":
            return value_sql(node.value)
        case "compare":
            return f"({args[0]} {node.value} {args[1]})"
        case "in":
            return f"({args[0]} IN ({', '.join(args[1:])}))"
        case "between":
            return f"({args[0]} BETWEEN {args[1]} AND {args[2]})"
        case "and" | "or":
            return "(" + f" {node.op.upper()} ".join(args) + ")"
        case "not":
            return f"(NOT {args[0]})"
        case "is null" | "is not null":
            return f"({args[0]} {node.op.upper()})"
        case "case":
            checks = " ".join(f"WHEN {args[i]} THEN {args[i + 1]}" for i in range(0, len(args) - 1, 2))
            return f"(CASE {checks} ELSE {args[-1]} END)"
        case "cast":
            assert isinstance(node.value, CastType)
            return f"{'TRY_CAST' if node.value.attempt else 'CAST'}({args[0]} AS {node.value.name})"
        case "coalesce" | "nullif" | "greatest" | "least":
            return f"{node.op}({', '.join(args)})"
    assert node.op == "call", node.op
    return _call(node.value, args)


def _call(name: str, args: Sequence[str]) -> str:
    if name == "/":
        # Numbers with a point have an infinity, and exact ones have not; division by zero is null in both.
        return f"({args[0]} / nullif({args[1]}, 0))"
    if name in OPERATORS:
        return f"({name}{args[0]})" if len(args) == 1 else f"({f' {name} '.join(args)})"
    return f"{FUNCTIONS[name].name or name}({', '.join(args)})"
