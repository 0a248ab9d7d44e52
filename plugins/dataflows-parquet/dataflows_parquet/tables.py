"""The tables of several files as one: the fields of all, of types that hold the values of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from dataflows_core.drift import OnDrift, meet
from dataflows_core.errors import SchemaError
from dataflows_core.files import Source
from dataflows_core.schema import Field, Schema
from dataflows_parquet.folders import Found
from dataflows_parquet.metadata import described
from dataflows_parquet.splits import ArrowSplit, ParquetSplit

__all__ = ["Tables"]


class Tables:
    """Gathers files.

    Args:
        split: What reads them.
        fields: The fields that are wanted, in this order; None for all.
        on_drift: What becomes of fields that not all of them have.
        folders: The fields that the names of folders stand for; a column of that name goes before them.
    """

    def __init__(
        self,
        split: type[ParquetSplit | ArrowSplit],
        fields: Sequence[str] | None,
        on_drift: OnDrift,
        folders: Sequence[Field],
    ) -> None:
        self._split, self._fields, self._on_drift = split, fields, on_drift
        self._folders = {field.name: field for field in folders}
        self._known: Schema | None = None
        self._unknown: set[str] = set()  # fields that only have had null, of the type null
        self._splits: list[ParquetSplit | ArrowSplit] = []
        self._properties: dict[str, Any] = {}
        self._differing: set[str] = set()
        self._notes: list[str] = []

    @property
    def schema(self) -> Schema:
        """The schema of all."""
        assert self._known is not None
        return self._known if self._fields is None else self._known.select(self._fields)

    @property
    def splits(self) -> list[ParquetSplit | ArrowSplit]:
        """One for each file, which gives what the schema says."""
        schema = self.schema
        return [split.completed(schema) for split in self._splits]

    @property
    def properties(self) -> dict[str, Any]:
        """What the descriptors in the files say of the resource, as far as all say the same."""
        return {key: value for key, value in self._properties.items() if key not in self._differing}

    @property
    def notes(self) -> list[str]:
        """What is to be told the user."""
        names = ", ".join(sorted(self._differing))
        return self._notes + ([f"the files do not say the same of {names}: left out"] if names else [])

    def add(self, found: Found) -> None:
        """Take in a file.

        Raises:
            SchemaError: It has other fields, or types that do not go with those of the first; a field that is
                wanted and is not there.
        """
        arrow = self._split.arrow_schema(found.file)
        constants = tuple(
            pair for pair in found.partitions if pair[0] in self._folders and pair[0] not in arrow.names
        )
        stored = self._stored(found.file, arrow, [name for name, _ in constants])
        nulls = {name for name in stored.names if pa.types.is_null(arrow.field(name).type)}
        if self._known is not None:
            stored = stored.add(*(self._known.field(name) for name in nulls if name in self._known))
        whole = stored.add(*(self._folders[name] for name, _ in constants if self._wanted(name)))
        self._splits.append(self._split(found.file, whole, stored, constants))
        self._meet(whole, nulls)

    def _wanted(self, name: str) -> bool:
        return self._fields is None or name in self._fields

    def _stored(self, file: Source, arrow: pa.Schema, constants: list[str]) -> Schema:
        names = self._fields
        if names is not None:
            if self._on_drift == "error" and (
                unknown := [name for name in names if name not in (*arrow.names, *constants)]
            ):
                raise SchemaError.unknown_field(unknown[0], [*arrow.names, *constants], file.shown)
            names = [name for name in names if name in arrow.names]
        said = described(arrow, names)
        self._notes += [f"{file.shown}: {note}" for note in said.notes]
        if not self._splits:
            self._properties = said.properties
        self._differing |= {
            key
            for key in {**self._properties, **said.properties}
            if key not in self._properties or self._properties[key] != said.properties.get(key)
        }
        return said.schema

    def _meet(self, schema: Schema, nulls: set[str]) -> None:
        if self._known is None:
            self._known, self._unknown = schema, nulls
            return
        if schema == self._known:
            return
        first, last = self._splits[0].source, self._splits[-1].source
        learned = {name for name in self._unknown - nulls if name in schema}
        known = self._known.add(*(schema.field(name) for name in learned))
        try:
            self._known = meet(known, schema, self._on_drift, names=(first, last))
        except SchemaError as error:
            raise SchemaError(f"{error}\n  many=True makes a resource of each file") from error
        self._unknown -= learned
        self._splits = (
            [_learned(split, schema, learned) for split in self._splits] if learned else self._splits
        )


def _learned(split: ParquetSplit | ArrowSplit, schema: Schema, names: set[str]) -> ParquetSplit | ArrowSplit:
    """The split of a file whose columns without values are now known to be of other types."""
    found = [schema.field(name) for name in names if name in split.columns]
    return replace(split, stored=split.columns.add(*found))
