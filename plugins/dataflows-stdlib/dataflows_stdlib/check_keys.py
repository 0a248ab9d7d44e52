"""Keys that hold: primary, unique and foreign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dataflows_core.errors import DataError, FlowError, SchemaError, shorten
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.spool import Spool
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_stdlib.outofcore import Database, check_memory_limit

__all__ = ["check_keys"]

_NUMBERS = frozenset({"integer", "number", "year"})


def check_keys(
    resources: ResourceSelector = None, *, limit: int = 20, memory_limit: str | int | None = None
) -> Step:
    """Check the keys that the schemas declare; rows pass on as they are, and a broken key fails the run.

    A primary key has no null and no value twice. A unique key (`uniqueKeys`, or the constraint `unique` of a
    field) has no value twice; rows with a null in it are not compared. A foreign key without null is a key
    of the resource that it refers to, which may be the same. All rows are looked at before the error is
    raised, so that it shows all broken keys.

    Args:
        resources: Whose keys: None for all, a regular expression, a position or a list of names.
        limit: How many broken keys the error shows, of each key.
        memory_limit: What may stay in memory, in bytes or as text such as ``"1GB"``; by default a quarter of
            the machine's memory, or what the environment variable ``DATAFLOWS_MEMORY_LIMIT`` says.

    Raises:
        DataError: Keys are broken; says resource, rows and values.
        FlowError: No resource declares a key, or a foreign key refers to what is not there.
        AccessError: Memory or disk does not suffice.

    Examples:
        >>> from dataflows_core import Flow, Package
        >>> def declare(package: Package) -> None:
        ...     package[0].schema = package[0].schema.with_properties(primaryKey=["id"])
        >>> Flow([{"id": 1}, {"id": 2}], declare, check_keys()).process().stats
        {}
        >>> Flow([{"id": 1}, {"id": 1}], declare, check_keys()).process()
        Traceback (most recent call last):
        dataflows_core.errors.ProcessorError: step 3, check_keys, resource 'res_1':
          1 key is broken
          resource 'res_1', row 2: the primary key id=1 is that of row 1 already
    """
    if type(limit) is not int or limit < 1:
        raise FlowError(f"limit is the number of broken keys to show, 1 or more, and not {limit!r}")
    memory = check_memory_limit(memory_limit)

    def step(package: Package) -> None:
        rules = [rule for resource in package.tables(resources) for rule in _rules_of(resource, package)]
        if not rules:
            raise FlowError(
                "no resource declares a key to check; set_primary_key(['id']) declares one, and so do "
                "uniqueKeys, foreignKeys and the constraint unique of a schema"
            )
        checks = _Checks(rules, limit, memory)
        for name, fields in checks.fields().items():
            resource = package[name]
            assert resource.stream is not None
            seen = checks.watch(name, resource.schema.select(fields))
            resource.stream = Stream.derive([resource.stream], seen, resource.schema, reads=[fields])

    return step


@dataclass(frozen=True)
class _Rule:
    """One key of one resource.

    Attributes:
        kind: What messages call it.
        resource: The resource that has it.
        fields: Its fields, in order.
        target: For a foreign key, the resource that it refers to.
        target_fields: The fields there, in order.
    """

    kind: str
    resource: str
    fields: tuple[str, ...]
    target: str = ""
    target_fields: tuple[str, ...] = ()


def _names(key: object) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key) if isinstance(key, Iterable) else ()


def _rules_of(resource: Resource, package: Package) -> Iterator[_Rule]:
    schema, name = resource.schema, resource.name
    if key := _names(schema.properties.get("primaryKey")):
        yield _Rule("primary key", name, schema.select(key).names)
    unique = [_names(key) for key in schema.properties.get("uniqueKeys") or ()]
    unique += [(one.name,) for one in schema if one.constraints.get("unique")]
    for key in dict.fromkeys(unique):
        yield _Rule("unique key", name, schema.select(key).names)
    for foreign in schema.properties.get("foreignKeys") or ():
        yield _foreign(resource, foreign, package)


def _foreign(resource: Resource, key: Any, package: Package) -> _Rule:
    fields, reference = _names(key.get("fields")), key.get("reference") or {}
    if not fields or not reference.get("fields"):
        raise SchemaError(
            f"a foreign key of {resource.name!r} needs `fields`, and a `reference` with `fields`: {dict(key)}"
        )
    if reference.get("package"):
        raise FlowError(
            f"the foreign key {', '.join(fields)} of {resource.name!r} refers to another package, "
            f"{reference['package']!r}; load that one too, and let the key refer to its resource"
        )
    target = package[reference.get("resource") or resource.name]
    target_fields = _names(reference["fields"])
    if not target.tabular:
        raise FlowError(f"a foreign key of {resource.name!r} refers to {target.name!r}, which is not tabular")
    if len(fields) != len(target_fields):
        raise SchemaError(
            f"the foreign key {', '.join(fields)} of {resource.name!r} refers to {len(target_fields)} fields"
        )
    for one, other in zip(fields, target_fields, strict=True):
        ours = resource.schema.field(one).type
        if other not in target.schema:
            raise SchemaError.unknown_field(other, target.schema.names, target.name)
        theirs = target.schema.field(other).type
        if ours != theirs and not {ours, theirs} <= _NUMBERS:
            raise SchemaError(
                f"the field {one!r} of {resource.name!r} is of the type {ours}, and the field {other!r} of "
                f"{target.name!r}, which it refers to, of the type {theirs}; set_type changes one of them"
            )
    return _Rule("foreign key", resource.name, fields, target.name, target_fields)


@dataclass
class _Checks:
    """What has been seen of the keys, and what is to be checked when all of them have."""

    rules: list[_Rule]
    limit: int
    memory_limit: int | None
    seen: dict[str, tuple[Schema, Spool]] = field(default_factory=dict)

    def fields(self) -> dict[str, list[str]]:
        """The fields to keep, by resource."""
        found: dict[str, dict[str, None]] = {}
        for rule in self.rules:
            found.setdefault(rule.resource, {}).update(dict.fromkeys(rule.fields))
            if rule.target:
                found.setdefault(rule.target, {}).update(dict.fromkeys(rule.target_fields))
        return {name: list(fields) for name, fields in found.items()}

    def watch(self, name: str, schema: Schema) -> Any:
        """A function that keeps the keys of a stream; at the end of the last one, all are checked."""

        def watched(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            self.seen.pop(name, None)
            spool = Spool()
            for batch in batches:
                spool.append(batch.select(list(schema.names)))
                yield batch
            self.seen[name] = schema, spool
            if len(self.seen) == len(self.fields()):
                self._check()

        return watched

    def _check(self) -> None:
        found: list[str] = []
        total = 0
        for rule in self.rules:
            count, lines = self._broken(rule)
            total += count
            found += lines
            if count > len(lines):
                found.append(
                    f"resource {rule.resource!r}: … and {count - len(lines)} more of its {rule.kind}"
                )
        if total:
            raise DataError(f"{total} key{' is' if total == 1 else 's are'} broken\n  " + "\n  ".join(found))

    def _broken(self, rule: _Rule) -> tuple[int, list[str]]:
        """How many keys of a rule are broken, and the first of them in words."""
        schema = self.seen[rule.resource][0].select(rule.fields)
        with Database(self.memory_limit) as database:
            self._read(database, "input", rule.resource, rule.fields)
            if rule.target:
                self._read(database, "target", rule.target, rule.target_fields)
            elif rule.kind == "primary key":
                self._read(database, "again", rule.resource, rule.fields)
            sql = _sql_of_broken(rule)
            database.execute(f"CREATE TABLE broken AS {sql}")
            ((count,),) = database.execute("SELECT count(*) FROM broken")
            shown = schema.add(_integer("ordinal", schema), _integer("first", schema))
            rows = database.query(f"FROM broken ORDER BY ordinal LIMIT {self.limit}", shown)
            return count, [line for batch in rows for line in self._lines(rule, schema, batch)]

    def _read(self, database: Database, name: str, resource: str, fields: tuple[str, ...]) -> None:
        schema, spool = self.seen[resource]
        batches = (spool[i].select(list(fields)) for i in range(len(spool)))
        database.read(name, batches, schema.select(fields))

    def _lines(self, rule: _Rule, schema: Schema, batch: pa.RecordBatch) -> Iterator[str]:
        rows = RowCodec(schema).decode(batch.select(list(range(len(schema)))))
        last = [batch.column(batch.num_columns - i).to_pylist() for i in (2, 1)]
        for row, ordinal, first in zip(rows, *last, strict=True):
            key = ", ".join(f"{name}={shorten(row[name], 60)}" for name in rule.fields)
            where = f"resource {rule.resource!r}, row {ordinal + 1}: the {rule.kind} {key}"
            if rule.target:
                yield f"{where} is no {', '.join(rule.target_fields)} of {rule.target!r}"
            elif first == ordinal:
                yield f"{where} has a null"
            else:
                yield f"{where} is that of row {first + 1} already"


def _sql_of_broken(rule: _Rule) -> str:
    """A query for the broken keys: their values, the row, and the first row that has them."""
    places = range(len(rule.fields))
    keys = ", ".join(f"c{i}" for i in places)
    null = " OR ".join(f"c{i} IS NULL" for i in places)
    if rule.target:
        same = " AND ".join(f"input.c{i} = target.c{i}" for i in places)
        lost = f"FROM input ANTI JOIN target ON {same} WHERE NOT ({null})"
        return f"SELECT {keys}, ordinal, 0 AS first {lost}"
    twice = f"FROM input WHERE NOT ({null}) GROUP BY {keys} HAVING count(*) > 1"
    sql = f"SELECT {keys}, max(ordinal) AS ordinal, min(ordinal) AS first {twice}"
    if rule.kind == "primary key":
        sql += f" UNION ALL SELECT {keys}, ordinal, ordinal FROM again WHERE {null}"  # noqa: S608 - SQL of ours
    return sql


def _integer(name: str, schema: Schema) -> Field:
    while name in schema:
        name += "_"
    return Field({"name": name, "type": "integer"})
