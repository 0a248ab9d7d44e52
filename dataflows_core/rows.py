"""The seam between columns and rows.

A `RowCodec` turns batches into rows for functions that want rows, and rows into batches again. Both cost as
much as the function looks at, and no more:

* `decode` fills rows with the columns that the batches before were asked for; others are read when somebody
  asks (see `dataflows_core.row`).
* `encode` takes the columns that nobody asked for from the batch that the rows came from, as they are. Of
  the others it compares every value with the one that was handed out, by identity, and stores a column
  anew when one was replaced.

Which rows may come back: those of one batch or of several, in any order, some dropped, some doubled, any
of them replaced by another dict.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter, is_, is_not, itemgetter
from typing import Any

import pyarrow as pa

from dataflows_core.collector import CollectorAtRest
from dataflows_core.errors import RowError, near_misses, shorten
from dataflows_core.row import NOWHERE, Bare, Origin, Row, Unread
from dataflows_core.schema import Field, Schema
from dataflows_core.values import ValueCodec, value_codec
from dataflows_core.values.codec import as_type

__all__ = ["Row", "RowCodec", "rows_to_batches"]

BATCH_ROWS = 65_536
"""Rows of a batch that is made of rows, at most."""
_RELEARN = 64  # batches; then a column that was asked for once, at the start, is forgotten

_WORTH_CHECKING = 3  # cost of a codec; reading a column that costs less is cheaper than checking for its keys

_origin_of = attrgetter("_origin")
_index_of = attrgetter("_index")


class _Rows(list[Row]):
    """The rows of a batch. A list that can be referred to weakly, so that rows and origin make no circle.

    Attributes:
        original: The rows in order, whatever the caller does to the list.
    """

    __slots__ = ("__weakref__", "original")
    original: tuple[Row, ...]


class _Latest(threading.local):
    """The origin of the rows that this thread decoded last, as long as one of them is alive."""

    rows: Callable[[], _Rows | None] = staticmethod(lambda: None)


_latest = _Latest()


class RowCodec:
    """Turns batches of one schema into rows, and rows into batches of it.

    Rows may be decoded by one codec and encoded by another whose schema is another: that is how a step adds
    or drops fields. A codec may be used by several threads, and pickles.

    Args:
        schema: The schema of the batches.

    Examples:
        >>> schema = Schema((Field({"name": "year", "type": "integer"}), Field({"name": "title"})))
        >>> codec = RowCodec(schema)
        >>> batch = pa.RecordBatch.from_arrays([pa.array([1990]), pa.array(["a"])], schema=schema.arrow)
        >>> rows = codec.decode(batch)
        >>> rows[0]["year"] += 1
        >>> codec.encode(rows, batch).to_pylist()
        [{'year': 1991, 'title': 'a'}]
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._names = {name: position for position, name in enumerate(schema.names)}
        self._codecs: dict[str, ValueCodec] = {field.name: value_codec(field) for field in schema}
        self._touched: set[str] = set()
        self._expected: dict[str, None] = {}
        self._count = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return RowCodec, (self.schema,)

    # ------------------------------------------------------------------------------------------- to rows

    def decode(self, batch: pa.RecordBatch) -> list[Row]:
        """The rows of a batch.

        Args:
            batch: Its columns are the schema's, typed or carried text.

        Raises:
            RowError: Python has no exact object for a value of a column that is read. The columns that are
                read later raise it where somebody asks for them.
        """
        with CollectorAtRest():
            names = self._filled()
            origin = Origin(
                batch, self.schema, self._names, self._decode_column, self._touched, self._expected
            )
            for name in names:
                origin.columns[name] = self._decode_column(name, batch.column(self._names[name]))
            kind = Row if len(names) == len(self._names) else Unread
            rows = _Rows()
            _builder(names)(rows, batch.num_rows, origin, Bare, kind, *origin.columns.values())
            rows.original = tuple(rows)
        origin.made = _latest.rows = weakref.ref(rows)
        return rows

    def _decode_column(self, name: str, column: pa.Array) -> list[Any]:
        return self._codecs[name].decode(column)

    def _filled(self) -> tuple[str, ...]:
        """The columns to fill in: those asked for so far; at least one: C code asks if a dict is empty."""
        # The first rows are often looked at in full, printed for instance; the second batch starts anew.
        if self._count % _RELEARN == 1:
            self._touched.clear()
            self._expected.clear()
        self._count += 1
        names = tuple(name for name in self._names if name in self._touched)
        if names or not self._names:
            return names
        return (min(self._names, key=lambda name: self._codecs[name].cost),)

    # ----------------------------------------------------------------------------------------- to batches

    def encode(self, rows: Sequence[Mapping[str, Any]], base: pa.RecordBatch | None = None) -> pa.RecordBatch:
        """The batch of some rows.

        A key that a row lacks is null. Rows that `decode` made keep what they came with in the fields that
        were not changed.

        Args:
            rows: Rows that `decode` made, or any mappings.
            base: The batch that the rows were decoded from; it is needed only to know again the values of
                mappings that took the place of its rows.

        Raises:
            RowError: A row is no mapping, has a key that no field declares, or a value that its field cannot
                hold; `index` is its position in `rows`.
        """
        with CollectorAtRest():
            if not rows:
                return self._batch([pa.array([], field.arrow) for field in self.schema], 0)
            groups = _groups(rows, base)
            if len(groups) == 1:
                return self._encode_group(groups[0])
            return self._joined([self._encode_group(group) for group in groups], groups)

    def _batch(self, columns: list[pa.Array], count: int) -> pa.RecordBatch:
        if not columns:  # a batch without columns still has rows
            return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))
        return pa.RecordBatch.from_arrays(columns, names=list(self.schema.names))

    def _encode_group(self, group: _Group) -> pa.RecordBatch:
        """The batch of rows of one origin."""
        written = group.regular_values()
        if written is None:
            written = self._irregular_values(group)
        columns = []
        for field in self.schema:
            if field.name in written:
                columns.append(self._written(field, written[field.name], group))
            elif field.name in group.origin.names:
                columns.append(self._passed_on(field, group))
            else:
                columns.append(pa.nulls(len(group.rows), field.arrow))
        return self._batch(columns, len(group.rows))

    def _irregular_values(self, group: _Group) -> dict[str, list[Any]]:
        """The values of all columns that a row holds a value of; the slow way, which is always right."""
        origin = group.origin
        for kind in set(map(type, group.rows)):
            if not issubclass(kind, Mapping):
                index = next(i for i, row in enumerate(group.rows) if type(row) is kind)
                problem = f"a row must be a dict, and this one is {shorten(group.rows[index])}"
                raise RowError(problem, index=group.number(index))
        held = [dict.keys(row) if isinstance(row, Row) else row.keys() for row in group.rows]
        present = set(origin.columns).union(origin.removed, *held)
        if unknown := present - self._names.keys() - origin.names.keys():
            index = next(i for i, keys in enumerate(held) if not unknown.isdisjoint(keys))
            name = next(key for key in held[index] if key in unknown)
            raise self._undeclared(name, group.rows[index][name], group.number(index))
        unread = (present & origin.names.keys()) - origin.columns.keys()
        self._learn(origin, [*(name for name in held[0] if name in unread), *unread])
        return {name: _values(group.rows, name) for name in present if name in self._names}

    def _learn(self, origin: Origin, unread: Iterable[str]) -> None:
        """Expect that columns which were written, and not read, will be written again."""
        for name in unread:
            cheap = self._codecs[name].cost < _WORTH_CHECKING if name in self._codecs else True
            # A column that was expected, and the rows have not all been given it.
            in_vain = name in origin.written and not origin.disturbed
            if cheap or in_vain:
                origin.touched.add(name)
            else:
                origin.expected[name] = None

    def _undeclared(self, name: object, value: object, index: int) -> RowError:
        from dataflows_core.row_types import infer_rows

        kind = infer_rows([{"x": value}]).fields[0].type if isinstance(value, _INFERRED) else "string"
        message = (
            f"there is no field {name!r}; declare it with add_field({name!r}, {kind!r}) before this step"
        )
        if isinstance(name, str) and (close := near_misses(name, self.schema.names)):
            message += f", or did you mean {' or '.join(map(repr, close))}?"
        return RowError(message, index=index, field=name if isinstance(name, str) else None, value=value)

    def _passed_on(self, field: Field, group: _Group) -> pa.Array:
        """A column that no row of the group holds."""
        if group.same_field(field):
            return group.column(field.name)
        values = list(group.old_values(field.name))
        for index in group.foreign:
            values[index] = None
        return self._codecs[field.name].encode(values, group.numbers)

    def _written(self, field: Field, values: list[Any], group: _Group) -> pa.Array:
        """A column that rows hold values of, changed or not."""
        codec = self._codecs[field.name]
        if field.name not in group.origin.columns or not group.same_field(field):
            return codec.encode(values, group.numbers)
        old = group.old_values(field.name)
        if codec.mutable or codec.lossy:
            return self._replaced(codec, values, old, group)
        # Texts are equal only when they are the same; looking for that in lists is five times as fast.
        if (codec.by_value and values == old) or all(map(is_, values, old)):
            return group.column(field.name)
        return codec.encode(values, group.numbers)

    def _replaced(self, codec: ValueCodec, values: list[Any], old: list[Any], group: _Group) -> pa.Array:
        """A column of which only the values that changed are stored anew, row by row."""
        column = as_type(group.column(codec.field.name), codec.field.arrow)
        changed = list(map(is_not, values, old))
        if codec.mutable:
            fresh = codec.decode(column)
            changed = [
                new or repr(value) != repr(was)
                for new, value, was in zip(changed, values, fresh, strict=True)
            ]
        indices = [index for index, new in enumerate(changed) if new]
        if not indices:
            return column
        stored = codec.encode(
            [values[index] for index in indices], [group.number(index) for index in indices]
        )
        sources = list(range(len(values)))
        for position, index in enumerate(indices):
            sources[index] = len(values) + position
        return pa.concat_arrays([column, stored]).take(pa.array(sources))

    def _joined(self, batches: list[pa.RecordBatch], groups: list[_Group]) -> pa.RecordBatch:
        """The batches of several groups as one, its rows in order."""
        columns = []
        for field in self.schema:
            parts = [batch.column(field.name) for batch in batches]
            if len({part.type for part in parts}) > 1:  # some carried, some typed
                codec = self._codecs[field.name]
                parts = [
                    part if part.type == field.arrow else codec.encode(codec.decode(part)) for part in parts
                ]
            columns.append(pa.concat_arrays(parts))
        numbers = list(chain.from_iterable(group.numbers or () for group in groups))
        batch = self._batch(columns, len(numbers))
        if all(map(is_, numbers, sorted(numbers))):
            return batch
        sources = [0] * len(numbers)
        for position, number in enumerate(numbers):
            sources[number] = position
        return batch.take(pa.array(sources))


