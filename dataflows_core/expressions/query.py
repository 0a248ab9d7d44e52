"""Where and columns, planned once and run per batch.

A batch is computed by Arrow's kernels where they can, or else by one DuckDB query over just the columns that
the expressions name; all others stay the same Arrow arrays. What that gives is brought to the announced type
exactly, or an error says which value does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import DataError, ExpressionError
from dataflows_core.expressions.bind import Bound, bind
from dataflows_core.expressions.columns import Source, Whole, ordinals
from dataflows_core.expressions.emit import Emitter, Number, Stages, Wide
from dataflows_core.expressions.engine import EngineError, run
from dataflows_core.expressions.exact import Rows, evaluate, indices
from dataflows_core.expressions.kernels import Kernels, Unsuited, suits
from dataflows_core.expressions.limits import check_growth
from dataflows_core.expressions.names import resolve
from dataflows_core.expressions.nodes import Typed
from dataflows_core.expressions.parse import parse_expression
from dataflows_core.expressions.results import announced, final_number, finished
from dataflows_core.expressions.types import field_of
from dataflows_core.schema import NUMBER_SCALE, Field, Schema

__all__ = ["Computed", "Query", "fuse", "plan_query"]

_COPIED = ("type", "format", "floatNumber", "itemType", "delimiter")
_PLANS = 256
_Plan = tuple[str, list[tuple[int, int] | None]]
_UNKNOWN: Any = object()


@dataclass(frozen=True)
class Computed:
    """One computed column.

    Attributes:
        bound: Its expression.
        natural: The field that holds what the expression gives.
        field: The field that was announced.
    """

    bound: Bound
    natural: Field
    field: Field

    @property
    def copied(self) -> tuple[str, ...] | None:
        """The field that it is a copy of, if the expression is just a field."""
        root = self.bound.root
        return root.value if root.op == "field" and len(root.value) == 1 else None


@dataclass(frozen=True)
class Query:
    """A planned `where` with computed columns; the body of a stream's operation. It pickles.

    Attributes:
        before: The schema of the batches it gets.
        schema: What it announces.
        reads: The fields that its expressions name. All others pass untouched, whatever their type.
        conditions: What a row must fulfil, one after the other; a row that misses one is
            not looked at by the next.
        columns: The computed columns; all are computed from the fields of the input.
        carries: Whether its decimals may come in a type with fewer decimals than announced, as they may
            within the engine (see `dataflows_core.carried`).
        hints: The decimals that the numbers of each field had in earlier batches.
        plans: The SQL for batches of one kind; None for those that need `exact`.
    """

    before: Schema
    schema: Schema
    reads: frozenset[str]
    conditions: tuple[Bound, ...] = ()
    columns: tuple[Computed, ...] = ()
    carries: bool = False
    hints: dict[tuple[str, ...], int] = field(default_factory=dict, compare=False, repr=False)
    plans: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Query, (self.before, self.schema, self.reads, self.conditions, self.columns, self.carries)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that fulfil the conditions, in order, with the columns of `schema`.

        Args:
            batch: A batch of the schema `before`; may hold carried text.

        Raises:
            DataError: A value could not be computed, or does not fit the announced type.
        """
        names = batch.schema.names
        source = Source(batch, self.before, self._paths, self.hints)
        kept: pa.Array | None = None
        if batch.num_rows == 0:
            results: list[pa.Array] = [pa.nulls(0, column.field.arrow) for column in self.columns]
        else:
            kept, results = self._computed(source)
            if kept is not None and len(kept) == batch.num_rows:
                kept = None
        by_name = {column.field.name: result for column, result in zip(self.columns, results, strict=True)}
        arrays = []
        for name in self.schema.names:
            array = by_name.get(name)
            if array is None:
                array = batch.column(names.index(name))
                array = array if kept is None else array.take(kept)
            arrays.append(array)
        count = batch.num_rows if kept is None else len(kept)
        return _batch(arrays, self.schema.names, count)

    def selected(self, schema: Schema) -> Query | None:
        """The query with fewer columns; None if one that is computed would go, and its errors with it.

        Args:
            schema: Some of the fields that the query announces.
        """
        if not all(column.field.name in schema for column in self.columns):
            return None
        return replace(self, schema=schema)

    @cached_property
    def _paths(self) -> list[tuple[str, ...]]:
        bounds = [*self.conditions, *(column.bound for column in self.columns)]
        return sorted({path for bound in bounds for path in bound.fields})

    @cached_property
    def _suits_kernels(self) -> bool:
        """Whether Arrow's kernels can do without the engine."""
        bounds = [*self.conditions, *(column.bound for column in self.columns if not column.copied)]
        return all(suits(bound.root) for bound in bounds)

    def _computed(self, source: Source) -> tuple[pa.Array | None, list[pa.Array]]:
        """The places of the rows that stay, None for all; and the computed columns of those."""
        copies = {i: column.copied for i, column in enumerate(self.columns) if column.copied}
        asked = [column for i, column in enumerate(self.columns) if i not in copies]
        kept, values = self._asked(source, asked)
        remaining = iter(zip(asked, values, strict=True))
        results = []
        for i, column in enumerate(self.columns):
            if path := copies.get(i):
                array = source.values(path) if kept is None else source.values(path).take(kept)
                values_of: pa.Array | list[Any] = array
            else:
                _, values_of = next(remaining)
            results.append(
                finished(values_of, column.natural, column.field, column.bound, kept, narrow=self.carries)
            )
        return kept, results

    def _asked(self, source: Source, columns: Sequence[Computed]) -> tuple[pa.Array | None, list[Any]]:
        if not self.conditions and not columns:
            return None, []
        if self._suits_kernels:
            try:
                return self._by_kernels(source, columns)
            except Unsuited:
                pass  # the engine has wider numbers
        try:
            return self._by_sql(source, columns)
        except (Wide, EngineError):
            # Too great for SQL, or failed: one by one, exactly, and the first that fails says which it is.
            return self._by_python(source, columns)

    def _by_kernels(self, source: Source, columns: Sequence[Computed]) -> tuple[pa.Array | None, list[Any]]:
        kernels = Kernels(source)
        results = [kernels.result(column.bound.root) for column in columns]
        if not self.conditions:
            return None, results
        kept = pc.indices_nonzero(kernels.truth([condition.root for condition in self.conditions]))
        return kept, [
            replace(result, column=result.column.take(kept))
            if isinstance(result, Whole)
            else result.take(kept)
            for result in results
        ]

    def _by_sql(self, source: Source, columns: Sequence[Computed]) -> tuple[pa.Array | None, list[Any]]:
        handed: list[pa.Array] = []
        known: dict[tuple[str, ...], tuple[str, Whole | None]] = {}
        for path in self._paths:
            found = source.whole(path) if source.exact(path) else None
            known[path] = (f"c{len(handed)}", found)
            handed.append(source.column(path) if found is None else found.column)
        if self.conditions or not handed:
            handed.append(ordinals(source.count))
        sql, sizes = self._sql(known, columns, f"c{len(handed) - 1}")
        results = [result.combine_chunks() for result in run(sql, handed)]
        kept = results.pop(0) if self.conditions else None
        return kept, [
            result if size is None else Whole(result, *size)
            for result, size in zip(results, sizes, strict=True)
        ]

    def _sql(
        self,
        known: Mapping[tuple[str, ...], tuple[str, Whole | None]],
        columns: Sequence[Computed],
        ordinal: str,
    ) -> _Plan:
        """The query for columns of these types and sizes; the plan is kept, since most batches are alike."""
        rough = {
            path: (name, None if found is None else _rough(found)) for path, (name, found) in known.items()
        }
        sizes = tuple(
            (path, name, found and (found.scale, found.bound)) for path, (name, found) in rough.items()
        )
        key = (sizes, ordinal)
        # Threads share the plans; each may write the same one, none relies on another's staying.
        plans = self.plans
        plan: _Plan | None = plans.get(key, _UNKNOWN)
        if plan is _UNKNOWN:
            try:
                plan = _written(rough, self.conditions, columns, ordinal)
            except Wide:
                plan = None
            if len(plans) > _PLANS:
                plans.clear()
            plans[key] = plan
        if plan is None:
            raise Wide
        return plan

    def _by_python(self, source: Source, columns: Sequence[Computed]) -> tuple[pa.Array | None, list[Any]]:
        rows = Rows({path: source.values(path) for path in self._paths}, source.count)
        kept = ordinals(source.count)
        for condition in self.conditions:
            truth = _evaluated(condition, rows, "the condition")
            places = [i for i, value in enumerate(truth.to_pylist()) if value]
            rows, kept = rows.take(places), kept.take(indices(places))
        values = [_evaluated(column.bound, rows, f"the field {column.field.name!r}") for column in columns]
        return (kept if self.conditions else None), values


