"""Fields from other fields, by named operations."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import CastError, FlowError, SchemaError, UnknownNameError, near_misses
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.text import column_to_text
from dataflows_stdlib.constants import repeat
from dataflows_stdlib.fields import add_constant, add_valued
from dataflows_stdlib.match import free_field, quoted
from dataflows_stdlib.texts import joined

__all__ = ["add_computed_field"]

_KEYS = ("target", "operation", "source", "with", "with_", "expression")
_NUMBERS = ("sum", "avg", "multiply")
_TEXTS = ("join", "format")
_OPERATIONS = ("sum", "avg", "max", "min", "multiply", "constant", "join", "format")


def add_computed_field(
    fields: Iterable[Mapping[str, Any]] | None = None, resources: ResourceSelector = None, **spec: Any
) -> Step:
    """Add fields that are made of others, behind them, one after the other.

    | operation | gives | of nothing but nulls |
    |---|---|---|
    | `sum` | the sum of the sources; nulls count for nothing | 0 |
    | `avg` | their average, a number, rounded half-even at its last decimal | null |
    | `max`, `min` | the greatest, the least of them | null |
    | `multiply` | their product | null |
    | `constant` | what `with` says | |
    | `join` | their texts, with `with` in between; nulls are left out | an empty text |
    | `format` | `with`, a format string of Python such as ``"{name}: {total:.2f}"`` | null if one is null |
    | a function | what it returns for the row | |

    Numbers are exact, integers stay integers. In `join` and `format` a field is the text that a dump would
    write, unless a format says more (``{day:%d.%m.%Y}``).

    Args:
        fields: Mappings with the same keys as `spec`, for several fields.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        **spec: `target`, a name or a Table Schema field; `operation`; `source`, a list of fields; and
            `with` (or `with_`), what the operation takes besides. Instead of an operation, `expression`: a
            SQL expression.

    Raises:
        UnknownNameError: An operation that does not exist.
        SchemaError: A source that a resource has not, or one that cannot be added up.
        FlowError: A target that is there already; a specification that says too little or too much.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"name": "x", "a": 1, "b": 2}, {"name": "y", "a": None, "b": 5}]
        >>> flow = Flow(rows, add_computed_field(target="total", operation="sum", source=["a", "b"]))
        >>> [row["total"] for row in flow.results().rows[0]]
        [3, 5]
        >>> flow = Flow(rows, add_computed_field(target="label", operation="format", with_="{name}: {b}"))
        >>> [row["label"] for row in flow.results().rows[0]]
        ['x: 2', 'y: 5']
    """
    if fields is not None and spec:
        raise FlowError("add_computed_field() takes a list of fields, or one by its keywords; not both")
    given = [spec] if fields is None else [fields] if isinstance(fields, Mapping) else [*fields]
    specs = [_Spec.of(one) for one in given]

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            for one in specs:
                free_field(resource, one.name)
                one.append(resource)

    return step


@dataclass(frozen=True)
class _Spec:
    """One field to be computed.

    Attributes:
        properties: What is said of the target.
        operation: The operation's name, or a function of a row.
        sources: The fields it is made of.
        extra: What `with` says.
        expression: The expression, instead of an operation.
    """

    properties: Mapping[str, Any]
    operation: str | Callable[[dict[str, Any]], object]
    sources: tuple[str, ...] = ()
    extra: Any = None
    expression: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> _Spec:
        for key in given:
            if key not in _KEYS:
                hint = "".join(f"; did you mean {close!r}?" for close in near_misses(key, _KEYS, 1))
                raise FlowError(f"add_computed_field() has no option {key!r}{hint}")
        target, operation = given.get("target"), given.get("operation")
        properties = {"name": target} if isinstance(target, str) else dict(target or {})
        if not isinstance(properties.get("name"), str):
            raise FlowError("add_computed_field() needs a target: a name, or a field with a name")
        expression = given.get("expression")
        if (operation is None) == (expression is None):
            raise FlowError(f"{properties['name']!r} needs an operation or an expression; one of the two")
        if not callable(operation) and expression is None and operation not in _OPERATIONS:
            raise UnknownNameError("operation", str(operation), _OPERATIONS)
        sources = given.get("source") or ()
        found = (sources,) if isinstance(sources, str) else tuple(sources)
        spec = cls(properties, operation or "", found, given.get("with", given.get("with_")), expression)
        spec._check()
        return spec

    def _check(self) -> None:
        takes_sources = self.operation in (*_NUMBERS, "max", "min", "join")
        if takes_sources and not self.sources:
            raise FlowError(
                f"the operation {self.operation!r} of {self.name!r} needs a source: a list of fields"
            )
        if self.operation == "format" and not isinstance(self.extra, str):
            raise FlowError(f"{self.name!r} needs a format string (with=…)")
        if self.operation == "format":
            _parsed(self.extra)
        if self.operation == "join" and not isinstance(self.extra or "", str):
            raise FlowError(f"{self.name!r} is joined with a text, and {self.extra!r} is none (with=…)")

    @property
    def name(self) -> str:
        name: str = self.properties["name"]
        return name

    def append(self, resource: Resource) -> None:
        """Append what computes the field."""
        sources = [resource.schema.field(name) for name in self.sources]
        if callable(self.operation):
            add_valued(resource, Field({"type": "any", **self.properties}), self.operation)
        elif self.operation == "constant":
            add_constant(resource, self._constant(), self.extra)
        elif self.operation in _TEXTS:
            self._append_text(resource)
        else:
            expression = self.expression or _expression(self.operation, sources)
            types = {key: value for key, value in self.properties.items() if key != "name"}
            resource.map_sql(columns={self.name: expression}, types={self.name: types} if types else {})

    def _constant(self) -> Field:
        if "type" in self.properties or self.extra is None:
            return Field({"type": "any", **self.properties})
        from dataflows_core.infer import infer_rows

        natural = infer_rows([{self.name: self.extra}]).field(self.name)
        return natural.update(**{key: value for key, value in self.properties.items() if key != "name"})

    def _append_text(self, resource: Resource) -> None:
        field = Field(self.properties)
        schema = resource.schema
        template = (
            _joined(self.sources, self.extra or "") if self.operation == "join" else _parsed(self.extra)
        )
        for name in template.names:
            schema.field(name)
        after = schema.add(field if field.type == "string" else Field({"name": self.name}))
        resource.map_batches(_Written(schema, after, template), after, reads=template.names)
        if field.type != "string":
            resource.cast([field])


def _expression(operation: str, sources: Sequence[Field]) -> str:
    names = [quoted(field.name) for field in sources]
    if operation in ("max", "min"):
        return f"{'greatest' if operation == 'max' else 'least'}({', '.join(names)})"
    for field in sources:
        if field.type not in ("integer", "number", "year"):
            raise SchemaError(
                f"the field {field.name!r} is of the type {field.type}: {operation} needs numbers; "
                f"set_type({field.name!r}, type='number') makes it one"
            )
    neutral, sign = ("1", " * ") if operation == "multiply" else ("0", " + ")
    total = sign.join(f"coalesce({name}, {neutral})" for name in names)
    if operation == "sum":
        return total
    if operation == "multiply":
        return f"CASE WHEN coalesce({', '.join(names)}) IS NULL THEN NULL ELSE {total} END"
    count = " + ".join(f"CASE WHEN {name} IS NULL THEN 0 ELSE 1 END" for name in names)
    return f"({total}) / nullif({count}, 0)"


@dataclass(frozen=True)
class _Template:
    """What a text is put together from.

    Attributes:
        parts: Texts, and fields (a name, and the format string of that field alone or nothing).
        separator: What is between the parts; None when a null makes the whole text null.
    """

    parts: tuple[str | tuple[str, str], ...]
    separator: str | None = None

    @property
    def names(self) -> list[str]:
        return [part[0] for part in self.parts if isinstance(part, tuple)]


def _joined(sources: Sequence[str], separator: str) -> _Template:
    return _Template(tuple((name, "") for name in sources), separator)


def _parsed(text: str) -> _Template:
    try:
        return _Template(tuple(_parts(text)))
    except ValueError as error:
        raise FlowError(f"{text!r} is no format string: {error}") from error


def _parts(text: str) -> Iterator[str | tuple[str, str]]:
    for literal, name, spec, conversion in string.Formatter().parse(text):
        if literal:
            yield literal
        if name is None:
            continue
        if not name or name.isdigit():
            raise ValueError("it names its fields, as in {name}")
        if "{" in (spec or ""):
            raise ValueError("a format within a format is not possible")
        if conversion not in (None, "r", "s", "a"):
            raise ValueError(f"there is no conversion {conversion!r}")
        own = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        yield name, f"{{{own}}}" if own else ""


@dataclass(frozen=True)
class _Written:
    """Adds a column of texts."""

    before: Schema
    after: Schema
    template: _Template

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        parts, separator = self.template.parts, self.template.separator
        texts = [pa.scalar(part) if isinstance(part, str) else self._text(batch, *part) for part in parts]
        if not self.template.names:
            column = repeat(
                pa.array(["".join(part for part in parts if isinstance(part, str))]), batch.num_rows
            )
        elif separator is None:
            column = pc.binary_join_element_wise(*texts, "")
        else:
            column, _ = joined(texts, separator)
        return pa.RecordBatch.from_arrays([*batch.columns, column], names=list(self.after.names))

    def _text(self, batch: pa.RecordBatch, name: str, form: str) -> pa.Array:
        field, column = self.before.field(name), batch.column(name)
        if not form:
            return column_to_text(column, field)
        alone = Schema((field,))
        values = RowCodec(alone).decode(pa.RecordBatch.from_arrays([column], names=[name]))
        texts = [_formatted(form, row[name], name, index) for index, row in enumerate(values)]
        return pa.array(texts, pa.string())


def _formatted(form: str, value: Any, name: str, index: int) -> str | None:
    if value is None:
        return None
    try:
        return form.format(value)
    except (ValueError, TypeError) as error:
        raise CastError(name, value, f"one that {form} can write", index=index, remedy=str(error)) from error
