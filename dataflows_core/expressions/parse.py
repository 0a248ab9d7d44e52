"""Text to a tree of allowed constructs, by DuckDB's own parser.

The parser gives the syntax as JSON and runs nothing. Every class of node, and every key of it, must be
one that is known here; anything else is refused by its name. The result is a tree of our own, from which
SQL is written anew: the text of the author never runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from dataflows_core.errors import ExpressionError
from dataflows_core.expressions.functions import FUNCTIONS, OPERATORS, refusal
from dataflows_core.expressions.nodes import CastType, Node, is_literal
from dataflows_core.expressions.scan import MOST_DEPTH, STATEMENT, scan

__all__ = ["parse_expression"]

_PREFIX = "SELECT "
_NOWHERE = 2**64 - 1
_PLAIN = ("class", "type", "alias", "query_location", "query_location_length")
_MODIFIERS = {
    "LIMIT_MODIFIER": "LIMIT",
    "LIMIT_PERCENT_MODIFIER": "LIMIT",
    "ORDER_MODIFIER": "ORDER BY",
    "DISTINCT_MODIFIER": "DISTINCT",
}
_CLAUSES = {
    "where_clause": "WHERE",
    "group_expressions": "GROUP BY",
    "group_sets": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "sample": "USING SAMPLE",
}
_CONSTRUCTS = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function (OVER)",
    "STAR": "a star or COLUMNS(…)",
    "LAMBDA": "a lambda or an arrow (->)",
    "PARAMETER": "a parameter",
    "POSITIONAL_REFERENCE": "a position instead of a field (#1)",
    "DEFAULT": "DEFAULT",
    "COLLATE": "COLLATE",
    "ARRAY_SLICE": "a slice",
    "OPERATOR_TRY": "TRY(…)",
    "GROUPING_FUNCTION": "GROUPING",
    "STRUCT_EXTRACT": "a member of a computed struct",
    "OPERATOR_UNPACK": "UNPACK",
}
_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
_TYPES = {
    **dict.fromkeys(("BOOLEAN", "BOOL", "LOGICAL"), "BOOLEAN"),
    **dict.fromkeys(("TINYINT", "INT1"), "TINYINT"),
    **dict.fromkeys(("SMALLINT", "INT2", "SHORT"), "SMALLINT"),
    **dict.fromkeys(("INTEGER", "INT", "INT4", "SIGNED"), "INTEGER"),
    **dict.fromkeys(("BIGINT", "INT8", "LONG"), "BIGINT"),
    **dict.fromkeys(("HUGEINT", "INT128"), "HUGEINT"),
    **dict.fromkeys(("DECIMAL", "NUMERIC", "DEC"), "DECIMAL"),
    **dict.fromkeys(("DOUBLE", "FLOAT8", "FLOAT", "FLOAT4", "REAL"), "DOUBLE"),
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR", "NVARCHAR"), "VARCHAR"),
    "DATE": "DATE",
    "TIME": "TIME",
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), "TIMESTAMP"),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), "TIMESTAMP WITH TIME ZONE"),
    "INTERVAL": "INTERVAL",
}


def parse_expression(text: str) -> Node:
    """Parse and check one SQL scalar expression; nothing of it is run.

    Args:
        text: The expression, at most 10,000 characters.

    Raises:
        ExpressionError: It cannot be parsed, or has a construct that is not allowed; the message names it.

    Examples:
        >>> parse_expression("Year >= 1990").op
        'compare'
    """
    scan(text)
    item = _select_item(text, _serialized(text))
    return _Reader(text).expression(item, 0)


def _serialized(text: str) -> dict[str, Any]:
    from dataflows_core.expressions.engine import parse_to_json

    try:
        tree: dict[str, Any] = json.loads(parse_to_json(_PREFIX + text))
    except RecursionError:
        raise ExpressionError(text, f"nested deeper than {MOST_DEPTH} levels") from None
    if tree["error"]:
        problem = f"the expression cannot be parsed: {tree.get('error_message', '')}"
        if "expression depth" in problem:
            problem = f"nested deeper than {MOST_DEPTH} levels"
        elif statement := STATEMENT.match(text):
            problem = f"{statement[1].upper()} begins a statement, and this must be an expression; {problem}"
        raise ExpressionError(text, problem, _characters(text, tree.get("position")))
    return tree


def _select_item(text: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The one expression of the one SELECT, which has nothing else."""
    statements = tree["statements"]
    if len(statements) != 1:
        raise ExpressionError(text, f"{len(statements)} statements, and this must be one expression")
    node = statements[0]["node"]
    if node["type"] != "SELECT_NODE":
        raise ExpressionError(
            text, "a set operation (UNION, EXCEPT, INTERSECT) is not allowed in an expression"
        )
    if len(node["select_list"]) != 1:
        raise ExpressionError(text, "a list separated by commas, and this must be one expression")
    for modifier in node["modifiers"]:
        name = _MODIFIERS.get(modifier["type"], modifier["type"])
        raise ExpressionError(text, f"{name} is not allowed in an expression")
    if node["from_table"]["type"] != "EMPTY":
        raise ExpressionError(
            text, "FROM is not allowed in an expression: it reads the fields of its own row"
        )
    for key, name in _CLAUSES.items():
        if node.get(key):
            raise ExpressionError(text, f"{name} is not allowed in an expression")
    if node["cte_map"]["map"] or node.get("aggregate_handling") != "STANDARD_HANDLING":
        raise ExpressionError(text, "WITH or GROUP BY is not allowed in an expression")
    known = {*_CLAUSES, "type", "select_list", "modifiers", "from_table", "cte_map", "aggregate_handling"}
    if more := [key for key, value in node.items() if key not in known and value]:
        raise ExpressionError(text, f"{more[0]} is not allowed in an expression")
    item: dict[str, Any] = node["select_list"][0]
    return item


