"""Values that hold other values: geopoints, lists, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, islice
from typing import Any

import pyarrow as pa

from dataflows_core import json_text
from dataflows_core.errors import shorten
from dataflows_core.schema import Field
from dataflows_core.values.codec import Refused, ValueCodec, never, refuse, types

__all__ = ["geopoint", "json_value", "typed_list"]


def geopoint(field: Field, parts: Sequence[ValueCodec]) -> ValueCodec:
    """A pair (longitude, latitude) of Decimals; `parts` are the codecs of the two."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (tuple, list)) or len(value) != 2 or None in value:
            refuse(value, "a pair (longitude, latitude)", "such as (Decimal('4.9'), Decimal('52.4'))")
        lon, lat = (part.check(each) for part, each in zip(parts, value, strict=True))
        if abs(lon) > 180 or abs(lat) > 90:
            raise Refused(f"{shorten(value)} is no place: longitudes end at 180 degrees, latitudes at 90")
        return lon, lat

    def read(column: pa.Array) -> list[Any]:
        valid = column.is_valid().to_pylist()
        pairs = zip(*(part.read(column.field(k)) for k, part in enumerate(parts)), strict=True)
        return [pair if ok else None for pair, ok in zip(pairs, valid, strict=True)]

    def store(values: Sequence[Any]) -> pa.Array:
        columns = [
            part.store([None if each is None else each[k] for each in values]) for k, part in enumerate(parts)
        ]
        mask = pa.array([each is None for each in values], pa.bool_())
        return pa.StructArray.from_arrays(columns, fields=list(field.arrow), mask=mask)

    return ValueCodec(field, read, never, check, store, cost=5)


def typed_list(field: Field, item: ValueCodec) -> ValueCodec:
    """A list of values of one type, whose codec is `item`."""
    kind = field.arrow
    large = pa.types.is_large_list(kind)

    def flat(values: Iterable[Any]) -> list[Any]:
        return list(chain.from_iterable(value for value in values if value is not None))

    def check(value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            refuse(value, "a list", "convert it with list(...)")
        return [None if each is None else item.check(each) for each in value]

    def read(column: pa.Array) -> list[Any]:
        values = iter(item.read(column.flatten()))
        return [
            None if size is None else list(islice(values, size))
            for size in column.value_lengths().to_pylist()
        ]

    def store(values: Sequence[Any]) -> pa.Array:
        sizes = accumulate((0 if value is None else len(value) for value in values), initial=0)
        offsets = pa.array(sizes, pa.int64() if large else pa.int32())
        mask = pa.array([value is None for value in values], pa.bool_())
        make = pa.LargeListArray if large else pa.ListArray
        return make.from_arrays(offsets, item.store(flat(values)), type=kind, mask=mask)

    def ready(values: Sequence[Any]) -> bool:
        return types(list, tuple)(values) and item.ready(flat(values))

    return ValueCodec(field, read, ready, check, store, mutable=True, cost=6)


_JSON_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "object": ((dict,), "a dict"),
    "geojson": ((dict,), "a dict"),
    "array": ((list, tuple), "a list"),
}


def json_value(field: Field) -> ValueCodec:
    """Whatever JSON can say; dicts for `object` and `geojson`, lists for `array`."""
    allowed, expected = _JSON_TYPES.get(field.type, ((object,), ""))

    def check(value: Any) -> str:
        if not isinstance(value, allowed):
            refuse(value, expected, "parse it with json.loads(...)" if isinstance(value, str) else "")
        try:
            _refuse_keys(value)
            text = json_text.dumps(value)
            text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused(f"JSON cannot say {shorten(value)}: {error}; convert what it holds first") from None
        return text

    def read(column: pa.Array) -> list[Any]:
        # Each row gets objects of its own, which it may change.
        texts = column.storage if isinstance(column.type, pa.JsonType) else column
        return [None if text is None else json_text.loads(text) for text in texts.to_pylist()]

    def store(values: Sequence[Any]) -> pa.Array:
        if not isinstance(field.arrow, pa.JsonType):
            return pa.array(values, field.arrow)
        return pa.ExtensionArray.from_storage(field.arrow, pa.array(values, field.arrow.storage_type))

    return ValueCodec(field, read, never, check, store, mutable=True, cost=6)


def _refuse_keys(value: Any) -> None:
    """`json` writes the key 1 as "1", and says nothing."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {shorten(key)} is not text")
            _refuse_keys(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _refuse_keys(each)
