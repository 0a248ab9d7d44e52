"""Values as columns: as texts that say the same, which the step behind casts, or as JSON.

| the parser gives | undeclared fields become |
|---|---|
| texts only | what the texts say |
| anything else as well | what the values are: texts stay texts |
| floats | the shortest decimal that means the same double: 0.1 is 0.1 |
| dates, and dates with a time among them | dates with a time |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dataflows_core import json_text
from dataflows_core.errors import RowError, shorten
from dataflows_core.infer import infer_rows, infer_schema
from dataflows_core.schema import Field
from dataflows_core.text import value_to_text

__all__ = ["Spelling", "guess", "only_texts"]

_NUMBERS = (int, float, Decimal)
_SCALARS = (str, bool, *_NUMBERS, dt.date, dt.time, dt.timedelta)


def only_texts(rows: Iterable[Sequence[Any]]) -> bool:
    """Whether some rows hold texts, or nothing."""
    return all(value is None or isinstance(value, str) for row in rows for value in row)


def guess(name: str, values: Sequence[Any], *, texts: bool, missing: Sequence[str]) -> tuple[Field, str]:
    """What the values of a column are, and a note for the user or nothing.

    Args:
        name: The name of the field.
        values: The values of the sample.
        texts: Whether texts are to be understood.
        missing: The texts that stand for a missing value.

    Raises:
        SchemaError: A value that has no form in a table.
    """
    found = [value for value in values if value is not None]
    kinds = set(map(type, found))
    if not found or (texts and kinds == {str}):
        schema, notes = infer_schema(
            [pa.record_batch({name: pa.array(found, pa.string())})], missing_values=missing
        )
        return schema.field(name), " ".join(notes)
    if kinds <= {int, float, Decimal} and kinds != {int}:
        return _number(name, found)
    if kinds == {dt.date, dt.datetime}:
        found = [value for value in found if type(value) is dt.datetime]
    return infer_rows([{name: value} for value in found]).field(name), ""


def _number(name: str, values: Sequence[Any]) -> tuple[Field, str]:
    floating = Field({"name": name, "type": "number", "floatNumber": True})
    printed = pa.array([value_to_text(value, floating) for value in values], pa.string())
    schema, notes = infer_schema([pa.record_batch({name: printed})])
    field = schema.field(name)
    if field.type == "integer":  # of floats that are whole, the next one need not be
        whole = Field({"name": name, "type": "number"})
        return (whole if pa.types.is_int64(field.arrow) else floating), ""
    return field, " ".join(notes)


@dataclass(frozen=True)
class Spelling:
    """How the values of one field are spelled.

    Args:
        field: The field.
        json: Whether it holds JSON, and the values are no texts of it.
    """

    field: Field
    json: bool

    @classmethod
    def of(cls, field: Field, sample: Iterable[Any]) -> Spelling:
        """The spelling of a field with such values."""
        texts = all(value is None or isinstance(value, str) for value in sample)
        return cls(field, isinstance(field.arrow, pa.JsonType) and not texts)

    @property
    def spelled(self) -> Field:
        """The field as its spelled values are."""
        return Field({"name": self.field.name, "type": "any" if self.json else "string"})

    def column(self, values: Sequence[Any]) -> pa.Array:
        """The values, spelled.

        Raises:
            RowError: A value that has no form in a table.
        """
        if not self.json and set(map(type, values)) <= {str, type(None)}:
            return pa.array(values, pa.string())
        texts = [None if value is None else self._text(value, index) for index, value in enumerate(values)]
        if self.json:
            return pa.ExtensionArray.from_storage(self.spelled.arrow, pa.array(texts, pa.string()))
        return pa.array(texts, pa.string())

    def _text(self, value: Any, index: int) -> str:
        try:
            if self.json or not isinstance(value, _SCALARS):
                return json_text.dumps(value)
            return _text(value, self.field)
        except (TypeError, ValueError) as error:
            raise RowError(
                f"the value {shorten(value)}, of class {type(value).__name__}, has no form in a table: "
                f"{error}",
                index=index,
                field=self.field.name,
                value=value,
            ) from error


def _text(value: Any, field: Field) -> str:
    """The text of a value, in the format that the field is declared to be read in."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        words = field.descriptor.get("trueValues" if value else "falseValues")
        return str(words[0]) if words and field.type == "boolean" else str(json_text.dumps(value))
    if isinstance(value, _NUMBERS):
        if field.type == "year" and isinstance(value, int):
            return f"{value:04}"
        text = value_to_text(value, Field({"name": field.name, "type": "number", "floatNumber": True})) or ""
        mark = field.descriptor.get("decimalChar") if field.type == "number" else None
        return text.replace(".", mark) if mark else text
    if isinstance(value, dt.timedelta):
        return value_to_text(value, Field({"name": field.name, "type": "duration"})) or ""
    return _moment(value, field)


def _moment(value: dt.date | dt.time, field: Field) -> str:
    if (
        field.type == "date"
        and isinstance(value, dt.datetime)
        and value == dt.datetime.combine(value, dt.time())
    ):
        value = value.date()
    elif field.type == "datetime" and type(value) is dt.date:
        value = dt.datetime.combine(value, dt.time())
    pattern = field.format
    if "%" in pattern and field.type in ("date", "time", "datetime"):
        text = value.strftime(pattern)
        if _reads_back(text, pattern, value):
            return text
    return value.isoformat()


def _reads_back(text: str, pattern: str, value: dt.date | dt.time) -> bool:
    try:
        read = dt.datetime.strptime(text, pattern)  # noqa: DTZ007 - what has a zone is compared with it
    except ValueError:
        return False
    if isinstance(value, dt.datetime):
        return read == value
    return (read.time() if isinstance(value, dt.time) else read.date()) == value
