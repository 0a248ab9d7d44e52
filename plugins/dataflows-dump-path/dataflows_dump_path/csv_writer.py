"""CSV as RFC 4180 has it: quoted only where a reader needs it.

Columns become text first (canonical text, see `dataflows_core.text`), and text that was carried through
the flow stays as it is. One search through all bytes of a column tells whether any cell needs quotes; as
a rule none does, and Arrow's own CSV writer takes over.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import reduce
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from dataflows_core.errors import FlowError
from dataflows_core.guards import raw_bytes
from dataflows_core.plain import integers, text_scalar
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_dump_path.describe import written_schema
from dataflows_dump_path.writer import Data

__all__ = ["CsvWriter", "TsvWriter"]

_NEVER_QUOTED = frozenset(
    {"integer", "number", "boolean", "date", "time", "datetime", "year", "yearmonth", "duration"}
)
_FALSE = pa.nulls(1, pa.bool_()).is_valid()[0]
_TEXT_LIMIT = 1 << 30  # bytes; an Arrow text array holds twice as much
_HAS_EOL = hasattr(pyarrow.csv.WriteOptions, "eol")  # pyarrow 22 and later


@dataclass(frozen=True)
class CsvWriter:
    r"""Writes CSV: UTF-8, one header line, null as an empty cell.

    An empty text is written as an empty cell too, and Table Schema reads both as null.

    Args:
        schema: The schema of the batches.
        delimiter: The character between two cells.
        line_terminator: What ends a line: ``"\r\n"`` or ``"\n"``.

    Raises:
        FlowError: The delimiter or the line terminator cannot be read back.
    """

    schema: Schema
    _: KW_ONLY
    delimiter: str = ","
    line_terminator: str = "\r\n"

    extension: ClassVar[str] = "csv"
    mediatype: ClassVar[str] = "text/csv"
    separator: ClassVar[bytes] = b""
    _format: ClassVar[str] = "csv"

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n\0':
            raise FlowError(
                f"a CSV delimiter is one ASCII character, not a quote or line end: {self.delimiter!r}"
            )
        if self.line_terminator not in ("\r\n", "\n"):
            raise FlowError(f"a CSV line ends with '\\r\\n' or '\\n', not with {self.line_terminator!r}")

    def header(self) -> bytes:
        """The line with the fields' names."""
        cells = [self._quoted_name(name) for name in self.schema.names]
        return (self.delimiter.join(cells) + self.line_terminator).encode()

    def footer(self) -> bytes:
        """Nothing."""
        return b""

    def encode(self, batch: pa.RecordBatch) -> Data:
        """One line per row."""
        if batch.num_rows == 0 or batch.num_columns == 0:
            return b""
        if batch.num_rows > 1 and batch.nbytes > _TEXT_LIMIT:
            half = batch.num_rows // 2
            return bytes(self.encode(batch[:half])) + bytes(self.encode(batch[half:]))
        texts, plain = [], True
        for field, column in zip(self.schema, batch.columns, strict=True):
            text = column_to_text(column, field)
            if special := self._special(field, text):
                text, plain = _quoted(text, special), False
            texts.append(text)
        if len(texts) == 1:
            # A line without any character is no row to most readers.
            filled = pc.fill_null(texts[0], text_scalar(""))
            empty = pc.equal(filled, text_scalar(""))
            if pc.any(empty).as_py():
                texts, plain = [pc.if_else(empty, text_scalar('""'), filled)], False
        return (
            self._plain_lines(texts)
            if plain and (_HAS_EOL or self.line_terminator == "\n")
            else self._lines(texts)
        )

    def describe(self) -> dict[str, Any]:
        """Format, encoding, dialect and schema."""
        return {
            "format": self._format,
            "mediatype": self.mediatype,
            "encoding": "utf-8",
            "dialect": {
                "delimiter": self.delimiter,
                "lineTerminator": self.line_terminator,
                "quoteChar": '"',
                "doubleQuote": True,
                "skipInitialSpace": False,
                "header": True,
                "caseSensitiveHeader": True,
            },
            "schema": written_schema(self.schema),
        }

    def _quoted_name(self, name: str) -> str:
        # A byte order mark at the beginning of a file is taken for one, unless it is quoted.
        special = any(char in name for char in f'"\r\n{self.delimiter}') or name.startswith("\ufeff")
        lonely = not name and len(self.schema) == 1
        return '"' + name.replace('"', '""') + '"' if special or lonely else name

    def _special(self, field: Field, text: pa.Array) -> list[str]:
        """The characters in a column for which cells need quotes."""
        if field.type in _NEVER_QUOTED and self.delimiter in ",;\t|":
            return []
        found = raw_bytes(text)
        return [char for char in (self.delimiter, '"', "\n", "\r") if char.encode() in found]

    def _plain_lines(self, texts: list[pa.Array]) -> pa.Buffer:
        options: dict[str, Any] = {
            "include_header": False,
            "quoting_style": "none",
            "delimiter": self.delimiter,
        }
        if self.line_terminator != "\n":
            options["eol"] = self.line_terminator
        batch = pa.RecordBatch.from_arrays(texts, names=[str(number) for number in range(len(texts))])
        output = pa.BufferOutputStream()
        options["batch_size"] = max(1024, batch.num_rows)
        pyarrow.csv.write_csv(batch, output, pyarrow.csv.WriteOptions(**options))
        return output.getvalue()

    def _lines(self, texts: list[pa.Array]) -> bytes:
        lines = (
            texts[0]
            if len(texts) == 1
            else pc.binary_join_element_wise(
                *texts, text_scalar(self.delimiter), null_handling="replace", null_replacement=""
            )
        )
        whole = pa.LargeListArray.from_arrays(integers([0, len(lines)]), lines)
        joined = pc.binary_join(whole, text_scalar(self.line_terminator))
        return raw_bytes(joined) + self.line_terminator.encode()


@dataclass(frozen=True)
class TsvWriter(CsvWriter):
    """Writes CSV with tabs between the cells.

    Args:
        schema: The schema of the batches.
        delimiter: The character between two cells.
        line_terminator: What ends a line.
    """

    _: KW_ONLY
    delimiter: str = "\t"

    extension: ClassVar[str] = "tsv"
    mediatype: ClassVar[str] = "text/tab-separated-values"
    _format: ClassVar[str] = "tsv"


def _quoted(text: pa.Array, special: list[str]) -> pa.Array:
    """The cells, those with a special character in quotes."""
    needed = pc.fill_null(reduce(pc.or_, [pc.match_substring(text, char) for char in special]), _FALSE)
    cells = text.filter(needed)
    inner = pc.replace_substring(cells, '"', '""') if '"' in special else cells
    quote, nothing = text_scalar('"'), text_scalar("")
    return pc.replace_with_mask(text, needed, pc.binary_join_element_wise(quote, inner, quote, nothing))