def plan_query(
    schema: Schema,
    where: str | None = None,
    columns: Mapping[str, str] | None = None,
    types: Mapping[str, Mapping[str, Any]] | None = None,
    drop: Iterable[str] = (),
    *,
    carries: bool = False,
) -> Query:
    """Plan a selection of rows and computed columns.

    Args:
        schema: The fields of the input.
        where: A condition; rows for which it is true are kept. False and null are not kept.
        columns: An expression by the name of a new or replaced field. All see the fields of the input.
        types: Properties of computed fields, by name. A `type` other than the expression's own means that
            values are cast to it exactly, or fail.
        drop: Fields to leave out afterwards.
        carries: See `Query`.

    Raises:
        ExpressionError: An expression that cannot be parsed, bound or allowed.
        SchemaError: `drop` or `types` names a field that does not exist.

    Examples:
        >>> schema = Schema((Field({"name": "a", "type": "integer"}),))
        >>> query = plan_query(schema, where="a > 1", columns={"half": "a / 2"})
        >>> query(pa.record_batch([pa.array([1, 2, 3])], names=["a"])).to_pylist()
        [{'a': 2, 'half': Decimal('1.000000000000')}, {'a': 3, 'half': Decimal('1.500000000000')}]
    """
    columns, types = columns or {}, types or {}
    conditions = () if where is None else (_condition(where, schema),)
    for name in types:
        if name not in columns:
            schema.field(name)
            raise ExpressionError(name, f"types names the field {name!r}, which is not computed here")
    computed = tuple(
        _computed_column(name, text, schema, types.get(name, {})) for name, text in columns.items()
    )
    bounds = [*conditions, *(column.bound for column in computed)]
    reads = frozenset(path[0] for bound in bounds for path in bound.fields)
    after = schema.add(*(column.field for column in computed)).drop(drop)
    computed = tuple(column for column in computed if column.field.name in after)
    return Query(schema, after, reads, conditions, computed, carries)


