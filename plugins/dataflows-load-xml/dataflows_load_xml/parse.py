"""A document, read piece by piece: nothing outside of it is opened, and what was read is let go.

The parser keeps the tree of what it has seen. What lies before the place that it has come to is cut off after
each piece, except within a record that is not complete; so memory holds one record, and one piece of the
file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from lxml import etree

from dataflows_core.errors import DataError, FlowError, UnreadableError
from dataflows_core.files import Readable, Source

__all__ = ["LONGEST_RECORD", "Document", "Element", "Root", "checked_encoding", "local_name", "parts_of"]

Element = Any
"""An element of lxml."""

LONGEST_RECORD = 64 << 20
"""The most bytes that one record may have: it is held in memory."""

_PIECE = 1 << 16
_INCLUDE = "{http://www.w3.org/2001/XInclude}include"


@dataclass(frozen=True)
class Root:
    """The element that a document consists of.

    Attributes:
        name: Its name, without a prefix.
        namespace: The namespace it is in; empty for none.
    """

    name: str
    namespace: str


def checked_encoding(name: str) -> str:
    """The encoding itself.

    Raises:
        FlowError: The parser does not know it.
    """
    try:
        etree.XMLParser(encoding=name)
    except LookupError as error:
        raise FlowError(f"encoding={name!r} is not known") from error
    return name


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return parts_of(element.tag)[1]


def parts_of(tag: str) -> tuple[str, str]:
    """The namespace, empty for none, and the name in what lxml calls an element or an attribute.

    Examples:
        >>> parts_of("{urn:x}a"), parts_of("b")
        (('urn:x', 'a'), ('', 'b'))
    """
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


@dataclass(frozen=True)
class Document:
    """An XML file.

    Args:
        file: The file.
        encoding: Its encoding, if the one that it declares is wrong.
        huge: Whether the limits of the parser are lifted.
    """

    file: Source
    encoding: str | None = None
    huge: bool = False

    def root(self) -> Root:
        """Its root element.

        Raises:
            AccessError: The file cannot be read.
            UnreadableError: It holds nothing.
            DataError: It is not well-formed to there.
        """
        with closing(self.file.open()) as stream, self._errors():
            return self._begin(stream)[0]

    def head(self, size: int) -> Element:
        """The root, with what the first bytes say of what it holds.

        Args:
            size: How many bytes to read.

        Raises:
            As `root`.
        """
        parser = self._parser(("start",), None)
        root = None
        with closing(self.file.open()) as stream, self._errors():
            while data := stream.read(min(size, _PIECE)):
                size -= len(data)
                parser.feed(data)
                root = next((element for _, element in parser.read_events()), root) if root is None else root
                if size <= 0 and root is not None:
                    return root
            return parser.close()

    def events(
        self,
        tags: Sequence[str] | None,
        is_record: Callable[[Element], bool],
        passed: Callable[[Element], None] | None = None,
        read: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[str, Element]]:
        """The beginnings (``"start"``) and ends (``"end"``) of some elements, in order.

        An element is whole at its end, and only until the next event is asked for.

        Args:
            tags: The elements, as lxml takes them: ``"{*}item"``; None for all.
            is_record: Which of them must not be cut while they are incomplete.
            passed: Is given what is cut off: elements that are no records, or are cleared ones.
            read: Is given the length of each piece of the file, before it is looked at.

        Raises:
            AccessError: The file cannot be read to its end.
            DataError: It is not well-formed, passes a limit, or asks for something outside of it.
        """
        with closing(self.file.open()) as stream, self._errors():
            start, head = self._begin(stream)
            names = None
            if tags is not None:
                top = f"{{{start.namespace}}}{start.name}" if start.namespace else start.name
                names = (*dict.fromkeys((*tags, top, _INCLUDE)),)
            parser = self._parser(("start", "end"), names)
            tree = _Tree(is_record, passed)
            data = head
            while data:
                if read is not None:
                    read(len(data))
                parser.feed(data)
                for event, element in parser.read_events():
                    self._look(element)
                    tree.see(element)
                    yield event, element
                    if event == "end" and is_record(element):
                        element.clear(keep_tail=True)
                self._check_length(tree.prune(len(data)))
                data = stream.read(_PIECE)
            parser.close()
            for event, element in parser.read_events():
                self._look(element)
                tree.see(element)
                yield event, element
            tree.finish()

    def _begin(self, stream: Readable) -> tuple[Root, bytes]:
        """The root, and the bytes that were read to find it."""
        parser = self._parser(("start",), None)
        head = b""
        while data := stream.read(_PIECE):
            head += data
            parser.feed(data)
            for _, element in parser.read_events():
                return _root(element), head
        if not head.strip():
            raise UnreadableError(f"{self.file.shown} is empty")
        return _root(parser.close()), head  # a document so short that its end was needed to read it

    def _parser(self, events: Sequence[Literal["start", "end"]], tags: Sequence[str] | None) -> Any:
        parser = etree.XMLPullParser(
            events,
            tag=tags,
            encoding=self.encoding,
            resolve_entities="internal",
            no_network=True,
            load_dtd=False,
            recover=False,
            huge_tree=self.huge,
            remove_comments=True,
            remove_pis=True,
        )
        parser.resolvers.add(_Nothing(self.file.shown))
        return parser

    def _look(self, element: Element) -> None:
        if element.tag == _INCLUDE:
            what = element.get("href") or "another document"
            raise DataError(
                f"{self.file.shown} includes {what!r} (XInclude), and nothing outside of a document is read; "
                "load the parts by themselves, or put them together before"
            )

    def _check_length(self, record: int) -> None:
        if record > LONGEST_RECORD and not self.huge:
            raise DataError(
                f"{self.file.shown} has a record of more than {LONGEST_RECORD:,} bytes, which is held in "
                "memory; is "
                "`record` the path of a single row? huge=True lifts the limit"
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except etree.XMLSyntaxError as error:
            raise _translated(error, self.file.shown, self.huge) from error


def _root(element: Element) -> Root:
    namespace, name = parts_of(element.tag)
    return Root(name, namespace)


class _Nothing(etree.Resolver):
    """Refuses everything that a document asks for: no version of the parser shall open a file by itself."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source

    def resolve(self, system_url: str | None, public_id: str | None, context: object) -> NoReturn:  # noqa: ARG002
        raise DataError(f"{self._source} asks for {system_url!r}, and nothing outside of a document is read")


