"""Rows to look at."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.render import rows_html, rows_text
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.sink import Receipt
from dataflows_core.steps import Sink
from dataflows_stdlib.match import matching_fields
from dataflows_stdlib.numbers import whole

__all__ = ["printer"]

Print: TypeAlias = Callable[[str, dict[str, Any]], object]
"""Prints a text; gets it, and a dict with `tablefmt`."""

_FORMATS = ("text", "html")


def printer(
    num_rows: int = 10,
    last_rows: int | None = None,
    fields: str | Iterable[str] | None = None,
    resources: ResourceSelector = None,
    header_print: Print | None = None,
    table_print: Print | None = None,
    max_cell_size: int = 100,
    *,
    tablefmt: str | None = None,
) -> Sink:
    """Print the first and the last rows of every resource, once all rows have passed.

    On a terminal the table is cut to its width; in a notebook it is shown as HTML.

    Args:
        num_rows: How many of the first rows.
        last_rows: How many of the last rows; as many as of the first by default.
        fields: Which fields: names, or regular expressions that names match as a whole; all by default.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        header_print: Called, instead of printing, with the line above a table, and a dict with `tablefmt`.
        table_print: The same, with the table.
        max_cell_size: Characters after which a text is cut.
        tablefmt: ``"text"`` or ``"html"``; by default HTML in a notebook, and text elsewhere.

    Raises:
        SchemaError: A field that none of the resources has.
        FlowError: A number of rows is negative, or a size less than 1; `tablefmt` is unknown.

    Examples:
        >>> from dataflows_core import Flow
        >>> _ = Flow([{"city": "Lyon", "people": 522250}], printer()).process()
        res_1: 1 row
        #  city     people
           string  integer
        ─  ──────  ───────
        1  Lyon     522250
    """
    last = num_rows if last_rows is None else last_rows
    if num_rows < 0 or last < 0:
        raise FlowError("printer() takes numbers of rows from 0")
    whole(max_cell_size, "max_cell_size", 1)
    if tablefmt not in (None, *_FORMATS):
        raise FlowError(
            f"printer() prints tables as text or html (tablefmt), and not as {tablefmt!r}; table_print gets "
            "the table, to print it in another way"
        )
    look = _Look(header_print or _shown, table_print or _shown, max_cell_size, tablefmt)

    def step(package: Package) -> None:
        shown = {resource.name: list(resource.schema.names) for resource in package.tables(resources)}
        if fields is not None:
            shown = {
                resource.name: names for resource, names in matching_fields(package, resources, fields, True)
            }
        for name, names in shown.items():
            resource = package[name]
            resource.write(_Printer(name, resource.schema, names, num_rows, last, look))

    return step


@dataclass(frozen=True)
class _Look:
    """How tables are printed."""

    header_print: Print
    table_print: Print
    cell_size: int
    tablefmt: str | None

    def show(self, title: str, schema: Schema, rows: list[dict[str, Any]], numbers: Sequence[int]) -> None:
        """Print a table and the line above it."""
        cut = [{name: self._cut(value) for name, value in row.items()} for row in rows]
        form = self.tablefmt or ("html" if _in_notebook() else "text")
        if form == "html":
            self.header_print(f"<h4>{escape(title)}</h4>", {"tablefmt": form})
            self.table_print(rows_html(schema, cut, numbers=numbers), {"tablefmt": form})
            return
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        table = rows_text(schema, cut, numbers=numbers, width=width) if rows else "(no rows)"
        self.header_print(title, {"tablefmt": form})
        self.table_print(table, {"tablefmt": form})

    def _cut(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > self.cell_size:
            return value[: self.cell_size - 1] + "…"
        return value


@dataclass(frozen=True)
class _Html:
    """What a notebook shows."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def _shown(text: str, options: Mapping[str, Any]) -> None:
    if options["tablefmt"] == "html" and _in_notebook():
        sys.modules["IPython"].display.display(_Html(text))
    else:
        print(text, flush=True)


