"""Every other database that SQLAlchemy opens: it is read, and not written to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.schema import Field, Schema
from dataflows_sql.address import Address
from dataflows_sql.stored import bare

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Other"]

_ROWS = 1 << 14
_SAMPLE = 1000


@dataclass(frozen=True)
class Other:
    """A database that SQLAlchemy opens: a `dataflows_sql.database.Readable`.

    Args:
        address: Where it is.
    """

    address: Address

    @property
    def shown(self) -> str:
        """Its URL, without secrets."""
        return self.address.shown

    @property
    def portable(self) -> bool:
        """An engine cannot go to another process."""
        return self.address.engine is None

    @contextmanager
    def open(self, *, write: bool = False) -> Iterator[OtherConnection]:
        """A transaction."""
        import sqlalchemy as sa

        try:
            engine = self.address.engine or sa.create_engine(self.address.url, poolclass=sa.pool.NullPool)
            with engine.connect().execution_options(stream_results=True) as opened:
                yield OtherConnection(opened)
        except sa.exc.NoSuchModuleError:
            raise FlowError(
                f"{self.shown}: SQLAlchemy knows no databases of the kind {self.address.url.drivername!r}\n"
                "  a file of SQLite or DuckDB is opened where it is: download it, and load its path"
            ) from None
        except ImportError as error:
            raise FlowError(
                f"the driver for {self.shown} is not installed: {self.address.clean(error)}\n"
                "  install it, or name the one that you have, as in mysql+pymysql://…"
            ) from None
        except sa.exc.SQLAlchemyError as error:
            raise AccessError(
                f"{self.shown}: {self.address.clean(getattr(error, 'orig', None) or error)}"
            ) from None

    def decode(self, block: list[tuple[Any, ...]], schema: Schema) -> pa.RecordBatch:
        """The columns of some rows."""
        from dataflows_core.values import value_codec

        columns = zip(*block, strict=True)
        made = [
            value_codec(field).encode(list(values)) for field, values in zip(schema, columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(made, names=list(schema.names))


class OtherConnection:
    """A transaction: a `dataflows_sql.database.ReadConnection`.

    Args:
        opened: The connection of SQLAlchemy.
    """

    def __init__(self, opened: sa.Connection) -> None:
        self._opened = opened

    def tables(self) -> list[str]:
        """The tables and views."""
        import sqlalchemy as sa

        inspector = sa.inspect(self._opened)
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def quoted(self, name: str) -> str:
        """A name as this database writes identifiers."""
        return self._opened.dialect.identifier_preparer.quote_identifier(name)

    def describe(self, select: str) -> Schema:
        """The schema of what a query gives, as its first rows are."""
        import sqlalchemy as sa

        try:
            result = self._opened.exec_driver_sql(select)
        except sa.exc.DBAPIError as error:
            raise FlowError(f"the database cannot run the query: {error.orig}") from None
        with result:
            sample = result.fetchmany(_SAMPLE)
            return Schema(
                tuple(_inferred(name, [row[at] for row in sample]) for at, name in enumerate(result.keys()))
            )

    def blocks(self, select: str, schema: Schema) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
        """Some thousands of rows at a time."""
        with self._opened.execution_options(yield_per=_ROWS).exec_driver_sql(select) as result:
            for rows in result.partitions(_ROWS):
                yield len(rows), [tuple(row) for row in rows]


def _inferred(name: str, values: Sequence[Any]) -> Field:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {dt.datetime}:
        aware = any(value.tzinfo for value in values if value is not None)
        return bare(name, "datetime", pa.timestamp("us", "UTC" if aware else None))
    if kinds and kinds <= {float, int} and float in kinds:
        return bare(name, "number", floatNumber=True)
    for python, kind in _KINDS.items():
        if kinds == {python}:
            return bare(name, kind)
    if kinds == {int, Decimal}:
        return bare(name, "number")
    if kinds and not kinds <= {str}:
        raise FlowError(
            f"the column {name!r} holds values of {', '.join(sorted(kind.__name__ for kind in kinds))}, "
            "for which there is no one type\n  a query can leave it out, or make it a text"
        )
    return bare(name, "string")


_KINDS = {
    int: "integer",
    Decimal: "number",
    bool: "boolean",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "duration",
    dict: "object",
    list: "array",
}
