"""Fields from expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.steps import Step

__all__ = ["compute"]


def compute(
    columns: Mapping[str, str | Mapping[str, Any]] | None = None,
    /,
    resources: ResourceSelector = None,
    **more_columns: str | Mapping[str, Any],
) -> Step:
    """Add typed fields, each from a SQL expression over the fields of its row.

    An expression is one SQL scalar expression (DuckDB's dialect): fields, literals, operators, functions
    of one row. Field names with blanks or other signs stand in double quotes, texts in single ones. The
    new fields are typed by their expressions; decimals stay exact, and a division is rounded half-even at
    the field's scale. All expressions see the fields as they were before; one that has the name of a
    field replaces it.

    Args:
        columns: Expressions by field name, for names that cannot be written as a parameter.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        **more_columns: Expressions by field name. Instead of an expression, a mapping with `expression`
            and field properties (`type`, `title` …) casts the values to that type, exactly or not at all.

    Raises:
        ExpressionError: An expression cannot be parsed, names an unknown field, or is not allowed.
        FlowError: No column is given.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"quantity": 121, "unit price": "495.44"}]
        >>> Flow(rows, compute(label="quantity || ' pieces'")).results().rows
        [[{'quantity': 121, 'unit price': '495.44', 'label': '121 pieces'}]]
        >>> flow = Flow(rows, compute({"in words": "upper('no. ' || quantity)"}))
        >>> flow.results().rows[0][0]["in words"]
        'NO. 121'
    """
    given = {**(columns or {}), **more_columns}
    if not given:
        raise FlowError('compute() needs at least one column, such as compute(total="quantity * price")')
    expressions: dict[str, str] = {}
    types: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        properties = {"expression": value} if isinstance(value, str) else dict(value)
        expression = properties.pop("expression", None)
        if not isinstance(expression, str):
            raise FlowError(
                f"column {name!r} needs an expression as text, or a mapping that has one as `expression`"
            )
        expressions[name] = expression
        if properties:
            types[name] = properties

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            resource.map_sql(columns=expressions, types=types)

    return step
