"""A row: a dict with all fields of its schema, which reads a column only when somebody looks at it.

A row holds the values of the fields that functions are known to touch. The first look at another field
decodes that column for the whole batch, and puts this row's value in. As soon as something asks for the
row as a whole (its length, its keys, a copy), all columns are read and the row is an ordinary dict from
then on: `Unread` rows become `Row`s, in place.

What looks into the storage of a dict from C, past its methods, sees only the values read so far. No such
code is known that matters: `json`, `dict(row)`, `{**row}`, `match` and `format_map` ask properly.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dataflows_core.schema import Schema

__all__ = ["NOWHERE", "Bare", "Origin", "Row", "Unread"]


class Origin:
    """The batch that rows come from, and what was read of it.

    Attributes:
        batch: The batch.
        schema: What its columns are.
        names: The names of its columns, in order, with their positions.
        columns: The values of the columns that were read, by name, in the order in which rows hold them.
        written: The columns that rows are expected to be given values of, without a look at the old ones.
        touched: The names of the columns that somebody asked for; shared with the batches to come.
        expected: The names of the columns to expect in `written`; in the order in which rows get
            them; shared with the batches to come.
        removed: The columns of which a row lost its value.
        disturbed: Whether a row may hold other keys than those of `columns`, or in another order.
        made: The list of all its rows, as long as its maker keeps it.
    """

    __slots__ = (
        "_decode",
        "batch",
        "columns",
        "disturbed",
        "expected",
        "made",
        "names",
        "removed",
        "schema",
        "touched",
        "written",
    )

    def __init__(
        self,
        batch: pa.RecordBatch,
        schema: Schema,
        names: Mapping[str, int],
        decode: Callable[[str, pa.Array], list[Any]],
        touched: set[str],
        expected: dict[str, None],
    ) -> None:
        self.batch, self.schema, self.names = batch, schema, names
        self.touched, self.expected = touched, expected
        self._decode = decode
        self.written = tuple(name for name in list(expected) if name not in touched)
        self.columns: dict[str, list[Any]] = {}
        self.removed: set[str] = set()
        self.disturbed = False
        self.made: Callable[[], Any] = lambda: None

    def read(self, name: str) -> list[Any]:
        """The values of a column; decoded at the first call."""
        values = self.columns.get(name)
        if values is None:
            values = self._decode(name, self.batch.column(self.names[name]))
            self.columns[name] = values
            self.touched.add(name)
        return values


class Bare(dict[str, Any]):
    """A row while it is being filled; it becomes a `Row` by a change of class.

    Python stores into a dict whose class has a `__delitem__` of its own much more slowly.
    """

    __slots__ = ("_gone", "_index", "_origin")

    if TYPE_CHECKING:
        _origin: Origin
        _index: int
        _gone: frozenset[str]


class Row(Bare):
    """A row of a batch: a dict of the values of its fields, in the order of the schema.

    It stays valid when its batch is gone. A copy, or what is unpickled of it, is a plain dict.
    """

    __slots__ = ()

    # Keys are removed seldom; that a removal is noticed spares looking for removed keys in every row.

    def __delitem__(self, key: str) -> None:
        self._origin.disturbed = True
        super().__delitem__(key)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value, or the default when there is no such key."""
        self._origin.disturbed = True
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Remove the last key; return it with its value."""
        self._origin.disturbed = True
        return super().popitem()

    def clear(self) -> None:
        """Remove all keys."""
        self._origin.disturbed = True
        super().clear()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(self),)

    @classmethod
    def fromkeys(cls, keys: Iterable[str], value: Any = None) -> dict[str, Any]:  # type: ignore[override]
        """A plain dict of keys with one value."""
        return dict.fromkeys(keys, value)

    def __getattr__(self, name: str) -> Any:
        # Slots are filled where rows are built in bulk. A row that somebody else made is from nowhere.
        if name in _UNSET:
            return _UNSET[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Unread(Row):
    """A `Row` of which some columns were not read."""

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        origin = self._origin
        if key not in origin.names or key in self._gone:
            raise KeyError(key)
        origin.disturbed = True
        value = origin.read(key)[self._index]
        dict.__setitem__(self, key, value)
        return value

    def _whole(self) -> Row:
        """Read all columns; from then on this is an ordinary dict."""
        origin, index = self._origin, self._index
        origin.disturbed = True
        held = dict(dict.items(self))
        gone = self._gone
        whole: dict[str, Any] = {}
        for name in origin.names:
            if name not in gone:
                whole[name] = held.pop(name) if name in held else origin.read(name)[index]
        dict.clear(self)
        dict.update(self, whole)
        dict.update(self, held)  # new keys, and keys that were removed and set again
        row: Row = self
        row.__class__ = Row
        return row

    def __delitem__(self, key: str) -> None:
        self[key]  # a key that is not there is a KeyError
        super().__delitem__(key)
        if key in self._origin.names:
            self._gone = self._gone | {key}
            self._origin.removed.add(key)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value, or the default when there is no such key."""
        if key not in self:
            return super().pop(key, *default)
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last key; return it with its value."""
        return self._whole().popitem()

    def clear(self) -> None:
        """Remove all keys."""
        self._origin.disturbed = True
        self._origin = NOWHERE  # nothing of it is left, not even what was not read
        dict.clear(self)
        row: Row = self
        row.__class__ = Row

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default when there is no such key."""
        try:
            return self[key]
        except KeyError:
            return default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set first when there is no such key."""
        if key in self:
            return self[key]
        return super().setdefault(key, default)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or (key in self._origin.names and key not in self._gone)

    def __len__(self) -> int:
        held = dict.keys(self)
        return len(held | self._origin.names.keys()) - len(self._gone - held)

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._whole())

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """The names of the fields."""
        return self._whole().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """The values of the fields."""
        return self._whole().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """The fields and their values."""
        return self._whole().items()

    def copy(self) -> dict[str, Any]:
        """A plain dict of the same values."""
        return self._whole().copy()

    def __repr__(self) -> str:
        return repr(self._whole())

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict):
            return NotImplemented
        # The other side may be an unread row as well, whose storage C code would compare as it is.
        if isinstance(other, Unread):
            other._whole()
        return self._whole() == other

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __or__(self, other: Any) -> Any:
        return self._whole() | other

    def __ror__(self, other: Any) -> Any:
        return dict.__ror__(self._whole(), other)

    def __ior__(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Row:  # type: ignore[override, misc]
        self.update(other)
        return self


NOWHERE = Origin(pa.RecordBatch.from_pydict({}), Schema(), {}, lambda _name, _column: [], set(), {})
"""The origin of a row that no codec made."""
_UNSET: dict[str, Any] = {"_origin": NOWHERE, "_index": 0, "_gone": frozenset()}
