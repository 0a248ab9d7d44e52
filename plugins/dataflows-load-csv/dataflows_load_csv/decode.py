"""From the bytes of a block to columns of text.

Arrow's parser does nearly everything; it follows the same grammar. What it leaves to this module: the row to
blame when something is wrong, ragged rows, comments, spaces before quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from dataflows_core.errors import RowError, UnreadableError, shorten
from dataflows_core.plain import texts
from dataflows_load_csv.encoding import BadBytes
from dataflows_load_csv.grammar import Grammar, one_value

__all__ = ["RAGGED", "Decoder"]

RAGGED = ("raise", "fill", "truncate")
"""What can be done with rows that have fewer or more cells than the header."""

_RARE_BLANKS = tuple(bytes([code]) for code in (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x1F))
_WIDE_BLANKS = (
    *(char.encode() for char in "\u0085\u00a0\u1680\u205f\u3000"),
    b"\xe2\x80",  # how U+2000 to U+202F begin, among them other marks
)
_WIDE_LEADS = tuple({blank[:1] for blank in _WIDE_BLANKS})


def _has_rare_blanks(content: bytes) -> bool:
    """Whether there may be blanks other than the space. One byte is found many times faster than two."""
    if any(blank in content for blank in _RARE_BLANKS):
        return True
    if content.isascii() or not any(lead in content for lead in _WIDE_LEADS):
        return False
    return any(blank in content for blank in _WIDE_BLANKS)


@dataclass(frozen=True)
class Decoder:
    """Makes columns of text of whole records.

    Args:
        names: The names of the columns, as they come in the file.
        grammar: How cells are told apart.
        missing_values: Texts that become null.
        strip: Whether blanks around values are left out, inside quotes as well.
        ragged: One of `RAGGED`. ``"raise"``: a row with fewer or more cells than names is an error.
            ``"fill"``: missing cells are null, and surplus ones must be empty. ``"truncate"``: as before, and
            surplus cells are left out whatever they hold.
        keep_blank: Whether a blank line is a row with one null, and not left out.
        kept: The columns to make, in the order of the names; None for all. The others are only counted.
    """

    names: tuple[str, ...]
    grammar: Grammar
    missing_values: tuple[str, ...] = ("",)
    strip: bool = True
    ragged: str = "raise"
    keep_blank: bool = False
    kept: tuple[str, ...] | None = None

    def __call__(self, data: bytes) -> pa.RecordBatch:
        """The columns of some whole records.

        Args:
            data: UTF-8, with line ends.

        Raises:
            RowError: A record that is no text, or is ragged; its `index` counts the rows of `data`.
        """
        if self.grammar.has_comments(data):
            data = b"".join(
                data[record.start : record.end]
                for record in self.grammar.records(data)
                if record.kind != "comment"
            )
        dialect = self.grammar.dialect
        if not data:
            return self._batch([pa.nulls(0, pa.string()) for _ in self.made])
        if dialect.skipinitialspace and self.grammar.has_quotes(data):
            self._check_text(data)
            return self._stripped(self._by_hand(data))
        try:
            if not data.isascii():
                one_value(data).cast(pa.string())  # which checks it
            batch = self._parse(data, None)
        except pa.ArrowInvalid as error:
            batch = self._repaired(data, error)
        if dialect.skipinitialspace:
            batch = self._batch([pc.utf8_ltrim(column, characters=" ") for column in batch.columns])
            batch = self._batch([self._with_nulls(column) for column in batch.columns])
        return self._stripped(batch)

    def _batch(self, columns: Sequence[pa.Array]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(list(columns), names=list(self.made))

    @property
    def made(self) -> tuple[str, ...]:
        """The columns of the batches."""
        return self.names if self.kept is None else self.kept

    def _parse(self, data: bytes, ragged: list[pacsv.InvalidRow] | None) -> pa.RecordBatch:
        """Arrow's parser; ragged rows are left out and listed, or an error when there is no list."""

        def skip(row: pacsv.InvalidRow) -> str:
            assert ragged is not None
            ragged.append(row)
            return "skip"

        dialect = self.grammar.dialect
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=self.names
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quotechar or False,
                double_quote=dialect.doublequote,
                escape_char=dialect.escapechar or False,
                newlines_in_values=self.grammar.has_quotes(data),
                ignore_empty_lines=not self.keep_blank,
                invalid_row_handler=skip if ragged is not None else None,
            ),
            convert_options=pacsv.ConvertOptions(
                check_utf8=False,  # it takes longer cell by cell
                column_types=self._types,
                include_columns=self.kept,
                strings_can_be_null=bool(self.missing_values),
                quoted_strings_can_be_null=True,
                null_values=self.missing_values,
            ),
        )
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else self._batch([pa.nulls(0, pa.string()) for _ in self.made])

    @cached_property
    def _types(self) -> pa.Schema:
        return pa.schema([(name, pa.string()) for name in self.names])

    def _repaired(self, data: bytes, error: pa.ArrowInvalid) -> pa.RecordBatch:
        """Find the record to blame, or complete the ragged rows."""
        self._check_text(data)
        ragged: list[pacsv.InvalidRow] = []
        try:
            batch = self._parse(data, ragged)
        except pa.ArrowInvalid as again:
            raise UnreadableError(f"Arrow's parser cannot read it: {again}") from again
        if not ragged:
            raise UnreadableError(f"Arrow's parser cannot read it: {error}") from error
        rows = [self._completed(row.text.encode("utf-8"), row.number - 1) for row in ragged]
        places = [row.number - 1 for row in ragged]
        return self._spliced(batch, self._from_rows(rows), places)

    def _check_text(self, data: bytes) -> None:
        """Raise the error of the first record that is not UTF-8."""
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            rows = (
                record for record in self.grammar.records(data) if record.kind == "data" or self.keep_blank
            )
            index, start = next((i, r.start) for i, r in enumerate(rows) if r.end > error.start)
            before = data[start : error.start].decode("utf-8")
            bad = BadBytes("utf-8", data[error.start : error.end], before)
            raise RowError(str(bad), index=index, value=before) from error

    def _completed(self, record: bytes, index: int) -> list[str | None]:
        """The cells of a record, as many as there are names.

        Raises:
            RowError: It has another number of cells, and `ragged` does not allow that.
        """
        cells: list[str | None] = [cell.decode("utf-8") for cell in self.grammar.cells(record)]
        wanted, found = len(self.names), len(cells)
        if found == wanted:
            return cells
        if self.ragged == "raise" or (found > wanted and self.ragged == "fill" and any(cells[wanted:])):
            raise RowError(
                _ragged_message(cells, wanted, self.ragged), index=index, value=shorten(cells, 200)
            )
        return (cells + [None] * (wanted - found))[:wanted]

    def _from_rows(self, rows: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True) if rows else [()] * len(self.names)
        made = set(self.made)
        return self._batch(
            [
                self._with_nulls(pa.array(column, pa.string()))
                for name, column in zip(self.names, columns, strict=True)
                if name in made
            ]
        )

    def _by_hand(self, data: bytes) -> pa.RecordBatch:
        records = (r for r in self.grammar.records(data) if r.kind == "data" or self.keep_blank)
        return self._from_rows([self._completed(data[r.start : r.end], i) for i, r in enumerate(records)])

    def _spliced(self, batch: pa.RecordBatch, rows: pa.RecordBatch, places: Sequence[int]) -> pa.RecordBatch:
        """The batch with rows put back at the places they will have."""
        pieces: list[pa.RecordBatch] = []
        bounds = [-1, *places, batch.num_rows + len(places)]
        for number, (before, after) in enumerate(pairwise(bounds)):
            start = before + 1 - number
            pieces.append(batch.slice(start, after - before - 1))
            pieces.append(rows.slice(number, 1))
        return pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]

    def _with_nulls(self, column: pa.Array) -> pa.Array:
        if not self.missing_values:
            return column
        missing = pc.is_in(column, value_set=texts(self.missing_values))
        return pc.if_else(missing, pa.nulls(1, pa.string())[0], column)

    def _stripped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not self.strip:
            return batch
        return self._batch([self._strip_column(column) for column in batch.columns])

    def _strip_column(self, column: pa.Array) -> pa.Array:
        text = column.buffers()[2]
        if text is None:
            return column
        content = text.to_pybytes()
        # Searching a buffer for some bytes is many times cheaper than trimming each of its values.
        if not _has_rare_blanks(content) and not (
            b" " in content
            and (pc.any(pc.starts_with(column, " ")).as_py() or pc.any(pc.ends_with(column, " ")).as_py())
        ):
            return column
        return self._with_nulls(pc.utf8_trim_whitespace(column))


def _ragged_message(cells: Sequence[str | None], wanted: int, ragged: str) -> str:
    found = len(cells)
    plural = "s" * (found != 1)
    message = f"the row has {found} cell{plural}, and the header has {wanted}: {shorten(list(cells), 200)}"
    if found < wanted:
        return f'{message}\n  ragged="fill" reads the missing cells as null'
    if ragged == "fill":
        return f'{message}\n  ragged="truncate" leaves the surplus cells out'
    return (
        f"{message}\n  a cell with the delimiter in it must be quoted; headers=N says that the header is "
        'another row; ragged="fill" leaves surplus cells out that are empty, ragged="truncate" all'
    )
