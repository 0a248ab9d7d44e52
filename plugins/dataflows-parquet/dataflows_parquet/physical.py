"""What stands in a file for the types that it has no name for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text

__all__ = ["Stored"]


@dataclass(frozen=True)
class Stored:
    """How the columns of a schema are stored.

    Args:
        schema: The schema of the rows.
        as_text: Whether what Parquet cannot say (a duration with months) is stored as its canonical text.
    """

    schema: Schema
    as_text: bool

    @property
    def arrow(self) -> pa.Schema:
        """The types of the stored columns."""
        return pa.schema([pa.field(field.name, self._type(field)) for field in self.schema])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch as it is stored; its columns are those of the schema by position."""
        batch = typed(batch.rename_columns(list(self.schema.names)), self.schema)
        columns = [
            column if column.type == self._type(field) else column_to_text(column, field)
            for field, column in zip(self.schema, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.arrow)

    def _type(self, field: Field) -> pa.DataType:
        return pa.string() if self.as_text and pa.types.is_interval(field.arrow) else field.arrow
