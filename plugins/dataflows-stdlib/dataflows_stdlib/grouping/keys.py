"""Keys: the fields that rows are matched by.

A key is a list of fields, compared one by one, or a format string, which makes one text. ``"{a}:{b}"``, with
colons between fields, is the list of these fields. ``#`` is the number of the row, from 1.

Two values are equal when their texts are: 1 is 1.0, and also ``"1"``; 2024-02-29 is ``"2024-02-29"``. Moments
are compared in UTC. Null equals null, and nothing else. Within the text of a format string null is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import Formatter

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError, RowError, SchemaError
from dataflows_core.plain import text_scalar
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_stdlib.outofcore import ordinals

__all__ = ["ROW_NUMBER", "Key", "KeyColumns", "Part", "comparable", "key_order", "parse_key", "text_of"]

ROW_NUMBER = "#"


@dataclass(frozen=True)
class Part:
    """A field in a key.

    Attributes:
        field: Its name, or `ROW_NUMBER`.
        format: How its value is written, as Python's `format` understands it; empty as a rule.
    """

    field: str
    format: str = ""


@dataclass(frozen=True)
class Key:
    """What rows are matched by.

    Attributes:
        parts: The fields.
        texts: The texts before, between and behind them.
        format_string: Whether it was written as one.
    """

    parts: tuple[Part, ...]
    texts: tuple[str, ...]
    format_string: bool = field(default=False, compare=False)

    @property
    def plain(self) -> bool:
        """Whether it is a list of fields, and no text that is made of them."""
        return self.texts == _colons(len(self.parts)) and not any(part.format for part in self.parts)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(part.field for part in self.parts if part.field != ROW_NUMBER)


def parse_key(key: str | Iterable[str], schema: Schema, resource: str) -> Key:
    """The key that a user wrote.

    Args:
        key: A field's name, a list of names, or a format string such as ``"{country}-{year:04}"``.
        schema: The fields there are.
        resource: The name of their resource.

    Raises:
        FlowError: It is no key.
        SchemaError: It names an unknown field; near misses are named.

    Examples:
        >>> schema = Schema((Field({"name": "a"}), Field({"name": "b"})))
        >>> parse_key("{a}:{b}", schema, "x") == parse_key(["a", "b"], schema, "x")
        True
    """
    if isinstance(key, str):
        found = _of_text(key, schema)
    elif isinstance(key, Iterable):
        names: list[object] = list(key)
        if odd := [name for name in names if not isinstance(name, str)]:
            raise FlowError(f"the key of {resource!r} has {odd[0]!r} where a field's name should be")
        found = Key(tuple(Part(str(name)) for name in names), _colons(len(names)))
    else:
        raise FlowError(f"the key of {resource!r} is a list of fields or a format string, and not {key!r}")
    for name in found.fields:
        if name not in schema:
            raise SchemaError.unknown_field(name, schema.names, resource)
    return found


def _colons(count: int) -> tuple[str, ...]:
    return ("", *[":"] * (count - 1), "") if count else ("",)


def _of_text(key: str, schema: Schema) -> Key:
    if key and (key in schema or "{" not in key):
        return Key((Part(key),), _colons(1))
    parts, texts = [], [""]
    try:
        pieces = list(Formatter().parse(key))
    except ValueError as error:
        raise FlowError(f"the key {key!r} is no format string: {error}") from error
    for text, name, spec, conversion in pieces:
        texts[-1] += text
        if name is None:
            continue
        if not name or conversion or "{" in (spec or ""):
            raise FlowError(
                f"in the key {key!r}, each pair of braces holds the name of a field, and maybe a format: "
                "{country}, {year:04}"
            )
        parts.append(Part(name, spec or ""))
        texts.append("")
    return Key(tuple(parts), tuple(texts), format_string=True)


@dataclass
class KeyColumns:
    """The columns of a key, batch by batch and in order.

    Args:
        key: The key.
        schema: The schema of the batches.
        kinds: The type of each column, ``pa.int64()`` or ``pa.string()``; a key that is no list has one.
    """

    key: Key
    schema: Schema
    kinds: tuple[pa.DataType, ...]
    count: int = field(default=0, init=False)

    @property
    def fields(self) -> tuple[Field, ...]:
        """What they are: ``k0``, ``k1`` … ."""
        names = {pa.int64(): "integer", pa.string(): "string"}
        return tuple(Field({"name": f"k{i}", "type": names[kind]}) for i, kind in enumerate(self.kinds))

    def __call__(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The columns of the next batch."""
        self.count += batch.num_rows
        if self.key.plain and len(self.kinds) == len(self.key.parts) > 0:
            return [
                self._column(batch, part, kind) for part, kind in zip(self.key.parts, self.kinds, strict=True)
            ]
        pieces: list[pa.Array] = [pa.repeat(text_scalar(self.key.texts[0]), batch.num_rows)]
        for part, text in zip(self.key.parts, self.key.texts[1:], strict=True):
            column = self._column(batch, part, pa.string())
            pieces += [pc.fill_null(column, text_scalar("")), text_scalar(text)]
        return [pc.binary_join_element_wise(*pieces, text_scalar(""))]

    def _column(self, batch: pa.RecordBatch, part: Part, kind: pa.DataType) -> pa.Array:
        if part.field == ROW_NUMBER:
            column = ordinals(self.count - batch.num_rows + 1, batch.num_rows)
            of = Field({"name": ROW_NUMBER, "type": "integer"})
        else:
            column = batch.column(part.field)
            of = self.schema.field(part.field)
        if part.format:
            return _formatted(column, of, part.format)
        return column.cast(kind) if kind == pa.int64() else text_of(column, of)


