"""Hashes in the place of values: pseudonyms and keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.errors import FlowError, UnknownNameError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.text import column_to_text
from dataflows_stdlib.match import free_field, matching_fields

__all__ = ["hash_fields"]

_ALGORITHMS = sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))


def hash_fields(
    fields: str | Iterable[str],
    target: str | None = None,
    algorithm: str = "sha256",
    resources: ResourceSelector = None,
    regex: bool = True,
    *,
    salt: str = "",
) -> Step:
    """Replace values by their hashes, or add one hash of several fields.

    What is hashed is the salt and, behind it, the value's text in UTF-8: the text that a dump would write, so
    that a number is ``1.5`` whatever it was read from. Null stays null. With a target, it is the JSON array
    of the texts, such as ``["Ada", "1.5", null]``. A hash is written in hexadecimal digits.

    Values that can be guessed (names, numbers of telephones) can be found again from their hashes, unless
    the salt is long and kept secret.

    Args:
        fields: Names, or regular expressions that names match as a whole.
        target: The name of a new field, for one hash of all of them; the fields stay as they are.
        algorithm: One of Python's `hashlib` that every machine has: ``"sha256"``, ``"blake2b"``, ``"md5"`` …
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether `fields` are regular expressions.
        salt: A text that is hashed before each value.

    Raises:
        SchemaError: A field that none of the resources has.
        UnknownNameError: An algorithm that does not exist.
        FlowError: A target that is there already.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"id": 7, "name": "Ada"}], hash_fields("name", algorithm="md5")).results().rows
        [[{'id': 7, 'name': '1a382809b7c03f686e12dd15677c5497'}]]
    """
    if algorithm not in _ALGORITHMS:
        raise UnknownNameError("hash algorithm", str(algorithm), _ALGORITHMS)
    if not isinstance(salt, str):
        raise FlowError("the salt must be a text")

    def step(package: Package) -> None:
        for resource, names in matching_fields(package, resources, fields, regex):
            if target is not None:
                free_field(resource, target)
            sources = tuple(resource.schema.field(name) for name in names)
            made = names if target is None else [target]
            after = resource.schema.add(*(Field({"name": name}) for name in made))
            function = _Hashed(sources, target, after, algorithm, salt)
            resource.map_batches(function, after, reads=names)

    return step


@dataclass(frozen=True)
class _Hashed:
    """Hashes columns."""

    sources: tuple[Field, ...]
    target: str | None
    after: Schema
    algorithm: str
    salt: str = field(repr=False)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = {one.name: column_to_text(batch.column(one.name), one) for one in self.sources}
        if self.target is None:
            made = {name: self._hashes(text) for name, text in texts.items()}
        else:
            made = {self.target: self._hashes(_json_arrays([*texts.values()]))}
        columns = [made[name] if name in made else batch.column(name) for name in self.after.names]
        return pa.RecordBatch.from_arrays(columns, names=list(self.after.names))

    def _hashes(self, texts: pa.Array) -> pa.Array:
        begun = hashlib.new(self.algorithm, self.salt.encode(), usedforsecurity=False)
        coded = texts.dictionary_encode()
        hashes = []
        for text in coded.dictionary.to_pylist():
            one = begun.copy()
            one.update(text.encode())
            hashes.append(one.hexdigest())
        return pa.array(hashes, pa.string()).take(coded.indices)


def _json_arrays(texts: list[pa.Array]) -> pa.Array:
    """The JSON array of each row's texts."""
    quoted = [_json_texts(text) for text in texts]
    inside = pc.binary_join_element_wise(*quoted, ", ")
    return pc.binary_join_element_wise("[", inside, "]", "")


def _json_texts(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f]')).as_py():
        return pa.array([json_text.dumps(text) for text in texts.to_pylist()], pa.string())
    return pc.fill_null(pc.binary_join_element_wise('"', texts, '"', ""), "null")