_INFERRED = (str, int, float)


class _Group:
    """Rows that came from one batch, and mappings that took their places.

    Attributes:
        rows: The rows.
        origin: Where they came from; `NOWHERE` for new rows.
        positions: Their positions in the origin's batch; None when they are all of its rows, in order.
        numbers: Their positions among the rows to encode; None when they are all of them.
        foreign: The positions in `rows` of those that are not the origin's own.
    """

    __slots__ = ("foreign", "numbers", "origin", "positions", "rows")

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        origin: Origin,
        positions: list[int] | None = None,
        numbers: list[int] | None = None,
        foreign: Sequence[int] = (),
    ) -> None:
        self.rows, self.origin, self.positions = rows, origin, positions
        self.numbers, self.foreign = numbers, foreign

    def number(self, index: int) -> int:
        """The position of one of the rows among the rows to encode."""
        return index if self.numbers is None else self.numbers[index]

    def same_field(self, field: Field) -> bool:
        """Whether a column of the origin means the same in the batch to come."""
        schema = self.origin.schema
        if field.name not in schema:
            return False
        known = schema.field(field.name)
        return known is field or (known.arrow == field.arrow and known.type == field.type)

    def regular_values(self) -> dict[str, list[Any]] | None:
        """The values of the columns that were read, when rows hold these and nothing else; None otherwise."""
        origin = self.origin
        if origin.disturbed or self.foreign or origin is NOWHERE:
            return None
        # No key was removed. So if there are as many values as there should be, no key was added either,
        # and all rows hold the same keys in the same order.
        values: list[Any] = list(chain.from_iterable(map(dict.values, self.rows)))  # type: ignore[arg-type]
        names = [*origin.columns, *origin.written]
        if len(values) != len(names) * len(self.rows):
            return None
        if origin.written:
            keys: list[str] = list(chain.from_iterable(map(dict.keys, self.rows)))  # type: ignore[arg-type]
            if keys != names * len(self.rows):
                return None
        return {name: values[start :: len(names)] for start, name in enumerate(names)}

    def old_values(self, name: str) -> list[Any]:
        """The values that a column had in the places of the rows."""
        values = self.origin.read(name)
        return values if self.positions is None else [values[position] for position in self.positions]

    def column(self, name: str) -> pa.Array:
        """A column of the origin as it is, in the places of the rows; null where a foreign row lacks it."""
        column = self.origin.batch.column(self.origin.names[name])
        if self.foreign and name not in self.origin.columns:
            places: list[int | None] = list(self.positions or range(len(self.rows)))
            for index in self.foreign:
                places[index] = None
            return column.take(pa.array(places, pa.int64()))
        return column if self.positions is None else column.take(pa.array(self.positions, pa.int64()))