def text_of(column: pa.Array, field: Field) -> pa.Array:
    """The texts that values are compared by."""
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    text = column_to_text(column, field)
    if pa.types.is_floating(column.type):  # the two zeros of doubles are equal
        text = pc.if_else(pc.equal(text, text_scalar("-0")), text_scalar("0"), text)
    return text if text.type == pa.string() else text.cast(pa.string())


def _formatted(column: pa.Array, field: Field, spec: str) -> pa.Array:
    codec = RowCodec(Schema((field,)))
    texts = []
    for index, row in enumerate(codec.decode(pa.RecordBatch.from_arrays([column], names=[field.name]))):
        value = row[field.name]
        try:
            texts.append(format(value, spec))
        except (TypeError, ValueError) as error:
            raise RowError(
                f"field {field.name!r}: {value!r} cannot be written with the format {spec!r}: {error}",
                index=index,
                field=field.name,
                value=value,
            ) from error
    return pa.array(texts, pa.string())


def comparable(
    keys: Sequence[Key], schemas: Sequence[Schema], resources: Sequence[str]
) -> tuple[pa.DataType, ...]:
    """The types of the columns in which keys are compared.

    Args:
        keys: One key, or the two that shall be compared.
        schemas: The schema that belongs to each.
        resources: The names of their resources.

    Raises:
        FlowError: They cannot be compared: one is a list of other length.
    """
    lengths = {len(key.parts) for key in keys}
    if all(key.plain for key in keys) and len(lengths) == 1 and lengths != {0}:
        places = range(lengths.pop())
        return tuple(
            pa.int64()
            if all(_whole(key.parts[i], schema) for key, schema in zip(keys, schemas, strict=True))
            else pa.string()
            for i in places
        )
    for key, resource in zip(keys, resources, strict=True):
        if not key.format_string and len(key.parts) > 1:
            sizes = " and ".join(
                f"{name!r} has {len(one.parts)}" for one, name in zip(keys, resources, strict=True)
            )
            raise FlowError(
                f"a list of fields is compared with as many fields, and the key of {sizes}\n"
                f"  to compare {resource!r} by one text, write a format string such as '{{a}}-{{b}}'"
            )
    return (pa.string(),)


def _whole(part: Part, schema: Schema) -> bool:
    if part.field == ROW_NUMBER:
        return True
    field = schema.field(part.field)
    return field.type == "integer" and pa.types.is_integer(field.arrow) and field.arrow != pa.uint64()


def key_order(kinds: Sequence[pa.DataType], table: str = "") -> str:
    """SQL that orders by the text of a key, null first: as the keys of a sorted list of texts would be.

    Args:
        kinds: The types of its columns.
        table: What the columns are of.
    """
    names = [f"{table}.k{i}" if table else f"k{i}" for i in range(len(kinds))]
    texts = [
        name if kind == pa.string() else f"CAST({name} AS VARCHAR)"
        for name, kind in zip(names, kinds, strict=True)
    ]
    if len(texts) > 1:
        joined = " || ':' || ".join(f"coalesce({text}, '')" for text in texts)
        texts.insert(0, f"({joined})")
    return ", ".join(f"{text} NULLS FIRST" for text in texts)
