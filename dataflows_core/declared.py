"""The schema of a load: what is declared of it, over what is inferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dataflows_core.errors import FlowError, SchemaError
from dataflows_core.schema import Field, Schema

__all__ = ["Declared"]


@dataclass(frozen=True)
class Declared:
    """What the user says of the schema; it is never second-guessed.

    Args:
        descriptor: A Table Schema descriptor, whole or in part.
        fields: Properties by field name; they go over those of the descriptor, and over inferred ones.
        text: Whether every field that is not declared is text, so that nothing is inferred.
        missing: Texts that stand for a missing value besides those of the descriptor, such as the dialect's.
    """

    descriptor: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: bool = False
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given: Mapping[str, Any] = self.fields
        for name, properties in given.items():
            if not isinstance(properties, Mapping):
                raise FlowError(f"override_fields: {name!r} needs properties, such as {{'type': 'integer'}}")
            if properties.get("name", name) != name:
                raise FlowError(f"override_fields cannot rename {name!r}; rename_fields does that")

    @classmethod
    def of(
        cls,
        schema: Schema | Mapping[str, Any] | None,
        override_schema: Mapping[str, Any] | None,
        override_fields: Mapping[str, Mapping[str, Any]] | None,
        *,
        text: bool,
        untyped: bool,
        null_sequence: str | None,
    ) -> Declared:
        """What the options of the processor declare.

        Raises:
            FlowError: Types are declared, and every field shall be text (`untyped`).
        """
        descriptor = dict(schema.descriptor if isinstance(schema, Schema) else schema or {})
        descriptor.update(override_schema or {})
        fields = override_fields or {}
        missing = () if null_sequence is None else (null_sequence,)
        declared = cls(descriptor, fields, text or untyped, missing)
        typed = [*descriptor.get("fields", ()), *fields.values()]
        if untyped and any(item.get("type", "string") != "string" for item in typed):
            raise FlowError(
                "cast_strategy makes every field a text, and other types are declared; leave one out"
            )
        return declared

    def with_missing(self, values: tuple[str, ...]) -> Declared:
        """The same, with these missing values in place of those of the descriptor."""
        return replace(self, descriptor={**self.descriptor, "missingValues": list(values)})

    @property
    def missing_values(self) -> tuple[str, ...]:
        """The texts that stand for a missing value."""
        listed = self.descriptor.get("missingValues", [""])
        # Version 2 may say what each stands for.
        values = [item["value"] if isinstance(item, Mapping) else item for item in listed]
        return tuple(dict.fromkeys([*values, *self.missing]))

    @property
    def by_field(self) -> bool:
        """Whether some field has missing values of its own."""
        declared = [*self.descriptor.get("fields", ()), *self.fields.values()]
        return any("missingValues" in properties for properties in declared)

    def undeclared(self, columns: tuple[str, ...]) -> list[str]:
        """The columns whose type has to be inferred."""
        if self.text:
            return []
        known = {item["name"] for item in self.descriptor.get("fields", ())}
        return [name for name in columns if name not in known and "type" not in self.fields.get(name, {})]

    def schema(self, columns: tuple[str, ...], inferred: Schema, source: str) -> Schema:
        """The schema of a file's columns, in their order.

        Args:
            columns: The names in the file's header.
            inferred: What was inferred of those that are not declared.
            source: What messages call the file.

        Raises:
            SchemaError: Fields are declared that the file does not have, or it has others than declared and
                `fieldsMatch` does not allow it.
        """
        declared = {item["name"]: item for item in self.descriptor.get("fields", ())}
        for name in self.fields:
            if name not in columns:
                raise SchemaError.unknown_field(name, columns, source)
        self._check_match(columns, list(declared), source)
        fields = [self._field(name, declared.get(name), inferred) for name in columns]
        # From here on the schema is that of the columns, so that how it matches them says nothing more.
        properties = {k: v for k, v in self.descriptor.items() if k not in ("fields", "fieldsMatch")}
        if self.missing:
            properties["missingValues"] = list(self.missing_values)
        return Schema(tuple(fields), properties)

    def _field(self, name: str, declared: Mapping[str, Any] | None, inferred: Schema) -> Field:
        override = self.fields.get(name, {})
        if declared is not None:
            return Field({**declared, **override})
        if self.text or "type" in override or name not in inferred:
            return Field({"name": name, **override})
        return inferred.field(name).update(**override)

    def _check_match(self, columns: tuple[str, ...], declared: list[str], source: str) -> None:
        if not declared:
            return
        mode = self.descriptor.get("fieldsMatch", "equal")
        mode = mode[0] if isinstance(mode, list) and mode else mode  # the published profile asks for a list
        missing = [name for name in declared if name not in columns]
        extra = [name for name in columns if name not in declared]
        allowed = {
            "exact": list(columns) == declared,
            "equal": not missing and not extra,
            "subset": not missing,
            "superset": not extra,
            "partial": len(missing) < len(declared),
        }
        if mode not in allowed:
            raise SchemaError(f"fieldsMatch={mode!r} is none of {', '.join(allowed)}")
        if not allowed[mode]:
            faults = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
            faults += [f"has {', '.join(map(repr, extra))} besides"] if extra else []
            what = " and ".join(faults) or "has them in another order"
            raise SchemaError(
                f"the header of {source} is not as the schema declares: it {what}"
                f"\n  the header: {', '.join(columns)}"
            )
