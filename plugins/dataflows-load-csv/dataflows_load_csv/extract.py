"""Keeping what stood where a value is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError, SchemaError

__all__ = ["Extract"]


@dataclass(frozen=True)
class Extract:
    """Adds a column that says, for each row, which of its missing values stood there as which text.

    Args:
        fields: The columns to look at; None for all.
        target: The name of the column that is added: JSON objects, ``{"height": "n/a"}``.
        values: The texts that stand for a missing value.
    """

    fields: tuple[str, ...] | None
    target: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, option: bool | Mapping[str, Any] | None, missing_values: tuple[str, ...]) -> Extract | None:
        """What the option `extract_missing_values` asks for.

        Raises:
            FlowError: It is no such option.
        """
        if option is None or option is False:
            return None
        given = {} if option is True else dict(option)
        unknown = set(given) - {"source", "target", "values"}
        if unknown:
            raise FlowError(
                f"extract_missing_values has no {min(unknown)!r}; it takes source, target and values"
            )
        fields = given.get("source")
        fields = (fields,) if isinstance(fields, str) else tuple(fields) if fields else None
        return cls(fields, given.get("target", "missingValues"), tuple(given.get("values") or missing_values))

    @property
    def field(self) -> dict[str, Any]:
        """The descriptor of the field that is added."""
        return {"name": self.target, "type": "object", "format": "default", "values": list(self.values)}

    def check(self, names: tuple[str, ...]) -> None:
        """Raise if the columns do not allow it."""
        for name in self.fields or ():
            if name not in names:
                raise SchemaError.unknown_field(name, names)
        if self.target in names:
            raise FlowError(
                f"there is a field {self.target!r} already; give extract_missing_values another target"
            )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the column; its own values are left as they are."""
        values = pa.array(self.values, pa.string())
        found: dict[int, dict[str, str]] = {}
        for name in self.fields or batch.schema.names:
            column = batch.column(name)
            places = pc.indices_nonzero(pc.is_in(column, value_set=values))
            for place, text in zip(places.to_pylist(), column.take(places).to_pylist(), strict=True):
                found.setdefault(place, {})[name] = text
        texts = [
            json.dumps(found[i], ensure_ascii=False) if i in found else "{}" for i in range(batch.num_rows)
        ]
        return batch.append_column(self.target, pa.array(texts, pa.string()))