def _characters(text: str, offset: Any) -> int | None:
    """A position in `text`, from an offset in bytes into what the parser read."""
    try:
        number = int(offset) - len(_PREFIX)
    except (TypeError, ValueError):
        return None
    if not 0 <= number <= len(text.encode()):
        return None
    return len(text.encode()[:number].decode(errors="ignore"))


class _Reader:
    """Reads the parser's nodes, one method per class of them."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fault(self, problem: str, node: Mapping[str, Any] | None = None) -> ExpressionError:
        position = _characters(self.text, node.get("query_location")) if node else None
        return ExpressionError(self.text, problem, position)

    def expression(self, node: dict[str, Any], depth: int) -> Node:
        if depth > MOST_DEPTH:
            raise self.fault(f"nested deeper than {MOST_DEPTH} levels", node)
        kind = node["class"]
        for name in (kind, node["type"]):
            if name in _CONSTRUCTS:
                raise self.fault(f"{_CONSTRUCTS[name]} is not allowed in an expression", node)
        if node.get("alias"):
            problem = f"an alias ({node['alias']!r}) is not allowed in an expression"
            if statement := STATEMENT.match(self.text):
                problem = f"{statement[1].upper()} begins a statement, and this must be an expression"
            raise self.fault(problem, node)
        reader = _READERS.get(kind)
        if reader is None:
            raise self.fault(f"{kind} ({node['type']}) is not allowed in an expression", node)
        method, keys = reader
        for key, value in node.items():
            # A key that is not known may change the meaning; without a value it cannot.
            if key not in _PLAIN and key not in keys and value:
                raise self.fault(f"{key} is not allowed in an expression", node)
        result = method(self, node, depth + 1)
        return replace(result, position=_characters(self.text, node.get("query_location")))

    def all(self, nodes: list[dict[str, Any]], depth: int) -> tuple[Node, ...]:
        return tuple(self.expression(node, depth) for node in nodes)

    def constant(self, node: dict[str, Any], depth: int) -> Node:  # noqa: ARG002 - all readers are called alike
        kind, text = node["literal"]["kind"], node["literal"]["text"]
        if kind == "NULL_LITERAL":
            return Node("literal")
        if kind == "BOOLEAN":
            return Node("literal", value=text.lower() == "true")
        if kind == "STRING":
            return Node("literal", value=text)
        if kind not in {"INTEGER", "NUMERIC"}:
            raise self.fault(f"a literal of the kind {kind} is not allowed in an expression", node)
        return Node("literal", value=self.number(node, text.replace("_", "")))

    def number(self, node: dict[str, Any], text: str) -> int | Decimal:
        number = Decimal(text)
        # Far exponents are refused before anything writes their digits out.
        if abs(number.adjusted()) <= 40:
            _, digits, exponent = number.normalize().as_tuple()
            assert isinstance(exponent, int)
            if len(digits) + max(exponent, 0) <= 38 and -exponent <= 38:
                return int(number) if node["literal"]["kind"] == "INTEGER" else number
        elif not number:
            return Decimal(0)
        raise self.fault(f"the number {text} has more than the 38 digits that a number may have", node)

    def column(self, node: dict[str, Any], depth: int) -> Node:  # noqa: ARG002
        return Node("field", value=tuple(node["column_names"]))

    def function(self, node: dict[str, Any], depth: int) -> Node:
        name = node["function_name"].lower()
        if node["schema"] or node["catalog"] or len(node["qualified_name"]["path"]) != 1:
            raise self.fault(
                f"a qualified or chained function name (….{name}) is not allowed in an expression", node
            )
        if node["filter"]:
            raise self.fault(f"FILTER is not allowed in an expression: {refusal(name)}", node)
        if node["distinct"]:
            raise self.fault(f"DISTINCT is not allowed in an expression: {refusal(name)}", node)
        if node["order_bys"]["orders"]:
            raise self.fault(f"ORDER BY is not allowed in an expression: {refusal(name)}", node)
        if name not in FUNCTIONS or (
            node["is_operator"] and name not in OPERATORS and not name.endswith("_escape")
        ):
            raise self.fault(refusal(name), node)
        for argument in node["arguments"]:
            if argument["name"]:
                raise self.fault(
                    f"a named argument ({argument['name']!r}) is not allowed in an expression", node
                )
        arguments = [_without_wrapping(name, argument["expression"]) for argument in node["arguments"]]
        args = self.all(arguments, depth)
        for position, meaning in FUNCTIONS[name].literals.items():
            if position < len(args) and args[position].op != "literal":
                raise self.fault(f"{name}: {meaning} must be a literal", node)
        return Node("call", args, name)

    def case(self, node: dict[str, Any], depth: int) -> Node:
        args: list[Node] = []
        for check in node["case_checks"]:
            args += self.all([check["when_expr"], check["then_expr"]], depth)
        return Node("case", (*args, self.expression(node["else_expr"], depth)))

    def cast(self, node: dict[str, Any], depth: int) -> Node:
        target = node["type_expr"]
        name = str(target.get("type_name", "")).upper()
        if target.get("catalog") or target.get("schema") or len(target["qualified_name"]["path"]) != 1:
            raise self.fault(f"a cast to the qualified type {name} is not allowed", node)
        if name not in _TYPES:
            raise self.fault(f"a cast to the type {name or target['type']} is not allowed", node)
        kind, sizes = _TYPES[name], self.all(target["children"], depth)
        if (
            any(not is_literal(size, int) for size in sizes)
            or (sizes and kind != "DECIMAL")
            or len(sizes) > 2
        ):
            raise self.fault(f"a size of the type {name} is not allowed", node)
        cast = CastType(kind, attempt=bool(node["try_cast"]))
        if sizes:
            precision, scale = sizes[0].value, sizes[1].value if len(sizes) == 2 else 0
            if not (1 <= precision <= 38 and 0 <= scale <= precision):
                raise self.fault(f"DECIMAL({precision},{scale}) is not possible: at most 38 digits", node)
            cast = replace(cast, precision=precision, scale=scale)
        return Node("cast", (self.expression(node["child"], depth),), cast)

    def comparison(self, node: dict[str, Any], depth: int) -> Node:
        if node["type"] not in _COMPARISONS:
            raise self.fault(f"the comparison {node['type']} is not allowed in an expression", node)
        return Node("compare", self.all([node["left"], node["right"]], depth), _COMPARISONS[node["type"]])

    def conjunction(self, node: dict[str, Any], depth: int) -> Node:
        op = {"CONJUNCTION_AND": "and", "CONJUNCTION_OR": "or"}[node["type"]]
        return Node(op, self.all(node["children"], depth))

    def between(self, node: dict[str, Any], depth: int) -> Node:
        return Node("between", self.all([node["input"], node["lower"], node["upper"]], depth))

    def operator(self, node: dict[str, Any], depth: int) -> Node:
        kind, args = node["type"], self.all(node["children"], depth)
        if kind == "COMPARE_NOT_IN":
            return Node("not", (Node("in", args),))
        if kind == "ARRAY_EXTRACT":
            return Node("call", args, "list_extract")
        if kind not in _OPERATIONS:
            raise self.fault(f"the operator {kind} is not allowed in an expression", node)
        return Node(_OPERATIONS[kind], args)


_OPERATIONS = {
    "COMPARE_IN": "in",
    "OPERATOR_NOT": "not",
    "OPERATOR_IS_NULL": "is null",
    "OPERATOR_IS_NOT_NULL": "is not null",
    "OPERATOR_COALESCE": "coalesce",
}
_FUNCTION_KEYS = {
    *("function_name", "schema", "catalog", "filter", "order_bys", "distinct", "is_operator", "arguments"),
    "qualified_name",
}
_READERS: dict[str, tuple[Callable[[_Reader, dict[str, Any], int], Node], set[str]]] = {
    "CONSTANT": (_Reader.constant, {"literal"}),
    "COLUMN_REF": (_Reader.column, {"column_names"}),
    "FUNCTION": (_Reader.function, _FUNCTION_KEYS),
    "CASE": (_Reader.case, {"case_checks", "else_expr"}),
    "CAST": (_Reader.cast, {"child", "try_cast", "type_expr"}),
    "COMPARISON": (_Reader.comparison, {"left", "right"}),
    "CONJUNCTION": (_Reader.conjunction, {"children"}),
    "BETWEEN": (_Reader.between, {"input", "lower", "upper"}),
    "OPERATOR": (_Reader.operator, {"children"}),
}


def _without_wrapping(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """The argument of ``INTERVAL 3 DAY`` without the casts through DOUBLE that the parser wraps it in."""
    while name.startswith("to_") and node.get("query_location") == _NOWHERE:
        if node["class"] == "CAST":
            node = node["child"]
        elif node["class"] == "FUNCTION" and node["function_name"] == "trunc":
            node = node["arguments"][0]["expression"]
        else:
            break
    return node
