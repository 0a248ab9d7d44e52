"""Schema drift: what becomes of fields that one table has and another lacks, wherever rows of both meet.

One policy for concatenation, unions, what is kept of an earlier run, and tables that are appended to:

| `on_drift` | fields of the result | what is missing |
|---|---|---|
| ``"error"`` | those known, if the new rows have just these | is an error that says what differs |
| ``"add"`` | those known, then those that are new | is null |
| ``"drop"`` | those that both have | |
| ``"ignore"`` | those known | is null; fields that are new are left out |

Whatever the policy, the types of a field that both have are unified (`dataflows_core.unify`), and the rows
are fitted to the result (`dataflows_core.fit`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from dataflows_core.errors import FlowError, SchemaError, near_misses
from dataflows_core.schema import Field, Schema
from dataflows_core.unify import unify

__all__ = ["OnDrift", "check_on_drift", "meet"]

OnDrift: TypeAlias = Literal["error", "add", "drop", "ignore"]
"""What becomes of fields that one table has and another lacks; see the module."""

_POLICIES = ("error", "add", "drop", "ignore")


def check_on_drift(policy: object) -> None:
    """See that a policy is one.

    Raises:
        FlowError: It is none; near misses are named.
    """
    if policy in _POLICIES:
        return
    message = f"on_drift is {policy!r}, and not one of {', '.join(_POLICIES)}"
    if close := near_misses(str(policy), _POLICIES):
        message += f"; did you mean {' or '.join(map(repr, close))}?"
    raise FlowError(message)


def meet(
    known: Schema,
    new: Schema,
    on_drift: OnDrift,
    *,
    names: tuple[str, str],
    offered: tuple[OnDrift, ...] = ("add", "drop", "ignore"),
) -> Schema:
    """The schema of the rows of two tables together.

    Args:
        known: The schema of the first, or of what is there already.
        new: The schema of what comes to it.
        on_drift: The policy.
        names: What messages call the two.
        offered: The policies that messages offer in place of ``"error"``.

    Returns:
        Fields as the module says. Of what fields and schemas say besides their type, that is kept
        which both say; titles and descriptions are those of the first that has them.

    Raises:
        SchemaError: A field that only one has, with the policy ``"error"``, or types that cannot be unified.

    Examples:
        >>> a = Schema((Field({"name": "n", "type": "integer"}),))
        >>> b = Schema((Field({"name": "n", "type": "number"}), Field({"name": "note"})))
        >>> [(field.name, field.type) for field in meet(a, b, "add", names=("a", "b"))]
        [('n', 'number'), ('note', 'string')]
    """
    check_on_drift(on_drift)
    missing = [name for name in known.names if name not in new]
    added = [name for name in new.names if name not in known]
    if on_drift == "error" and (missing or added):
        raise SchemaError(_difference(missing, added, names, offered))
    fields = []
    for field in known:
        if field.name in new:
            fields.append(unify(field, new.field(field.name), names=names))
        elif on_drift != "drop":
            fields.append(_optional(field))
    if on_drift == "add":
        fields += [_optional(new.field(name)) for name in added]
    said = {key: value for key, value in known.properties.items() if new.properties.get(key) == value}
    kept = Schema(known.fields, said)
    if on_drift == "drop":
        kept = kept.drop(missing)
    return Schema(tuple(fields), kept.properties)


def _difference(
    missing: list[str], added: list[str], names: tuple[str, str], offered: tuple[OnDrift, ...]
) -> str:
    parts = []
    if added:
        parts.append(f"has {', '.join(map(repr, added))}, which {names[0]} has not")
    if missing:
        parts.append(f"lacks {', '.join(map(repr, missing))}, which {names[0]} has")
    message = f"{names[1]} {', and '.join(parts)}"
    for name in added:
        if close := near_misses(name, missing, most=1):
            message += f"\n  is {name!r} the same as {close[0]!r}? rename_fields makes it so"
    *others, last = (f'"{policy}"' for policy in offered)
    return f"{message}\n  on_drift={', '.join(others)} or {last} says what becomes of such fields"


def _optional(field: Field) -> Field:
    """The field where rows may lack it."""
    constraints = {k: v for k, v in field.constraints.items() if k != "required"}
    return field.update(constraints=constraints or None) if "required" in field.constraints else field
