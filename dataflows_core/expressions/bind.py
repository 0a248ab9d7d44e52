"""Types for an expression: which fields it names, what each construct gives, and where numbers are exact.

What computes exact numbers is bound here, by rules of our own; for everything else DuckDB is asked, with
nulls of the right types in place of fields. A number that meets a DOUBLE becomes one; a number that meets
text, a date or a truth value is refused, since a conversion that nobody wrote is a surprise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from dataflows_core.errors import ExpressionError
from dataflows_core.expressions.engine import EngineError, literal, run, type_of
from dataflows_core.expressions.functions import FUNCTIONS
from dataflows_core.expressions.names import check_cases, resolve
from dataflows_core.expressions.nodes import EXACT, WHOLE, CastType, Node, Typed, is_literal
from dataflows_core.expressions.render import plain, value_sql
from dataflows_core.expressions.types import duckdb_type
from dataflows_core.schema import NUMBER_SCALE, WIDE_NUMBER_SCALE, Schema

__all__ = ["MOST_SCALE", "Bound", "bind"]

MOST_SCALE = 30
"""The greatest scale of a computed number: eight digits before the point remain."""

_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "idiv", "%": "mod"}
_ARITHMETIC |= {"add": "add", "subtract": "sub", "multiply": "mul", "mod": "mod"}
_SYMBOL = {"add": "+", "subtract": "-", "multiply": "*", "mod": "%"}
_ROUNDING = {"round": "round", "trunc": "trunc", "floor": "floor", "ceil": "ceil", "ceiling": "ceil"}
_TEMPORAL = frozenset(
    {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
)
_NULL = '"NULL"'
_GENERIC_WHOLE = {
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "BIGINT"
    ),
    "UBIGINT": "HUGEINT",
    "HUGEINT": "HUGEINT",
}


@dataclass(frozen=True)
class Bound:
    """One expression, ready to run.

    Attributes:
        text: As it was written.
        root: Its tree.
        fields: The paths of the fields that it names.
        scale: Decimals of the numbers that it divides, rounds and returns.
    """

    text: str
    root: Typed
    fields: frozenset[tuple[str, ...]]
    scale: int


def bind(text: str, node: Node, schema: Schema) -> Bound:
    """Find the fields and the types of an expression.

    Args:
        text: The expression as it was written.
        node: Its tree.
        schema: The fields there are.

    Raises:
        ExpressionError: A field that does not exist, or types that do not go together.
    """
    binder = _Binder(text, schema)
    binder.scale = binder.widest(node)
    root = binder.node(node)
    check_cases(text, frozenset(path[0] for path in binder.fields), schema)
    return Bound(text, root, frozenset(binder.fields), binder.scale)


def _decimals(number: object) -> int:
    if not isinstance(number, Decimal) or not number:
        return 0
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


@dataclass
class _Binder:
    text: str
    schema: Schema
    fields: set[tuple[str, ...]] = field(default_factory=set)
    scale: int = NUMBER_SCALE

    def fault(self, problem: str, node: Node | None = None) -> ExpressionError:
        return ExpressionError(self.text, problem, node.position if node else None)

    def widest(self, node: Node) -> int:
        """12 decimals; as many as a field has if it has more; 21 for a literal with more than 12."""
        if node.op == "literal":
            decimals = _decimals(node.value)
            wide = NUMBER_SCALE if decimals <= NUMBER_SCALE else max(WIDE_NUMBER_SCALE, decimals)
            return min(MOST_SCALE, wide)
        if node.op == "field":
            kind = self.arrow(resolve(self.text, node, self.schema))
            scale = kind.scale if pa.types.is_decimal(kind) else 0
            return min(MOST_SCALE, max(NUMBER_SCALE, scale))
        return max((self.widest(arg) for arg in node.args), default=NUMBER_SCALE)

    def arrow(self, path: tuple[str, ...]) -> pa.DataType:
        kind = self.schema.field(path[0]).arrow
        for member in path[1:]:
            kind = kind.field(member).type
        return kind

    # One method for each op, called by its name.

    def node(self, node: Node) -> Typed:
        method = getattr(self, f"_{node.op.replace(' ', '_')}")
        result: Typed = method(node)
        return result

    def all(self, nodes: Sequence[Node]) -> list[Typed]:
        return [self.node(node) for node in nodes]

    def _literal(self, node: Node) -> Typed:
        value = node.value
        if value is None:
            return Typed("literal", _NULL)
        if isinstance(value, bool):
            return Typed("literal", "BOOLEAN", value=value)
        if isinstance(value, str):
            return Typed("literal", "VARCHAR", value=value)
        if isinstance(value, int):
            return Typed("literal", "BIGINT" if -(2**63) < value < 2**63 else "HUGEINT", value=value)
        return Typed("literal", "DECIMAL", value=value)

    def _field(self, node: Node) -> Typed:
        path = resolve(self.text, node, self.schema)
        kind = duckdb_type(self.arrow(path))
        if kind is None:
            name, arrow = ".".join(path), self.arrow(path)
            what = f"a {self.schema.field(path[0]).type} ({arrow})"
            raise self.fault(f"the field {name!r} is {what}, which no expression can use", node)
        self.fields.add(path)
        return Typed("field", kind, value=path)

    def _and(self, node: Node) -> Typed:
        args = [self.truth(self.node(arg), arg) for arg in node.args]
        return Typed(node.op, "BOOLEAN", tuple(args), safe=_safe(args))

    _or = _and
    _not = _and

    def _is_null(self, node: Node) -> Typed:
        args = self.all(node.args)
        return Typed(node.op, "BOOLEAN", tuple(args), safe=_safe(args))

    _is_not_null = _is_null

    def _compare(self, node: Node) -> Typed:
        _, args = self.together(self.all(node.args), node, "compares")
        return Typed(node.op, "BOOLEAN", tuple(args), node.value, safe=_safe(args))

    _in = _compare
    _between = _compare

    def _case(self, node: Node) -> Typed:
        args = self.all(node.args)
        count = len(args)
        for i in range(0, count - 1, 2):
            args[i] = self.truth(args[i], node.args[i])
        places = [*range(1, count, 2), count - 1]
        kind, values = self.together([args[i] for i in places], node, "has")
        for i, value in zip(places, values, strict=True):
            args[i] = value
        return Typed(
            "case", kind, tuple(args), inexact=any(value.inexact for value in values), safe=_safe(args)
        )

    def _coalesce(self, node: Node) -> Typed:
        return self.choice("coalesce", node)

    def choice(self, op: str, node: Node) -> Typed:
        """One of its arguments: coalesce, greatest, least, nullif."""
        if op == "nullif" and len(node.args) != 2:
            raise self.fault("nullif needs two arguments", node)
        kind, args = self.together(self.all(node.args), node, "has")
        inexact = any(arg.inexact for arg in args)
        return Typed(op, kind, tuple(args), inexact=inexact, safe=_safe(args))

    def _cast(self, node: Node) -> Typed:
        (arg,), cast = self.all(node.args), node.value
        if cast.name in EXACT or cast.name in _GENERIC_WHOLE:
            return self.to_exact(arg, cast, node)
        if cast.name == "DOUBLE" and arg.exact:
            return _converted("to float", "DOUBLE", arg)
        if cast.name == "VARCHAR" and arg.exact:
            return _converted("to text", "VARCHAR", arg)
        if arg.exact:
            if cast.name != "BOOLEAN":
                raise self.fault(f"a number cannot be cast to {cast.name}", node)
            return Typed(
                "compare", "BOOLEAN", (arg, Typed("literal", "BIGINT", value=0)), "<>", safe=arg.safe
            )
        safe = arg.safe and (cast.attempt or cast.name == "VARCHAR" or cast.name == arg.type)
        return self.asked(Typed("cast", cast.name, (arg,), cast, safe=safe), node)

    def to_exact(self, arg: Typed, cast: CastType, node: Node) -> Typed:
        """A cast to a whole number or a DECIMAL loses nothing, or fails."""
        if arg.type not in {*EXACT, "VARCHAR", "DOUBLE", "BOOLEAN", _NULL}:
            raise self.fault(f"{arg.type} cannot be cast to {cast}", node)
        if cast.name == "DECIMAL" and cast.precision is None:
            cast = CastType("DECIMAL", 38, self.scale, cast.attempt)
        kind = _GENERIC_WHOLE.get(cast.name, cast.name)
        return Typed("to exact", kind, (arg,), cast, safe=arg.safe and cast.attempt)

    def _call(self, node: Node) -> Typed:
        name = node.value
        if FUNCTIONS[name].numbers == "exact":
            return self.exact_call(name, node)
        args = self.interval(name, node)
        return self.generic(name, args, node)

    def interval(self, name: str, node: Node) -> list[Typed]:
        """The arguments; in ``INTERVAL '3' DAY`` the text is a number."""
        args = self.all(node.args)
        if name.startswith("to_") and args and is_literal(args[0], str):
            text = args[0].value.strip()
            if not text.lstrip("+-").isdecimal() or len(text) > 18:
                raise self.fault(f"{text!r} is not a whole number of {name[3:]}", node)
            args[0] = Typed("literal", "BIGINT", value=int(text))
        if name == "age" and len(args) != 2:
            raise self.fault("age with one argument gives another result every day; give it two", node)
        return args

    def exact_call(self, name: str, node: Node) -> Typed:
        args = self.all(node.args)
        if name == "if" and len(args) in {2, 3}:
            otherwise = node.args[2] if len(args) == 3 else Node("literal")
            return self._case(Node("case", (*node.args[:2], otherwise), position=node.position))
        if name == "ifnull" and len(args) == 2:
            return self.choice("coalesce", node)
        if name in {"greatest", "least", "nullif"}:
            return self.choice(name, node)
        if name in _ARITHMETIC and len(args) == 2:
            return self.arithmetic(name, args, node)
        known = [arg for arg in args if arg.type != _NULL]
        if not known or not known[0].exact:
            return self.generic(_SYMBOL.get(name, name), args, node)
        if name in {"-", "+"} and len(args) == 1:
            return args[0] if name == "+" else _derived("neg", args)
        if name in {"abs", "@", "sign"} and len(args) == 1:
            return _derived("sign", args, "BIGINT") if name == "sign" else _derived("abs", args)
        if name in _ROUNDING and 1 <= len(args) <= 2:
            return self.rounding(_ROUNDING[name], args, node)
        raise self.fault(f"{name} does not take {len(args)} arguments", node)

    def rounding(self, op: str, args: list[Typed], node: Node) -> Typed:
        digits = args[1].value if len(args) == 2 else 0
        if len(args) == 2 and (op in {"floor", "ceil"} or not is_literal(args[1], int) or abs(digits) > 38):
            raise self.fault(f"{op}: the number of digits must be a whole literal from -38 to 38", node)
        number = args[0]
        whole = number.type if number.type in WHOLE else "HUGEINT"
        kind = whole if digits <= 0 or number.type in WHOLE else "DECIMAL"
        return Typed(op, kind, (number,), digits, safe=number.safe)

    def arithmetic(self, name: str, args: list[Typed], node: Node) -> Typed:
        op, kinds = _ARITHMETIC[name], {arg.type for arg in args} - {_NULL}
        if (
            "VARCHAR" in kinds
            and name in {"+", "-", "*", "/", "//", "%"}
            and kinds & {*EXACT, "VARCHAR", "DOUBLE"}
        ):
            raise self.fault(f"{name} computes with text; cast it to a number, or join texts with ||", node)
        if not kinds or not kinds <= EXACT:
            if op == "idiv":
                raise self.fault("// divides whole and decimal numbers; write floor(a / b) for others", node)
            return self.generic(_SYMBOL.get(name, name), args, node)
        args = [Typed("literal", "BIGINT") if arg.type == _NULL else arg for arg in args]
        if op == "div":
            return Typed(op, "DECIMAL", tuple(args), self.scale, inexact=True, safe=_safe(args))
        if op == "idiv":
            return Typed(op, "HUGEINT" if kinds != {"BIGINT"} else "BIGINT", tuple(args), safe=_safe(args))
        return _derived(op, args)

    def generic(self, name: str, args: list[Typed], node: Node) -> Typed:
        """A function or operator that DuckDB computes; its exact numbers are handed over as it takes them."""
        if any(arg.type == "STRUCT" for arg in args):
            raise self.fault(
                f"{name} does not take a field with members; name one of them, as in place.lon", node
            )
        how = FUNCTIONS[name].numbers
        if how == "exact":
            how = "float" if any(arg.type == "DOUBLE" for arg in args) else "duckdb"
        ways = {"float": ("float",), "text": ("text",), "duckdb": ("BIGINT", "INTEGER", "float")}[how]
        first: EngineError | None = None
        for way in ways:
            handed = [_handed(arg, way, self.scale) for arg in args]
            unsafe = way == "INTEGER" and handed != args
            typed = Typed(
                "call", "", tuple(handed), name, safe=_safe(handed) and FUNCTIONS[name].safe and not unsafe
            )
            try:
                return self.found(typed, type_of(_sample(typed)))
            except EngineError as error:
                first = first or error
            if handed == args:
                break
        raise self.fault(f"{name}: {first}", node)

    def asked(self, typed: Typed, node: Node) -> Typed:
        try:
            return self.found(typed, type_of(_sample(typed)))
        except EngineError as error:
            raise self.fault(str(error), node) from error

    def found(self, typed: Typed, kind: str) -> Typed:
        """The node with the type that DuckDB gave it; a number it computed becomes exact from there on."""
        kind = "DOUBLE" if kind == "FLOAT" else kind
        typed = Typed(typed.op, kind, typed.args, typed.value, safe=typed.safe)
        if kind in _GENERIC_WHOLE or (kind.startswith("DECIMAL(") and not kind.endswith("]")):
            return Typed("from duckdb", _GENERIC_WHOLE.get(kind, "DECIMAL"), (typed,), kind, safe=typed.safe)
        return typed

    def truth(self, arg: Typed, node: Node) -> Typed:
        if arg.type not in {"BOOLEAN", _NULL}:
            raise self.fault(f"a condition is needed here, true or false, and this is {arg.type}", node)
        return arg

    def together(self, args: list[Typed], node: Node, verb: str) -> tuple[str, list[Typed]]:
        """The one type that values have which meet in a comparison, or stand in for each other."""
        kinds = {arg.type for arg in args} - {_NULL}
        if kinds <= EXACT and kinds:
            return _widest(kinds), [Typed("literal", "BIGINT") if arg.type == _NULL else arg for arg in args]
        if kinds <= {*EXACT, "DOUBLE"} and kinds:
            return "DOUBLE", [_converted("to float", "DOUBLE", arg) if arg.exact else arg for arg in args]
        if len(kinds) <= 1:
            return next(iter(kinds), _NULL), args
        rest = {arg.type for arg in args if not is_literal(arg, str)} - {_NULL}
        if kinds & {*EXACT, "DOUBLE"}:
            other = next(iter(sorted(kinds - EXACT - {"DOUBLE"})))
            remedy = "write the number without quotes" if "VARCHAR" not in rest else "cast one of them"
            raise self.fault(
                f"the expression {verb} a number and {_said(other)} in one place; {remedy}", node
            )
        if not rest <= _TEMPORAL and len(rest) > 1:
            both = " and ".join(sorted(map(_said, rest)))
            raise self.fault(f"the expression {verb} {both} in one place; cast one of them", node)
        typed = Typed("coalesce", "", tuple(args))
        kind = self.asked(typed, node).type
        for arg in args:
            if is_literal(arg, str) and kind != "VARCHAR":
                self.readable(arg, kind, node)
        return kind, args

    def readable(self, arg: Typed, kind: str, node: Node) -> None:
        """A text that stands for a date must be one; better said now than at the first row."""
        try:
            run(f"SELECT CAST({literal(arg.value)} AS {kind})")
        except EngineError as error:
            raise self.fault(str(error), node) from error


def _said(kind: str) -> str:
    return {"VARCHAR": "text"}.get(kind, kind)


def _widest(kinds: set[str]) -> str:
    return next(kind for kind in ("DECIMAL", "HUGEINT", "BIGINT") if kind in kinds)


def _safe(args: Sequence[Typed]) -> bool:
    return all(arg.safe for arg in args)


def _derived(op: str, args: Sequence[Typed], kind: str = "") -> Typed:
    kinds = {arg.type for arg in args}
    kind = kind or _widest(kinds)
    inexact = any(arg.inexact for arg in args) and op != "sign"
    return Typed(op, kind, tuple(args), inexact=inexact, safe=_safe(args))


def _converted(op: str, kind: str, arg: Typed, value: object = None, *, safe: bool = True) -> Typed:
    return Typed(op, kind, (arg,), value, safe=safe and arg.safe)


def _handed(arg: Typed, way: str, scale: int) -> Typed:
    if not arg.exact:
        return arg
    if way == "text":
        return _converted("to text", "VARCHAR", arg)
    if way == "float":
        return _converted("to float", "DOUBLE", arg)
    if arg.type == "DECIMAL":
        return _converted("to decimal", f"DECIMAL(38,{scale})", arg, scale, safe=False)
    return _converted("to whole", way, arg, safe=arg.type == "BIGINT" and way == "BIGINT")


def _sample(node: Typed) -> str:
    """A query for the type of a construct, whose parts are nulls; literals stay, since some must be.

    The nulls come from a subquery: DuckDB gives other types to constructs that are constant.
    """
    parts: list[str] = []

    def sample(arg: Typed) -> str:
        if arg.op == "literal":
            return value_sql(arg.value)
        if arg.op == "to whole" and is_literal(arg.args[0], int):
            return value_sql(arg.args[0].value)
        parts.append(f"CAST(NULL AS {arg.type}) AS a{len(parts)}")
        return f"a{len(parts) - 1}"

    sql = plain(node, [sample(arg) for arg in node.args])
    nulls = ", ".join(parts)
    return f"SELECT {sql} FROM (SELECT {nulls})" if parts else f"SELECT {sql}"  # noqa: S608 - SQL of ours
