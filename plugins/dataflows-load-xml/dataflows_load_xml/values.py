"""Records as values: what elements, attributes and texts become.

A leaf is a text. An element with attributes or elements in it is a dict, its own text under ``#text``.
Elements that have one name are `Several`. What these mean for all records together is the shape's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from lxml import etree

from dataflows_core.errors import shorten
from dataflows_load_xml.parse import Element, local_name, parts_of

__all__ = ["TEXT", "Converter", "Empty", "Fault", "Mixed", "Raw", "Several", "Values", "Whole"]

TEXT = "#text"
"""The key of an element's own text, where it has attributes or elements besides; no name is like it."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{_XSI}}}nil"
_USUAL = {"http://www.w3.org/XML/1998/namespace": "xml", _XSI: "xsi"}
_DEEPEST = 200

Raw = Any
"""A text, None, a dict, or `Several` of these."""


class Several(list[Any]):
    """The values of elements of one name, in one element."""


class Mixed(str):
    """The text of an element in which text and elements are mixed."""

    __slots__ = ()


class Empty(dict[str, Any]):
    """A record with nothing in it: an empty text, where records are texts.

    Args:
        name: The name that the text would have.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __reduce__(self) -> tuple[type[Empty], tuple[str]]:
        return Empty, (self.name,)


class Whole(dict[str, Any]):
    """A record in which text and elements are mixed: its one value."""


@dataclass(frozen=True)
class Fault:
    """A record that is no row.

    Attributes:
        message: What is wrong with it.
        field: The field to blame.
    """

    message: str
    field: str


class _FaultError(Exception):
    pass


@dataclass(frozen=True)
class Values:
    """How records are read.

    Args:
        namespaces: Prefixes for names in the fields, by prefix.
        attribute_prefix: What is put before the names of attributes.
        strip: Whether blanks around texts are left out.
        mixed: What becomes of elements that mix text and elements: ``"error"``, ``"text"`` or ``"markup"``.
        whole: Names that lead to elements which are taken as such texts, also where they mix nothing.
    """

    namespaces: Mapping[str, str] = field(default_factory=dict)
    attribute_prefix: str = ""
    strip: bool = True
    mixed: str = "error"
    whole: frozenset[tuple[str, ...]] = frozenset()

    def converter(self) -> Converter:
        """What converts the records of one document."""
        return Converter(self)


class Converter:
    """Converts the records of one document.

    Args:
        values: How they are read.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._prefixes = {uri: prefix for prefix, uri in values.namespaces.items()}
        self._home = ""
        self._names: dict[tuple[str, str | None], str] = {}
        self._attributes: dict[str, str] = {}

    def __call__(self, record: Element) -> dict[str, Raw] | Fault:
        """A record as a dict: its attributes, its own text under its name, the elements in it."""
        home = record.tag[1:].partition("}")[0] if record.tag[0] == "{" else ""
        if home != self._home:
            self._home, self._names = home, {}
        try:
            found = self._value(record, ())
            if not isinstance(found, dict):
                if isinstance(found, Mixed):
                    return Whole({self._name(record): found})
                if found == "":
                    return Empty(self._name(record))
                return {self._name(record): found} if found else {}
            if TEXT in found:
                own = found.pop(TEXT)
                self._put_new(found, self._name(record), own, "text of the record")
            return found
        except _FaultError as error:
            return Fault(*error.args)

    def _value(self, element: Element, path: tuple[str, ...]) -> Raw:
        values = self._values
        if values.whole and path in values.whole:
            return Mixed(self._stripped(self._whole(element)) or "")
        if not len(element):
            text = self._stripped(element.text)
            attributes = element.items()
            return text if not attributes else self._with_attributes(element, attributes, text)
        if self._mixes(element):
            if values.mixed == "error":
                raise _FaultError(
                    f"<{local_name(element)}> mixes text and elements, which is no value: "
                    f"{shorten(' '.join(''.join(element.itertext()).split()))}\n  mixed='text' takes the "
                    "text of it all, "
                    "mixed='markup' the elements too",
                    path[0] if path else self._name(element),
                )
            return Mixed(self._stripped(self._whole(element)) or "")
        if len(path) > _DEEPEST:
            raise _FaultError(f"the record nests deeper than {_DEEPEST} levels", path[0])
        attributes = element.items()
        found = self._with_attributes(element, attributes, "") if attributes else {}
        if found is None:
            return None
        return self._with_children(element, found if isinstance(found, dict) else {}, path)

    def _with_children(
        self, element: Element, found: dict[str, Raw], path: tuple[str, ...]
    ) -> dict[str, Raw]:
        tags: dict[str, str] = {}
        plain = not self._values.whole
        for child in element:
            tag = child.tag
            name = tag if tag[0] != "{" else self._name(child)
            if plain and not len(child) and not child.keys():
                value: Raw = self._stripped(child.text)  # most are, and nothing more needs to be asked
            else:
                value = self._value(child, (*path, name))
            if name not in tags:
                tags[name] = tag
                self._put_new(found, name, value, "element")
                continue
            if tags[name] != tag:
                raise _FaultError(
                    f"the record has {tags[name]} and {tag}, and the name {name!r} for both; give the "
                    "namespace a "
                    "prefix: namespaces={'x': '…'}",
                    (*path, name)[0],
                )
            before = found[name]
            if type(before) is Several:
                before.append(value)
            else:
                found[name] = Several((before, value))
        return found

    @staticmethod
    def _put_new(found: dict[str, Raw], name: str, value: Raw, kind: str) -> None:
        if name in found:
            raise _FaultError(
                f"the record has an attribute {name!r} and an {kind} of that name; attribute_prefix='@' "
                "keeps them apart",
                name,
            )
        found[name] = value

    def _with_attributes(self, element: Element, attributes: list[tuple[str, str]], text: Raw) -> Raw:
        prefix = self._values.attribute_prefix
        found: dict[str, Raw] = {}
        nil = False
        for key, value in attributes:
            if key == _NIL:
                nil = value.strip() in ("true", "1")
                continue
            name = key if key[0] != "{" else self._attribute(element, key)
            found[prefix + name] = self._stripped(value)
        if nil:
            text = None
        if not found:
            return text
        if text:
            found[TEXT] = text
        return found

    def _stripped(self, text: str | None) -> str:
        if text is None:
            return ""
        return text.strip() if self._values.strip else text

    @staticmethod
    def _mixes(element: Element) -> bool:
        if element.text and not element.text.isspace():
            return True
        return any(child.tail and not child.tail.isspace() for child in element)

    def _whole(self, element: Element) -> str:
        if self._values.mixed != "markup":
            return "".join(element.itertext())
        inside = (etree.tostring(child, encoding="unicode") for child in element)
        return escape(element.text or "", quote=False) + "".join(inside)

    def _name(self, element: Element) -> str:
        """The name without a prefix in the namespace of the record, or in none; otherwise with it."""
        key = (element.tag, element.prefix)
        if key not in self._names:
            uri, local = parts_of(element.tag)
            prefix = self._prefixes.get(uri, "" if uri in ("", self._home) else element.prefix or "")
            self._names[key] = f"{prefix}:{local}" if prefix else local
        return self._names[key]

    def _attribute(self, element: Element, key: str) -> str:
        if key not in self._attributes:
            uri, local = parts_of(key)
            written = next((prefix for prefix, one in element.nsmap.items() if one == uri and prefix), "")
            prefix = self._prefixes.get(uri, _USUAL.get(uri, "" if uri == self._home else written))
            self._attributes[key] = f"{prefix}:{local}" if prefix else local
        return self._attributes[key]
