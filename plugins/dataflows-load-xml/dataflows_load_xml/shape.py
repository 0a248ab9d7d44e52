"""What all records of a sample have in common, and one record made to fit it.

A field is a text, an object or an array because of what the sample shows, and not because of what one record
has: a book with one author has a list of one, if some book has two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dataflows_load_xml.values import TEXT, Mixed, Raw, Several, Whole

__all__ = ["DeviationError", "Shape"]


class DeviationError(Exception):
    """A record that is not as those of the sample.

    Args:
        message: How not.
        name: The field to blame.
    """

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass
class Shape:
    """What is known of the values of one name.

    Attributes:
        repeated: Whether there are several in one element.
        structured: Whether they have attributes or elements.
        mixed: Whether text and elements are mixed in them.
        texts: Whether some are nothing but text.
        members: What they consist of, by name.
    """

    repeated: bool = False
    structured: bool = False
    mixed: bool = False
    texts: bool = False
    members: dict[str, Shape] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Raw]]) -> Shape:
        """What some records have in common."""
        shape = cls(structured=True)
        for record in records:
            shape.learn(record)
        return shape

    def learn(self, value: Raw) -> None:
        """Take one more value into account."""
        if isinstance(value, Several):
            self.repeated = True
            for one in value:
                self.learn(one)
        elif isinstance(value, str):
            self.mixed = self.mixed or isinstance(value, Mixed)
            self.texts = self.texts or bool(value)
        elif isinstance(value, dict):
            self.structured = True
            self.mixed = self.mixed or isinstance(value, Whole)
            for name, one in value.items():
                self.members.setdefault(name, Shape()).learn(one)

    @property
    def is_text(self) -> bool:
        """Whether each value is one text."""
        return not self.repeated and not self.structured

    def whole(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """The names that lead to the elements in which text and elements are mixed."""
        if self.mixed:
            yield path
            return
        for name, member in self.members.items():
            yield from member.whole((*path, name))

    def fit(self, value: Raw, name: str, *, strict: bool = True) -> Any:
        """A value as all others of its name: a text or None, a dict, or a list of these.

        Args:
            value: The value.
            name: Its name, for messages.
            strict: Whether what no sample has shown of a text is an error; it is left out otherwise.

        Raises:
            DeviationError: It cannot be so.
        """
        if isinstance(value, Several):
            if not self.repeated:
                raise DeviationError(
                    f"the record has {len(value)} elements {name!r}, and those of the sample had one at "
                    "most\n  declare "
                    f"the field an array (override_fields), or look at more records first (sample_size)",
                    name,
                )
            return [self._one(one, name, strict) for one in value]
        one = self._one(value, name, strict)
        if not self.repeated:
            return one
        return None if one is None else [one]

    def _one(self, value: Raw, name: str, strict: bool) -> Any:
        if not isinstance(value, dict):
            return ({TEXT: str(value)} if value else None) if self.structured else value
        if not self.structured:
            if not strict:
                return value.get(TEXT)
            raise DeviationError(
                f"{name!r} has {', '.join(map(repr, value))} in it, and was nothing but text in the sample\n "
                " look at "
                "more records first (sample_size), or leave such things out (extra='ignore')",
                name,
            )
        found: dict[str, Any] = {}
        for key, one in value.items():
            member = self.members.get(key)
            if member is None:
                found[key] = _plain(one)
            elif type(one) is str and member.is_text:
                found[key] = one
            else:
                found[key] = member.fit(one, f"{name}.{key}" if name else key, strict=strict)
        return found

    def columns(self, separator: str | None) -> Iterator[tuple[str, Shape]]:
        """The fields that a table of such records has, and what is known of their values.

        Args:
            separator: What stands between names when elements within elements become fields of their own;
                None keeps them together.
        """
        for name, member in self._named():
            if separator is None or member.is_whole:
                yield name, member
                continue
            for inner, shape in member.columns(separator):
                yield (name if inner == TEXT else f"{name}{separator}{inner}"), shape

    @property
    def is_whole(self) -> bool:
        """Whether the values cannot become several fields."""
        return self.repeated or not self.structured

    def _named(self) -> Iterator[tuple[str, Shape]]:
        if TEXT in self.members or (self.texts and self.structured):
            yield TEXT, Shape()
        yield from ((name, member) for name, member in self.members.items() if name != TEXT)

    def flat(self, value: Mapping[str, Any], separator: str) -> Iterator[tuple[str, Any]]:
        """The fields of a record that fits, when elements within elements become fields of their own."""
        for name, one in value.items():
            member = self.members.get(name)
            if member is not None and one is None and not member.is_whole:
                continue
            if not isinstance(one, dict) or (member is not None and member.is_whole):
                yield name, one
                continue
            for inner, deeper in (member or Shape()).flat(one, separator):
                yield (name if inner == TEXT else f"{name}{separator}{inner}"), deeper


def _plain(value: Raw) -> Any:
    if isinstance(value, Several):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