class _Tree:
    """What the parser has kept, and what of it can be let go."""

    def __init__(
        self, is_record: Callable[[Element], bool], passed: Callable[[Element], None] | None
    ) -> None:
        self._is_record, self._passed = is_record, passed
        self._root: Element | None = None
        self._pending = 0

    def see(self, element: Element) -> None:
        """An element that the parser has come to; the first one is the root."""
        if self._root is None:
            self._root = element

    def prune(self, length: int) -> int:
        """Cut off everything before the place that the parser has come to.

        The last child of each element stays, since the parser may still be in it, or in the text behind it.

        Args:
            length: The number of bytes that were read since the last time.

        Returns:
            The length in bytes of the record that is not complete yet; 0 when there is none.
        """
        node = self._root
        while node is not None and not self._is_record(node):
            last = node[-1] if len(node) else None
            if last is not None:
                self._let_go(node[:-1])
                del node[:-1]
            node = last
        self._pending = self._pending + length if node is not None and len(node) else 0
        return self._pending

    def finish(self) -> None:
        """Let go of the rest, when the document has ended."""
        self.prune(0)
        if self._root is not None and not self._is_record(self._root):
            self._let_go(self._root[:])

    def _let_go(self, elements: Sequence[Element]) -> None:
        if self._passed is not None:
            for element in elements:
                self._passed(element)


def _translated(error: etree.XMLSyntaxError, source: str, huge: bool) -> Exception:
    line, column = error.position
    message = str(error.msg or "").partition(f", line {line},")[0].strip().replace("\n", " ")
    where = f"{source}, line {line}, column {max(column, 1)}" if line else source
    words = message.lower()
    if "amplification" in words or "entity reference loop" in words:
        return DataError(
            f"{where}: the entities that the document declares multiply its text without end, or call each "
            "other (an entity bomb), and are not expanded\n  if you trust it, write them out before, with a "
            "tool that has no such limit"
        )
    if "entity" in words and "not defined" in words:
        return DataError(
            f"{where}: {message[:1].lower()}{message[1:]} in the document itself, and nothing outside of it "
            "is read"
            "\n  declare it in the document (<!DOCTYPE … [<!ENTITY …>]>), or write the text in its place"
        )
    if "huge" in words or "too big" in words or "too long" in words or "limit" in words:
        remedy = "" if huge else "\n  huge=True lifts the limits, for documents that you trust"
        what = message.partition(", use XML_")[0].partition(", try XML_")[0].partition(" use XML_")[0]
        return DataError(f"{where}: a limit that guards against hostile documents: {what}{remedy}")
    if "no element found" in words or "document is empty" in words:
        return DataError(f"{source} ends before its root element does")
    if "start tag expected" in words:
        return UnreadableError(f"{where}: this is no XML: {message}")
    return DataError(f"{where}: the document is not well-formed, or is cut short: {message}")
