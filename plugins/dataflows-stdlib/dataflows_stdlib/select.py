"""What a SELECT that a flow's author wrote may be made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dataflows_core.errors import ExpressionError, near_misses

__all__ = ["Select", "parse_select"]

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE"})
_TABLES = frozenset({"BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST"})
_MODIFIERS = frozenset({"ORDER_MODIFIER", "LIMIT_MODIFIER", "DISTINCT_MODIFIER"})
_EXPRESSIONS = """
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION OPERATOR STAR SUBQUERY TYPE
    WINDOW
"""
_WORDS = {
    "LAMBDA": "a lambda",
    "PARAMETER": "a parameter ($1, ?)",
    "RECURSIVE_CTE_NODE": "WITH RECURSIVE",
    "SHOW_REF": "DESCRIBE, SHOW or SUMMARIZE",
    "TABLE_FUNCTION": "a table function",
    "LIMIT_PERCENT_MODIFIER": "a LIMIT in per cent",
}
_AGGREGATES = """
    any_value arg_max arg_min array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if
    count_star covar_pop covar_samp first group_concat last list listagg max max_by mean median min min_by
    mode product quantile quantile_cont quantile_disc regr_intercept regr_slope stddev stddev_pop stddev_samp
    string_agg sum var_pop var_samp variance
"""
_WINDOWS = """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_ROWS = frozenset((_AGGREGATES + _WINDOWS).split())
_CONSTRUCTS = frozenset(_EXPRESSIONS.split())
_NOT_COLUMNS = frozenset(
    ("current_role", "current_catalog", "current_schema", "current_user", "session_user", "user")
)
"""What these are is a matter of the system, where no column has the name."""


@dataclass(frozen=True)
class Select:
    """A SELECT that has been checked.

    Attributes:
        text: As it was written.
        tables: The resources that it reads.
        items: For each column of the result, the name of the column that it is, unchanged, if it is one; None
            when that is not known.
    """

    text: str
    tables: tuple[str, ...]
    items: tuple[str | None, ...] | None


def parse_select(text: str, resources: Mapping[str, Iterable[str]]) -> Select:
    """Parse and check a SELECT; nothing of it is run.

    Args:
        text: The statement.
        resources: What may stand behind FROM: the names of fields by the name of their resource.

    Raises:
        ExpressionError: It is no SELECT, or has what may not be in one; the message says what, and where.
    """
    from dataflows_core.expressions.engine import parse_to_json

    if not isinstance(text, str):
        raise ExpressionError(repr(text), "a SELECT statement is expected, as text")
    if not text.strip() or "\0" in text:
        raise ExpressionError(text, "a SELECT statement is expected")
    tree = json.loads(parse_to_json(text))
    if tree["error"]:
        problem = tree.get("error_message", "")
        if "Only SELECT" in problem:
            problem = "it is no SELECT statement, and nothing else is allowed"
        raise ExpressionError(
            text, f"the statement cannot be parsed: {problem}", _offset(tree.get("position"))
        )
    if len(tree["statements"]) != 1:
        raise ExpressionError(text, f"{len(tree['statements'])} statements, and there must be one SELECT")
    node = tree["statements"][0]["node"]
    fields = {field.lower() for names in resources.values() for field in names}
    checker = _Checker(text, {name.lower(): name for name in resources}, fields, set(_named(node)))
    checker.check(node, "node")
    return Select(text, tuple(dict.fromkeys(checker.tables)), _items(node))


def _named(tree: object) -> Iterator[str]:
    """The names that WITH gives."""
    if isinstance(tree, dict):
        for entry in (tree.get("cte_map") or {}).get("map", ()):
            yield entry["key"].lower()
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _named(part)


@dataclass
class _Checker:
    text: str
    known: dict[str, str]
    fields: set[str]
    named: set[str]

    def __post_init__(self) -> None:
        self.tables: list[str] = []

    def fault(self, problem: str, node: dict[str, Any] | None = None) -> ExpressionError:
        return ExpressionError(self.text, problem, _offset(node.get("query_location")) if node else None)

    def check(self, tree: object, key: str) -> None:
        """Check a part of the tree, and all that is in it."""
        if isinstance(tree, list):
            for part in tree:
                self.check(part, key)
        elif isinstance(tree, dict):
            self.known_construct(tree, key)
            if tree.get("sample"):
                raise self.fault("TABLESAMPLE is not allowed: its rows differ from one run to the next", tree)
            if tree.get("function_name"):
                self.function(tree)
            if tree.get("type") == "BASE_TABLE":
                self.table(tree)
            for name, part in tree.items():
                self.check(part, name)

    def known_construct(self, node: dict[str, Any], key: str) -> None:
        kind = node.get("class")
        if kind is not None:
            allowed = kind in _CONSTRUCTS
        else:
            kind = node.get("type")
            if not isinstance(kind, str) or key == "orders":
                return
            allowed = kind in _MODIFIERS if key == "modifiers" else kind in {*_NODES, *_TABLES, *_MODIFIERS}
            if key in {"literal", "cast_type", "sample_size"}:
                return
        if not allowed:
            raise self.fault(f"{_WORDS.get(kind, kind)} is not allowed", node)
        if kind == "COLUMN_REF" and len(node["column_names"]) == 1:
            self.no_function(node)

    def no_function(self, node: dict[str, Any]) -> None:
        """Names such as current_date are functions where no column has them."""
        from dataflows_core.expressions.refusals import REASONS

        name = node["column_names"][0].lower()
        if name in self.fields:
            return
        if name in _NOT_COLUMNS or (name.startswith(("current_", "local")) and name in REASONS):
            raise self.fault(f"{name} is {REASONS.get(name, 'a name of the system')}", node)

    def function(self, node: dict[str, Any]) -> None:
        from dataflows_core.expressions.functions import FUNCTIONS, refusal

        name = node["function_name"].lower()
        path = (node.get("qualified_name") or {}).get("path", [name])
        if len(path) != 1 or node.get("schema") or node.get("catalog"):
            raise self.fault(f"a qualified function name (….{name}) is not allowed", node)
        if name not in FUNCTIONS and name not in _ROWS:
            raise self.fault(refusal(name).replace("an expression", "a SELECT"), node)

    def table(self, node: dict[str, Any]) -> None:
        name = node["table_name"]
        if node.get("schema_name") or node.get("catalog_name") or node.get("at_clause"):
            raise self.fault("a qualified table name is not allowed; name a resource", node)
        if name.lower() in self.known:
            self.tables.append(self.known[name.lower()])
        elif name.lower() not in self.named:
            problem = f"there is no resource {name!r}"
            if close := near_misses(name, self.known.values()):
                problem += f"; did you mean {' or '.join(map(repr, close))}?"
            problem += f"\n  known resources: {', '.join(self.known.values()) or '(none)'}"
            raise self.fault(problem, node)


def _items(node: dict[str, Any]) -> tuple[str | None, ...] | None:
    """The columns that are passed on as they are; None when the list is not known without binding."""
    if node["type"] != "SELECT_NODE":
        return None
    found: list[str | None] = []
    for item in node["select_list"]:
        if item["class"] == "STAR":
            plain = node["from_table"]["type"] == "BASE_TABLE" and len(node["select_list"]) == 1
            return ("*",) if plain and not item.get("replace_list") and not item.get("rename_list") else None
        found.append(item["column_names"][-1] if item["class"] == "COLUMN_REF" else None)
    return tuple(found)


def _offset(position: object) -> int | None:
    """A position in the text, if the parser knows one."""
    try:
        number = int(str(position))
    except ValueError:
        return None
    return number if 0 <= number < 2**32 else None
