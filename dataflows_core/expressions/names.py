"""From the names in an expression to the fields of a schema."""

from __future__ import annotations

from dataflows_core.errors import ExpressionError, near_misses
from dataflows_core.expressions.functions import refusal
from dataflows_core.expressions.nodes import Node
from dataflows_core.schema import Schema

__all__ = ["check_cases", "resolve"]

_KEYWORDS = frozenset(("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"))
_KEYWORDS |= {"current_user", "session_user", "user", "current_schema", "current_catalog", "rowid"}


def resolve(text: str, node: Node, schema: Schema) -> tuple[str, ...]:
    """The path that a name stands for: a field, and a member of it if it is a struct (``place.lon``).

    Names are exact: `year` is not `Year`. SQL does not see that difference, so a message says what is near.

    Args:
        text: The expression as it was written, for the message.
        node: The node of the name.
        schema: The fields there are.

    Raises:
        ExpressionError: There is no such field.
    """
    path: tuple[str, ...] = node.value
    name = path[0]
    if name in schema:
        if len(path) == 1:
            return path
        kind = schema.field(name).arrow
        members = [kind.field(i).name for i in range(kind.num_fields)] if hasattr(kind, "field") else []
        if len(path) == 2 and path[1] in members:
            return path
        problem = f"the field {name!r} has no member {path[1]!r}"
        if members:
            problem += f"; it has {', '.join(members)}"
        raise ExpressionError(text, problem, node.position, schema.names)
    if len(path) > 1:
        dotted = ".".join(path)
        remedy = "name the field alone, in double quotes if it has a dot"
        problem = f"the qualified name {dotted} is not allowed: {remedy}"
        raise ExpressionError(text, problem, node.position, schema.names)
    if name.lower() in _KEYWORDS:
        raise ExpressionError(text, refusal(name.lower()), node.position)
    problem = f"there is no field {name!r}"
    same = [field for field in schema.names if field.lower() == name.lower()]
    if close := same or near_misses(name, schema.names):
        written = [field if field.isidentifier() else '"' + field.replace('"', '""') + '"' for field in close]
        problem += f"; did you mean {' or '.join(written)}?"
    raise ExpressionError(text, problem, node.position, schema.names)


def check_cases(text: str, names: frozenset[str], schema: Schema) -> None:
    """Refuse an expression that names two fields that differ only in upper and lower case.

    Raises:
        ExpressionError: It names two such fields.
    """
    seen: dict[str, str] = {}
    for name in sorted(names):
        other = seen.setdefault(name.lower(), name)
        if other != name:
            problem = (
                f"the fields {other!r} and {name!r} differ only in upper and lower case, "
                "so one expression cannot name both; rename one of them first"
            )
            raise ExpressionError(text, problem, None, schema.names)
