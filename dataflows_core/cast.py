"""Text, or loosely typed values, to the types of a schema.

Casting goes column by column, in up to three stages:

1. *Missing values* become null.
2. *The fast path*: what passes the guard of the field's type is parsed by Arrow (`parsing`); typed columns
   are converted as columns (`loose`).
3. *The slow path*: what is left is cast value by value, each distinct text once, by `tables`, where
   tableschema says what a text means. What it refuses is a `CastError`.

With `carry`, a column whose texts are all canonical is not cast at all (`carried`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import carried_text, typed
from dataflows_core.errors import CastError
from dataflows_core.foreign import familiar, is_binary
from dataflows_core.loose import as_text, convert
from dataflows_core.on_error import OnError, check_on_error, settle
from dataflows_core.parsing import parse, storage_type
from dataflows_core.plain import text_scalar, texts
from dataflows_core.report import Report
from dataflows_core.schema import Field, Schema
from dataflows_core.tables import Refusal, caster

__all__ = ["Cast", "cast_column", "missing_texts"]

_NULL = pa.nulls(1, pa.string())[0]
_MANY_MISSING = 4  # from here on, one look-up in a table is cheaper than comparing with each


def missing_texts(field: Field, missing_values: Sequence[Any] = ("",)) -> tuple[str, ...]:
    """The texts that mean that a value of a field is missing.

    Args:
        field: The field; its own `missingValues` replace those of the schema.
        missing_values: The schema's, each a text or, since version 2, a mapping with `value` and `label`.

    Examples:
        >>> missing_texts(Field({"name": "x", "missingValues": [{"value": "-", "label": "none"}]}))
        ('-',)
    """
    chosen = field.descriptor.get("missingValues")
    texts = missing_values if chosen is None else chosen
    values = (text["value"] if isinstance(text, Mapping) else text for text in texts)
    return tuple(value for value in values if isinstance(value, str))


def cast_column(
    column: pa.Array, field: Field, *, missing_values: Sequence[Any] = ("",), carry: bool = False
) -> tuple[pa.Array, list[CastError]]:
    """Cast a column to the type of a field.

    Args:
        column: Text, or values of a type that means the same.
        field: The field.
        missing_values: The texts that mean null, unless the field has its own.
        carry: Whether the result may be the text itself, when every value of it is canonical.

    Returns:
        The column, of the type `field.arrow` (or carried text), null where a value could not be cast;
        and the errors, in order of index.

    Examples:
        >>> column, errors = cast_column(pa.array(["1.50", "x"]), Field({"name": "n", "type": "number"}))
        >>> column.to_pylist(), errors[0].expected
        ([Decimal('1.500000000000'), None], 'a number')
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not is_binary(column.type) or field.format == "binary":  # bytes are no text by themselves
        column = familiar(column)
    text = as_text(column, field)
    if text is None:
        if pa.types.is_null(column.type):
            return pa.nulls(len(column), field.arrow), []
        values, errors = _slow(column, convert(column, field), field)
    else:
        text = _without_missing(text, missing_texts(field, missing_values))
        if carry and (carried := carried_text(text, field)) is not None:
            return carried, []
        values, errors = _slow(text, parse(text, field), field)
        if text.type != column.type or not pa.types.is_string(column.type):
            errors = [_with_value(error, _python(column[error.index])) for error in errors]
    if isinstance(field.arrow, pa.BaseExtensionType):
        values = pa.ExtensionArray.from_storage(field.arrow, values)
    return values, errors


