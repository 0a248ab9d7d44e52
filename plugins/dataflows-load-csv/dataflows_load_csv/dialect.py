"""A dialect: how a CSV file is written, frozen, and as Data Package descriptors say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from dataflows_core.errors import FlowError, SchemaError, near_misses

__all__ = ["Dialect"]

# CSV Dialect 1.2 and Table Dialect 2.0 share these properties.
_PROPERTIES = {
    "delimiter": "delimiter",
    "quoteChar": "quotechar",
    "doubleQuote": "doublequote",
    "escapeChar": "escapechar",
    "skipInitialSpace": "skipinitialspace",
    "nullSequence": "null_sequence",
}
_ELSEWHERE = (
    "$schema", "caseSensitiveHeader", "commentChar", "commentRows", "csvddfVersion", "header", "headerJoin",
    "headerRows", "lineTerminator", "description", "name", "title",
)  # fmt: skip
_OTHER_FORMATS = ("itemKeys", "itemType", "property", "sheetName", "sheetNumber", "table")


@dataclass(frozen=True)
class Dialect:
    """How the cells of a CSV file are told apart.

    Line ends are not part of it: LF, CRLF and CR are all understood, mixed as well.

    Args:
        delimiter: The character between cells.
        quotechar: The character around cells that hold delimiters or line ends; None when there is none,
            and it is a character like any other.
        escapechar: The character that takes the meaning from the next one; None when there is none.
        doublequote: Whether two quote characters inside a quoted cell stand for one.
        skipinitialspace: Whether spaces at the beginning of a cell are left out, also before a quote.
        comments: What a line that is a comment begins with; several are possible.
        null_sequence: A text that stands for no value, besides the schema's missing values.

    Raises:
        FlowError: A character is not one ASCII character, or two of them are the same.

    Examples:
        >>> Dialect(delimiter=";").descriptor
        {'delimiter': ';'}
    """

    delimiter: str = ","
    quotechar: str | None = '"'
    escapechar: str | None = None
    doublequote: bool = True
    skipinitialspace: bool = False
    comments: tuple[str, ...] = ()
    null_sequence: str | None = None

    def __post_init__(self) -> None:
        special: dict[str, str] = {}
        for name in ("delimiter", "quotechar", "escapechar"):
            char = getattr(self, name)
            if char is None and name != "delimiter":
                continue
            if not isinstance(char, str) or len(char) != 1 or not char.isascii() or char in "\r\n\0":
                raise FlowError(f"{name}={char!r} must be one ASCII character, and no line end")
            if char in special:
                raise FlowError(f"{name} and {special[char]} are both {char!r}; they must differ")
            special[char] = name
        for prefix in self.comments:
            if not prefix or not prefix.isascii() or "\n" in prefix or "\r" in prefix:
                raise FlowError(f"a comment begins with ASCII characters, and not with {prefix!r}")

    @classmethod
    def from_descriptor(cls, descriptor: Mapping[str, Any]) -> Dialect:
        """The dialect of a CSV Dialect (Data Package v1) or Table Dialect (v2) descriptor.

        Properties about the header (`header`, `headerRows`, `headerJoin`, `commentRows`) are no part of it;
        see `dataflows_load_csv.header.Layout`. `lineTerminator` need not be known: every line end is
        understood.

        Raises:
            SchemaError: A property has a value that makes no dialect, or another line end is wanted.

        Examples:
            >>> Dialect.from_descriptor({"delimiter": "|", "commentChar": "#"})
            ... # doctest: +NORMALIZE_WHITESPACE
            Dialect(delimiter='|', quotechar='"', escapechar=None, doublequote=True, skipinitialspace=False,
                    comments=('#',), null_sequence=None)
        """
        given = {
            name: descriptor[key] for key, name in _PROPERTIES.items() if descriptor.get(key) is not None
        }
        if descriptor.get("lineTerminator") not in (None, "\n", "\r\n", "\r"):
            raise SchemaError(
                f"the dialect has the lineTerminator {descriptor['lineTerminator']!r}; a line ends with a "
                "line feed, a carriage return or both"
            )
        if descriptor.get("commentChar"):
            given["comments"] = (descriptor["commentChar"],)
        if "quoteChar" in descriptor and not descriptor["quoteChar"]:
            given["quotechar"] = None
        try:
            return cls(**given)
        except FlowError as error:
            raise SchemaError(f"the dialect {dict(descriptor)!r} cannot be read: {error}") from error

    @staticmethod
    def named_in(descriptor: Mapping[str, Any]) -> list[str]:
        """The arguments of the class that a descriptor says something about.

        Examples:
            >>> Dialect.named_in({"delimiter": ",", "header": False})
            ['delimiter']
        """
        names = [name for key, name in _PROPERTIES.items() if key in descriptor]
        return [*names, "comments"] if descriptor.get("commentChar") else names

    @staticmethod
    def unheeded(descriptor: Mapping[str, Any]) -> list[str]:
        """What a descriptor says that is no part of how CSV is read, in words.

        Examples:
            >>> Dialect.unheeded({"delimeter": ";", "sheetName": "a"})
            ["the dialect has 'delimeter', which is not known; did you mean delimiter?",
             "the dialect has 'sheetName', which does not apply to CSV"]
        """
        known = (*_PROPERTIES, *_ELSEWHERE)
        notes = []
        for key in descriptor:
            if key in _OTHER_FORMATS:
                notes.append(f"the dialect has {key!r}, which does not apply to CSV")
            elif key not in known:
                close = near_misses(key, known)
                hint = f"; did you mean {' or '.join(close)}?" if close else ""
                notes.append(f"the dialect has {key!r}, which is not known{hint}")
        return notes

    @property
    def descriptor(self) -> dict[str, Any]:
        """What differs from the default, as both versions of the specification write it."""
        default = {field.name: field.default for field in fields(self)}
        result = {
            key: getattr(self, name)
            for key, name in _PROPERTIES.items()
            if getattr(self, name) != default[name] and getattr(self, name) is not None
        }
        if self.quotechar is None:
            result["quoteChar"] = ""
        if self.comments:
            result["commentChar"] = self.comments[0]
        return result

    def replace(self, **changes: Any) -> Dialect:
        """The dialect with some of its parts replaced."""
        return replace(self, **changes)
