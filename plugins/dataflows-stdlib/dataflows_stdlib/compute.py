"""Fields from expressions and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.schema import Field
from dataflows_core.steps import Step
from dataflows_stdlib.fields import add_valued
from dataflows_stdlib.match import free_field
from dataflows_stdlib.properties import check_properties

__all__ = ["compute"]

Value = str | Callable[[dict[str, Any]], object]
"""What a field is made of: a SQL expression, or a function of a row."""


def compute(
    columns: Mapping[str, Value | Mapping[str, Any]] | None = None,
    /,
    resources: ResourceSelector = None,
    **more_columns: Value | Mapping[str, Any],
) -> Step:
    """Add typed fields, each from a SQL expression over the fields of its row.

    An expression is one SQL scalar expression (DuckDB's dialect): fields, literals, operators, functions
    of one row. Field names with blanks or other signs stand in double quotes, texts in single ones. The
    new fields are typed by their expressions; decimals stay exact, and a division is rounded half-even at
    the field's scale. All expressions see the fields as they were before; one that has the name of a
    field replaces it. Instead of an expression, a function may make the value of a new field.

    Args:
        columns: Expressions by field name, for names that cannot be written as a parameter.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        **more_columns: Expressions by field name. Instead of an expression, a mapping with `expression`
            and field properties (`type`, `title` …) casts the values to that type, exactly or not at all. Or
            a function that gets a row, alone or as such an `expression`; its type is ``any`` by default.

    Raises:
        ExpressionError: An expression cannot be parsed, names an unknown field, or is not allowed.
        FlowError: No column is given; or one that a function makes is there already.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"quantity": 121, "unit price": "495.44"}]
        >>> Flow(rows, compute(label="quantity || ' pieces'")).results().rows
        [[{'quantity': 121, 'unit price': '495.44', 'label': '121 pieces'}]]
        >>> flow = Flow(rows, compute({"in words": "upper('no. ' || quantity)"}))
        >>> flow.results().rows[0][0]["in words"]
        'NO. 121'
        >>> half = {"expression": lambda row: row["quantity"] / 2, "type": "number", "floatNumber": True}
        >>> Flow(rows, compute(half=half)).results().rows[0][0]["half"]
        60.5
    """
    given = {**(columns or {}), **more_columns}
    if not given:
        raise FlowError('compute() needs at least one column, such as compute(total="quantity * price")')
    expressions: dict[str, str] = {}
    functions: dict[str, Callable[[dict[str, Any]], object]] = {}
    types: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        properties = dict(value) if isinstance(value, Mapping) else {"expression": value}
        expression = properties.pop("expression", None)
        check_properties(properties, ("expression",))
        if callable(expression):
            functions[name] = expression
        elif isinstance(expression, str):
            expressions[name] = expression
        else:
            raise FlowError(
                f"column {name!r} needs an expression as text, a function of a row, or a mapping that has "
                "one as `expression`"
            )
        if properties:
            types[name] = properties

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            names = dict.fromkeys([*resource.schema.names, *given])
            for name, function in functions.items():
                free_field(resource, name)
                field = Field({"type": "any", **types.get(name, {}), "name": name})
                add_valued(resource, field, function)
            if expressions:
                of_them = {name: types[name] for name in expressions if name in types}
                resource.map_sql(columns=expressions, types=of_them)
            if expressions and functions:
                resource.select_fields(names)

    return step