def fuse(first: Query, second: Query) -> Query | None:
    """One query that does what two do one after the other; None when it could differ, if only in its errors.

    Two conditions fuse, a condition fuses with the columns computed after it, and so do columns that do not
    build on each other. A condition on computed columns does not: its rows would be computed less often.

    Args:
        first: The query that is run first.
        second: The query that gets what the first gives.
    """
    made = {column.field.name for column in first.columns}
    if made & second.reads or (first.columns and second.conditions):
        return None
    if not made <= set(second.schema.names) or made & {column.field.name for column in second.columns}:
        return None
    return Query(
        first.before,
        second.schema,
        first.reads | second.reads,
        (*first.conditions, *second.conditions),
        (*first.columns, *second.columns),
        first.carries and second.carries,
    )


def _bound(text: str, schema: Schema) -> Bound:
    node = parse_expression(text)
    check_growth(text, node)
    return bind(text, node, schema)


def _condition(text: str, schema: Schema) -> Bound:
    bound = _bound(text, schema)
    if bound.root.type not in {"BOOLEAN", '"NULL"'}:
        raise ExpressionError(text, f"a condition must be true or false, and this is {bound.root.type}")
    return bound


def _computed_column(name: str, text: str, schema: Schema, properties: Mapping[str, Any]) -> Computed:
    node = parse_expression(text)
    if node.op == "field" and len(node.value) == 1:
        # A copy needs no engine, so that it may be of any type.
        path = resolve(text, node, schema)
        bound = Bound(text, Typed("field", "", value=path), frozenset({path}), NUMBER_SCALE)
        same = schema.field(path[0])
        kept = {key: value for key, value in same.descriptor.items() if key in _COPIED}
        natural: Field | None = Field({"name": name, **kept}, same.arrow)
    else:
        bound = _bound(text, schema)
        natural = field_of(name, bound.root.type, bound.scale)
    if natural is None:
        raise ExpressionError(
            text, f"the result is {bound.root.type}, which no field can hold; cast it to another type"
        )
    return Computed(bound, natural, announced(natural, properties))


def _rough(found: Whole) -> Whole:
    """With a bound that many batches share: the next power of ten, in the same width."""
    bound: int = 10 ** len(str(found.bound)) - 1
    return replace(found, bound=min(bound, 2**63 - 1) if found.bound <= 2**63 - 1 else bound)


def _written(
    known: Mapping[tuple[str, ...], tuple[str, Whole | None]],
    conditions: Sequence[Bound],
    columns: Sequence[Computed],
    ordinal: str,
) -> _Plan:
    """SQL of the whole query; decimals and bound of each column that is an exact number."""
    stages = Stages()
    for condition in conditions:
        stages.filtered(Emitter(known, condition.scale, stages).sql(condition.root))
    items = [ordinal] if conditions else []
    sizes: list[tuple[int, int] | None] = []
    for column in columns:
        emitter = Emitter(known, column.bound.scale, stages)
        root: Typed = column.bound.root
        if root.exact:
            number: Number = final_number(emitter, root)
            items.append(number.sql)
            sizes.append((number.scale, number.bound))
        else:
            items.append(emitter.sql(root))
            sizes.append(None)
    selected = ", ".join(f"{item} AS r{i}" for i, item in enumerate(items))
    return f"SELECT {selected} FROM {stages.source()}", sizes  # noqa: S608 - SQL of ours


def _evaluated(bound: Bound, rows: Rows, what: str) -> Any:
    try:
        return evaluate(bound.root, rows, bound.scale)
    except EngineError as error:
        raise DataError(f"{what} cannot be computed: {error}\n  in the expression: {bound.text}") from error


def _batch(arrays: Sequence[pa.Array], names: Sequence[str], count: int) -> pa.RecordBatch:
    if arrays:
        return pa.RecordBatch.from_arrays(list(arrays), names=list(names))
    # A batch without columns still has rows.
    return pa.RecordBatch.from_struct_array(pa.nulls(count, pa.struct([])))
