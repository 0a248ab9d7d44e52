"""What a dump is told about a table, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataflows_core.errors import FlowError, near_misses
from dataflows_core.schema import Schema

__all__ = ["MODES", "Target", "target"]

MODES = ("rewrite", "append", "update", "merge")
_OTHER_NAMES = {"upsert": "update"}
_OPTIONS = ("resource-name", "mode", "update_keys", "indexes_fields")


@dataclass(frozen=True)
class Target:
    """A table that a resource is written to.

    Args:
        table: Its name.
        resource: The name of the resource.
        mode: One of `MODES`.
        update_keys: The fields whose values tell which row is meant; of the modes update and merge alone.
        indexes: The fields of each index.
    """

    table: str
    resource: str
    mode: str
    update_keys: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]

    @property
    def keyed(self) -> bool:
        """Whether rows are brought together with those of the table."""
        return self.mode in ("update", "merge")

    def with_keys(self, schema: Schema) -> Target:
        """The target with its keys known: those it was told, or the primary key of the schema.

        Raises:
            FlowError: There are none, and the mode needs them.
            SchemaError: A field that the schema has not.
        """
        for name in (*self.update_keys, *(name for index in self.indexes for name in index)):
            schema.field(name)
        keys = self.update_keys or primary_key(schema)
        if self.keyed and not keys:
            raise FlowError(
                f"table {self.table!r}: mode {self.mode!r} needs update_keys, or a primary key of resource "
                f"{self.resource!r} (set_primary_key), to tell which row is meant"
            )
        return Target(self.table, self.resource, self.mode, keys if self.keyed else (), self.indexes)


def primary_key(schema: Schema) -> tuple[str, ...]:
    """The fields of the primary key; none when there is no key."""
    key = schema.properties.get("primaryKey") or ()
    return (key,) if isinstance(key, str) else tuple(key)


def target(table: str, options: Mapping[str, Any]) -> Target:
    """What a dump is told about a table.

    Args:
        table: Its name.
        options: As `dump_to_sql` documents them.

    Raises:
        FlowError: An option or mode that there is not; near misses are named.
    """
    if not isinstance(options, Mapping):
        raise FlowError(f"table {table!r} needs options, such as {{'resource-name': 'cities'}}")
    given = {key.replace("resource_name", "resource-name"): value for key, value in options.items()}
    for key in given:
        if key not in _OPTIONS:
            raise FlowError(
                f"table {table!r} has the option {key!r}, which there is not"
                + _meant(key, _OPTIONS)
                + f"\n  options: {', '.join(_OPTIONS)}"
            )
    if not isinstance(given.get("resource-name"), str):
        raise FlowError(f"table {table!r} needs 'resource-name', the resource that is written to it")
    indexes = tuple(_names(table, "indexes_fields", index) for index in given.get("indexes_fields") or ())
    keys = _names(table, "update_keys", given.get("update_keys") or ())
    mode = _mode(table, given.get("mode", "rewrite"))
    if keys and mode not in ("update", "merge"):
        raise FlowError(f"table {table!r}: update_keys mean nothing with the mode {mode!r}")
    return Target(table, given["resource-name"], mode, keys, indexes)


def _mode(table: str, mode: Any) -> str:
    mode = _OTHER_NAMES.get(mode, mode)
    if mode in MODES:
        return str(mode)
    known = (*MODES, *_OTHER_NAMES)
    raise FlowError(
        f"table {table!r}: the mode {mode!r} is not known{_meant(str(mode), known)}"
        f"\n  modes: {', '.join(MODES)}, and upsert, which is another name for update"
    )


def _meant(name: str, known: Sequence[str]) -> str:
    close = near_misses(name, known)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _names(table: str, option: str, names: Any) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    if isinstance(names, Sequence) and all(isinstance(name, str) for name in names):
        return tuple(names)
    raise FlowError(f"table {table!r}: {option} must be names of fields, and holds {names!r}")