_SILENT: tuple[Any, ...] = (dict, Row, Unread)
"""Classes of which looking for a key makes none, as it does in a defaultdict."""


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The values of a key, None where there is none."""
    if set(map(type, rows)).issubset(_SILENT):
        try:
            return list(map(itemgetter(name), rows))
        except KeyError:
            pass
    return [row.get(name) for row in rows]


def _groups(rows: Sequence[Mapping[str, Any]], base: pa.RecordBatch | None) -> list[_Group]:
    """The rows by where they came from."""
    first = rows[0]
    if isinstance(first, Row) and not first._origin.disturbed:
        made = first._origin.made()
        if made is not None and len(made.original) == len(rows) and all(map(is_, made.original, rows)):
            return [_Group(rows, first._origin)]
    try:
        origins = list(map(_origin_of, rows))
    except AttributeError:
        return _mixed_groups(rows, base)
    origin = origins[0]
    if type(origin) is not Origin or origin is NOWHERE or origins.count(origin) < len(origins):
        return _mixed_groups(rows, base)
    positions: list[int] | None = list(map(_index_of, rows))
    if len(rows) == origin.batch.num_rows and positions == list(range(len(rows))):
        positions = None
    return [_Group(rows, origin, positions)]


def _mixed_groups(rows: Sequence[Mapping[str, Any]], base: pa.RecordBatch | None) -> list[_Group]:
    origin = _origin_of_batch(rows, base)
    # As many rows as the batch has: a new dict took the place of the row it was made from, most likely. A
    # wrong guess costs time and nothing else, since only identical values are known again.
    in_place = origin is not None and len(rows) == origin.batch.num_rows
    if set(map(type, rows)) == {dict}:
        return [
            _Group(rows, origin if origin is not None and in_place else NOWHERE, foreign=range(len(rows)))
        ]
    found: dict[int, tuple[Origin, list[int], list[int], list[int]]] = {}
    for number, row in enumerate(rows):
        own = row._origin if isinstance(row, Row) else NOWHERE
        source = origin if own is NOWHERE and in_place and origin is not None else own
        _, positions, numbers, foreign = found.setdefault(id(source), (source, [], [], []))
        if own is NOWHERE:
            foreign.append(len(numbers))
        positions.append(row._index if own is not NOWHERE else number if in_place else 0)  # type: ignore[attr-defined]
        numbers.append(number)
    groups = []
    for source, positions, numbers, foreign in found.values():
        members = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        groups.append(_Group(members, source, positions, numbers, foreign))
    return groups


def _origin_of_batch(rows: Sequence[Mapping[str, Any]], base: pa.RecordBatch | None) -> Origin | None:
    """The origin whose batch is `base`, if a row of it can be found."""
    if base is None:
        return None
    for row in chain(islice(_latest.rows() or (), 1), rows):
        if isinstance(row, Row) and row._origin.batch is base:
            return row._origin
    return None


@lru_cache(maxsize=256)
def _builder(names: tuple[str, ...]) -> Callable[..., None]:
    """A function that appends `count` rows with these columns to a list.

    Its text is put together here, since a loop over names would cost more than all else that it does.
    """
    values = [f"value{k}" for k in range(len(names))]
    columns = ", ".join(f"column{k}" for k in range(len(names)))
    lines = [
        f"def build(rows, count, origin, make, kind, {columns}):",
        "    append = rows.append",
        f"    for {', '.join(['index', *values, ''])} in zip(range(count), {columns}):",
        "        row = make()",
        *(f"        row[{name!r}] = {value}" for name, value in zip(names, values, strict=True)),
        "        row._origin = origin",
        "        row._index = index",
        "        row.__class__ = kind",
        "        append(row)",
    ]
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - names enter as literals
    return scope["build"]  # type: ignore[no-any-return]


def rows_to_batches(
    rows: Iterable[Mapping[str, Any]], codec: RowCodec, size: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """The batches of a stream of rows.

    Rows that pass one by one leave in the batches that they came in, so that their columns can be passed on.

    Args:
        rows: Rows that a codec made, or any mappings, or both.
        codec: The codec of the batches' schema.
        size: Rows of a batch, at most.

    Raises:
        RowError: As `RowCodec.encode` says; `index` counts within the batch to be.
    """
    source = iter(rows)
    for first in source:
        count = size
        if isinstance(first, Row) and first._origin is not NOWHERE:
            count = min(size, first._origin.batch.num_rows - first._index)
        yield codec.encode([first, *islice(source, count - 1)])