def _without_missing(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """The column with null for the texts that mean it."""
    if missing == ("",) and pc.min(pc.binary_length(text)).as_py() != 0:
        return text
    if len(missing) >= _MANY_MISSING:
        return pc.if_else(pc.is_in(text, texts(missing)), _NULL, text)
    for value in missing:
        found = pc.equal(text, text_scalar(value))
        if pc.any(found).as_py():
            text = pc.if_else(found, _NULL, text)
    return text


def _slow(column: pa.Array, values: pa.Array, field: Field) -> tuple[pa.Array, list[CastError]]:
    """Complete what the fast path has left out.

    Args:
        column: What is to be cast.
        values: What the fast path made of it, null where it left a value out.
        field: The field.
    """
    if values.null_count == column.null_count:
        return values, []
    left = pc.and_(column.is_valid(), values.is_null())
    positions = pc.indices_nonzero(left)
    rest = column.take(positions)
    if pa.types.is_string(column.type):
        coded = rest.dictionary_encode()
        distinct, codes = coded.dictionary.to_pylist(), coded.indices
    else:
        distinct, codes = [_python(value) for value in rest], pa.array(range(len(rest)), pa.int32())
    cast_values, refusals = _cast_each(distinct, field)
    errors = _errors(positions, codes, distinct, refusals, field)
    if len(refusals) < len(distinct):
        slow = pa.array(cast_values, storage_type(field.arrow))
        order = pc.replace_with_mask(
            pa.array(range(len(column)), pa.int64()), left, pc.add(codes.cast(pa.int64()), len(column))
        )
        values = pa.concat_arrays([values, slow]).take(order)
    return values, errors


def _cast_each(values: list[Any], field: Field) -> tuple[list[Any], dict[int, Refusal]]:
    cast = caster(field)
    results: list[Any] = []
    refusals: dict[int, Refusal] = {}
    for position, value in enumerate(values):
        try:
            results.append(cast(value))
        except Refusal as refusal:
            results.append(None)
            refusals[position] = refusal
    return results, refusals


def _errors(
    positions: pa.Array, codes: pa.Array, distinct: list[Any], refusals: dict[int, Refusal], field: Field
) -> list[CastError]:
    if not refusals:
        return []
    found = zip(positions.to_pylist(), codes.to_pylist(), strict=True)
    return [
        CastError(
            field.name,
            distinct[code],
            refusals[code].expected,
            index=position,
            remedy=refusals[code].remedy,
        )
        for position, code in found
        if code in refusals
    ]


def _python(value: pa.Scalar) -> Any:
    if getattr(value.type, "unit", "") == "ns" and value.is_valid and value.value % 1000:
        return str(value.cast(pa.string()))  # nanoseconds, which Python's datetime cannot hold
    return value.as_py()


def _with_value(error: CastError, value: object) -> CastError:
    return CastError(error.field, value, error.expected, index=error.index, remedy=error.remedy)


@dataclass(frozen=True)
class Cast:
    """The operation that gives the columns of a batch the types of a schema.

    Args:
        schema: The schema of the batches after the cast.
        fields: The names of the fields to cast; None is all of them.
        on_error: What becomes of a value that is not of its type, or breaks a constraint; see `on_error`.
        carry: Whether canonical text may stay text.
        check_constraints: Whether the constraints of the fields are checked as well.
        source: The schema of the batches before the cast, when they are typed already: their carried
            text then means what that schema says. None when their text is that of a source.

    Raises:
        SchemaError: A field that the schema has not, or constraints that make no sense.
    """

    schema: Schema
    fields: tuple[str, ...] | None = None
    on_error: OnError = "raise"
    carry: bool = True
    check_constraints: bool = True
    source: Schema | None = None

    def __post_init__(self) -> None:
        check_on_error(self.on_error)
        if self.fields is not None:
            object.__setattr__(self, "fields", tuple(self.schema.field(name).name for name in self.fields))
        constrained = [field for field in self.schema if field.constraints and self.check_constraints]
        if constrained:
            from dataflows_core.constraints import check_constraints_declared

            for field in constrained:
                if self.fields is None or field.name in self.fields:
                    check_constraints_declared(field)

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Report]:
        """Cast a batch.

        Raises:
            CastError: A value cannot be cast, or breaks a constraint, and `on_error` does not help.
        """
        names = set(self.schema.names if self.fields is None else self.fields)
        if self.source is not None:
            batch = typed(batch, self.source, [name for name in batch.schema.names if name in names])
        missing = self.schema.properties.get("missingValues", ("",))
        columns, errors = [], []
        for field, column in zip(self.schema, batch.columns, strict=True):
            if field.name in names:
                column, found = self._cast(column, field, missing)
                errors += found
            columns.append(column)
        after = pa.RecordBatch.from_arrays(columns, names=list(self.schema.names))
        return settle(batch, after, errors, self.on_error)

    def _cast(
        self, column: pa.Array, field: Field, missing: Sequence[Any]
    ) -> tuple[pa.Array, list[CastError]]:
        result, errors = cast_column(column, field, missing_values=missing, carry=self.carry)
        if not self.check_constraints or not (field.constraints or "categories" in field.descriptor):
            return result, errors
        from dataflows_core.constraints import violations

        values = typed(pa.RecordBatch.from_arrays([result], names=[field.name]), Schema((field,))).column(0)
        failed = {error.index for error in errors}
        # A value that could not be cast is null now; that is not one more fault.
        return result, errors + [error for error in violations(values, field) if error.index not in failed]
