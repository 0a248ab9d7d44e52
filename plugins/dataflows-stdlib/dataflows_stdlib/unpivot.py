"""Columns to rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import may_carry, typed
from dataflows_core.cast import cast_column
from dataflows_core.errors import FlowError, SchemaError, near_misses
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_stdlib.constants import constant
from dataflows_stdlib.match import field_pattern, free_field, matching_fields
from dataflows_stdlib.names import expanded
from dataflows_stdlib.repeated import repeated

__all__ = ["unpivot"]

_INT64_DIGITS = 19


def unpivot(
    unpivot_fields: Iterable[Mapping[str, Any]],
    extra_keys: Iterable[Mapping[str, Any]],
    extra_value: Mapping[str, Any],
    regex: bool = True,
    resources: ResourceSelector = None,
) -> Step:
    r"""Make a row of every value of some fields: years from columns to rows.

    The other fields are repeated, the new ones stand behind them. A primary key gets the extra keys; what
    was unique before, and is repeated now, is no longer declared to be.

    Args:
        unpivot_fields: Mappings with `name`, a field or a regular expression that names match as a whole,
            and `keys`: the values of the extra keys in the rows that come from it. A text may hold groups of
            the expression (``\1``) and is cast to the key's type.
        extra_keys: The fields of the keys, each a Table Schema field.
        extra_value: The field of the values, to whose type they are cast.
        regex: Whether names are regular expressions.
        resources: Which resources: None for all, a regular expression, a position or a list of names; those
            that have none of the fields stay as they are.

    Raises:
        SchemaError: A field that none of the resources has; two fields of one name.
        FlowError: A key that `extra_keys` does not declare; a new field whose name another has.
        CastError: A value is not of the type of `extra_value`.

    Examples:
        >>> from dataflows_core import Flow
        >>> flow = Flow(
        ...     [{"country": "Peru", "y1990": 7, "y1991": None}],
        ...     unpivot(
        ...         [{"name": r"y(\d+)", "keys": {"year": r"\1"}}],
        ...         [{"name": "year", "type": "year"}],
        ...         {"name": "total", "type": "integer"},
        ...     ),
        ... )
        >>> for row in flow.results().rows[0]:
        ...     print(row)
        {'country': 'Peru', 'year': 1990, 'total': 7}
        {'country': 'Peru', 'year': 1991, 'total': None}
    """
    wanted, keys, value = [*unpivot_fields], [Field(key) for key in extra_keys], Field(extra_value)
    for given in wanted:
        _check(given, keys)

    def step(package: Package) -> None:
        names = [given["name"] for given in wanted]
        for resource, _ in matching_fields(package, resources, names, regex):
            _append(resource, wanted, keys, value, regex)

    return step


def _check(given: Mapping[str, Any], keys: Sequence[Field]) -> None:
    for name in ("name", "keys"):
        if name not in given:
            raise FlowError(f"each of unpivot_fields needs {name!r}, and this one has {', '.join(given)}")
    declared = [key.name for key in keys]
    for name in given["keys"]:
        if name not in declared:
            hint = "".join(f"; did you mean {close!r}?" for close in near_misses(name, declared, 1))
            raise FlowError(
                f"the key {name!r} of {given['name']!r} is none of extra_keys{hint}"
                f"\n  extra_keys: {', '.join(declared) or '(none)'}"
            )


def _append(
    resource: Resource, wanted: Sequence[Mapping[str, Any]], keys: Sequence[Field], value: Field, regex: bool
) -> None:
    left = list(resource.schema.names)
    sources: list[str] = []
    values: list[dict[str, Any]] = []
    for given in wanted:
        pattern = field_pattern(given["name"], resource.schema.names, regex)
        for match in [match for name in left if (match := pattern.fullmatch(name))]:
            left.remove(match.string)
            sources.append(match.string)
            values.append(
                {
                    name: expanded(match, text) if isinstance(text, str) and regex else text
                    for name, text in given["keys"].items()
                }
            )
    kept = resource.schema.select(left)
    added = [*keys, value]
    for position, field in enumerate(added):
        if field.name in left:
            free_field(resource, field.name)
        if field.name in [other.name for other in added[:position]]:
            raise SchemaError(f"two of the new fields are named {field.name!r}")
    after = repeated(kept, [key.name for key in keys]).add(*added)
    columns = [pa.concat_arrays([constant(row.get(key.name), key) for row in values]) for key in keys]
    carried = all(_carries(resource.schema.field(name), value) for name in sources)
    function = _Unpivoted(resource.schema, after, tuple(left), tuple(sources), tuple(columns), value, carried)
    resource.map_batches(function, after, reads=() if carried else sources)


def _carries(source: Field, value: Field) -> bool:
    """Whether the canonical text of a source is that of the value, too."""
    if not (may_carry(source) and may_carry(value)):
        return False
    if (source.type, source.arrow) == (value.type, value.arrow):
        return True
    kind = value.arrow
    whole = kind.precision - kind.scale if pa.types.is_decimal(kind) else 0
    return pa.types.is_int64(source.arrow) and whole >= _INT64_DIGITS


@dataclass(frozen=True)
class _Unpivoted:
    """Repeats each row once per source, with the keys and the value of that source."""

    before: Schema
    after: Schema
    kept: tuple[str, ...]
    sources: tuple[str, ...]
    keys: tuple[pa.Array, ...]
    value: Field
    carried: bool

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        count, width = batch.num_rows, len(self.sources)
        rows, places = _places(count, width)
        columns = [batch.column(name).take(rows) for name in self.kept]
        columns += [key.take(places) for key in self.keys]
        columns.append(self._values(batch).take(pc.add(pc.multiply(places, _int64(count)), rows)))
        return pa.RecordBatch.from_arrays(columns, names=list(self.after.names))

    def _values(self, batch: pa.RecordBatch) -> pa.Array:
        """The values of all sources, one source behind the other."""
        columns = [batch.column(name) for name in self.sources]
        if not (self.carried and all(pa.types.is_string(column.type) for column in columns)):
            batch = typed(batch, self.before, self.sources)
            columns = [self._cast(batch.column(name), self.before.field(name)) for name in self.sources]
        return pa.concat_arrays(columns)

    def _cast(self, column: pa.Array, source: Field) -> pa.Array:
        if (source.type, source.arrow) == (self.value.type, self.value.arrow):
            return column
        values, errors = cast_column(column, self.value)
        if errors:
            raise errors[0]
        return values


def _int64(number: int) -> pa.Scalar:
    return pa.scalar(number, pa.int64())


def _places(count: int, width: int) -> tuple[pa.Array, pa.Array]:
    """For each row to be: the row it is made of, and the source of its value."""
    ordinals = pc.subtract(pc.cumulative_sum(pa.repeat(_int64(1), count * width)), _int64(1))
    rows = pc.divide(ordinals, _int64(width))
    return rows, pc.subtract(ordinals, pc.multiply(rows, _int64(width)))