@dataclass
class _Ends:
    """The first and the last rows of what went by."""

    first: int
    last: int
    count: int = 0
    head: list[pa.RecordBatch] = field(default_factory=list)
    tail: list[pa.RecordBatch] = field(default_factory=list)

    def add(self, head: pa.RecordBatch, tail: pa.RecordBatch, count: int) -> None:
        """Take in the ends of a batch of `count` rows."""
        missing = self.first - sum(batch.num_rows for batch in self.head)
        if missing > 0:
            self.head.append(head[:missing])
        self.tail.append(tail)
        while sum(batch.num_rows for batch in self.tail[1:]) >= self.last and len(self.tail) > 1:
            del self.tail[0]
        self.count += count


@dataclass
class _Printer:
    """A sink that keeps the ends of a resource, and prints them."""

    resource: str
    schema: Schema
    fields: Sequence[str]
    first: int
    last: int
    look: _Look
    folder: str = ""
    ends: _Ends | None = None

    def begin(self) -> None:
        """Start with nothing."""
        self.folder = tempfile.mkdtemp(prefix="dataflows-printer-")
        self.ends = _Ends(self.first, self.last)

    def encode(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch, int]:
        """The ends of a batch."""
        head = typed(batch[: self.first], self.schema)
        tail = typed(batch[max(0, batch.num_rows - self.last) :], self.schema)
        return head, tail, batch.num_rows

    def append(self, encoded: tuple[pa.RecordBatch, pa.RecordBatch, int]) -> None:
        """Keep the ends."""
        assert self.ends is not None
        self.ends.add(*encoded)

    def open_part(self, part: int) -> _Part:
        """The ends of one part, left in a file."""
        return _Part(part, Path(self.folder, f"{part}.arrow"), _Ends(self.first, self.last), self.schema)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Print."""
        assert self.ends is not None
        for receipt in receipts:
            with pa.OSFile(receipt.path) as file, pa.ipc.open_stream(file) as reader:
                table = reader.read_all().combine_chunks()
            (batch,) = table.to_batches() or [
                pa.record_batch(table.schema.empty_table().columns, table.schema)
            ]
            kept = min(self.first, receipt.rows)
            self.ends.add(batch[:kept], batch[kept:], receipt.rows)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._print(self.ends)

    def abort(self) -> None:
        """Print nothing."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _print(self, ends: _Ends) -> None:
        schema = self.schema.select(self.fields)
        codec = RowCodec(self.schema)
        head = [dict(row) for batch in ends.head for row in codec.decode(batch)]
        left = min(self.last, ends.count - len(head))
        tail = [dict(row) for batch in ends.tail for row in codec.decode(batch)]
        tail = tail[len(tail) - left :]
        numbers = [*range(1, len(head) + 1), *range(ends.count - left + 1, ends.count + 1)]
        title = f"{self.resource}: {ends.count:,} row{'' if ends.count == 1 else 's'}".replace(",", " ")
        self.look.show(title, schema, [*head, *tail], numbers)


@dataclass
class _Part:
    """The ends of one part, as a worker keeps them."""

    part: int
    path: Path
    ends: _Ends
    schema: Schema

    def append(self, encoded: tuple[pa.RecordBatch, pa.RecordBatch, int]) -> None:
        """Keep the ends."""
        self.ends.add(*encoded)

    def close(self) -> Receipt:
        """Leave them in a file: the first rows, then the last ones."""
        with pa.OSFile(str(self.path), "wb") as file, pa.ipc.new_stream(file, self.schema.arrow) as writer:
            for batch in (*self.ends.head, *self.ends.tail):
                writer.write_batch(batch)
        return Receipt(self.part, str(self.path), self.ends.count, self.path.stat().st_size, "")


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    current = shell.get_ipython() if shell is not None else None
    return type(current).__name__ == "ZMQInteractiveShell"
