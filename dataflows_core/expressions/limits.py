"""How much longer than a row an expression may make a text.

One row must not become a gigabyte: `x || x || …`, `replace(…)` with a long replacement and `lpad(…, n)` are
measured before they run. A text's length is bounded by ``constant + factor × (length of the row's texts)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataflows_core.errors import ExpressionError
from dataflows_core.expressions.functions import FUNCTIONS
from dataflows_core.expressions.nodes import Node, is_literal

__all__ = ["MOST_FACTOR", "MOST_PADDING", "check_growth"]

MOST_PADDING = 1000
"""The greatest length that lpad and rpad may be given."""
MOST_FACTOR = 128
"""How many times as long as its row a text may become."""
_MOST_CONSTANT = 20_000
_NUMBER = 40
_CHOICES = frozenset(("greatest", "least", "nullif", "ifnull", "if"))


@dataclass(frozen=True)
class _Growth:
    constant: int = 0
    factor: int = 0

    def __add__(self, other: _Growth) -> _Growth:
        return _Growth(self.constant + other.constant, self.factor + other.factor)

    def times(self, factor: int) -> _Growth:
        return _Growth(self.constant * factor, self.factor * factor)


def check_growth(text: str, node: Node) -> None:
    """Refuse an expression that multiplies memory.

    Args:
        text: The expression as it was written, for the message.
        node: Its tree.

    Raises:
        ExpressionError: A text could become too long.
    """
    _growth(text, node)


def _growth(text: str, node: Node) -> _Growth:
    if node.op == "literal":
        return _Growth(len(node.value) if isinstance(node.value, str) else 0)
    if node.op == "field":
        return _Growth(0, 1)
    parts = [_growth(text, arg) for arg in node.args]
    if node.op in {"case", "coalesce"}:
        chosen = parts[1:-1:2] + parts[-1:] if node.op == "case" else parts
        return _Growth(max(part.constant for part in chosen), max(part.factor for part in chosen))
    if node.op not in {"call", "cast"}:
        return _Growth()
    if (
        node.op == "call"
        and node.value not in _CHOICES
        and FUNCTIONS[node.value].numbers in {"exact", "float"}
    ):
        return _Growth(_NUMBER)
    total = sum(parts, _Growth())
    if node.op == "call" and parts:
        total = _call(text, node, parts, total)
    if total.factor > MOST_FACTOR or total.constant > _MOST_CONSTANT:
        name = node.value if node.op == "call" else node.op
        problem = (
            f"{name} would multiply memory: a text may become {MOST_FACTOR} times as long as its row, "
            f"or {_MOST_CONSTANT} characters longer"
        )
        raise ExpressionError(text, problem, node.position)
    return total


def _call(text: str, node: Node, parts: list[_Growth], total: _Growth) -> _Growth:
    name, args = node.value, node.args
    if name in {"lpad", "rpad"}:
        length = args[1].value if len(args) > 1 and is_literal(args[1], int) else -1
        if not 0 <= length <= MOST_PADDING:
            problem = (
                f"{name}: the length must be a literal from 0 to {MOST_PADDING}, or it multiplies memory"
            )
            raise ExpressionError(text, problem, node.position)
        return _Growth(4 * length)
    if name in {"replace", "regexp_replace"} and len(args) > 2:
        search, replacement = args[1], args[2]
        length = len(replacement.value) if is_literal(replacement, str) else 0
        found = len(search.value) if name == "replace" and is_literal(search, str) else 1
        # A pattern may match between all characters, and then nothing is taken away.
        more = name == "regexp_replace"
        return parts[0].times(max(1, -(-length // max(found, 1)) + more))
    if name in {"array_to_string", "concat_ws"}:
        separator = args[0] if name == "concat_ws" else args[-1]
        length = len(separator.value) if is_literal(separator, str) else 0
        # Each item may be one character long, and is followed by a separator.
        return total.times(1 + length) if name == "array_to_string" else total + _Growth(length * len(args))
    if name == "strftime":
        return _Growth(16 * sum(part.constant for part in parts))
    return total
