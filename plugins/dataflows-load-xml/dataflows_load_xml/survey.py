"""Which elements of a document are its records: those that repeat, and repeat alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dataflows_core.errors import DataError, UnreadableError
from dataflows_load_xml.parse import Document, Element, Root, local_name
from dataflows_load_xml.path import Path, steps_to

__all__ = ["Alone", "find_records", "outline"]

_HEAD = 1 << 20
_SHOWN = 20

_ATOM = "http://www.w3.org/2005/Atom"
_GPX = ("trk/trkseg/trkpt", "rte/rtept", "wpt")
_KNOWN: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("rss", ""): ("channel/item",),
    ("RDF", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"): ("item",),
    ("feed", _ATOM): ("entry",),
    ("gpx", "http://www.topografix.com/GPX/1/0"): _GPX,
    ("gpx", "http://www.topografix.com/GPX/1/1"): _GPX,
    ("kml", "http://www.opengis.net/kml/2.2"): ("//Placemark",),
    ("kml", "http://earth.google.com/kml/2.2"): ("//Placemark",),
}
"""Where the records of documents that many write are, whatever else repeats in them."""

_SPREADSHEET = Root("Workbook", "urn:schemas-microsoft-com:office:spreadsheet")


def find_records(document: Document) -> tuple[Path, bool]:
    """The path of the records, from the beginning of a document.

    Returns:
        The path, and whether it was found because nothing else repeats there.

    Raises:
        UnreadableError: Nothing repeats, or several things do.
        AccessError: The file cannot be read.
        DataError: It is not well-formed.
    """
    root, source = document.root(), document.file.shown
    if root == _SPREADSHEET:
        raise UnreadableError(
            f"{source} is a spreadsheet in XML; format='excel-xml' (load_excel_xml) loads it"
        )
    if root.name.lower() == "html":
        raise UnreadableError(f"{source} is a web page; load its tables with format='html'")
    head = document.head(_HEAD)
    known = _KNOWN.get((root.name, root.namespace))
    repeated = _repeated(head)
    if known is not None:
        paths = known if len(known) == 1 else tuple(path for path in known if _occurs(head, path))
        if len(paths) == 1:
            return Path(paths[0]), False
        repeated = dict.fromkeys(paths, 1)
    if len(repeated) == 1:
        return Path(next(iter(repeated))), True
    if repeated:
        listed = "".join(f"\n  record={path!r}" for path in list(repeated)[:_SHOWN])
        raise UnreadableError(f"{source} has several lists; say which elements are the records:{listed}")
    raise UnreadableError(
        f"nothing repeats in {source}, so that it does not show which elements are records; say "
        f"so:{outline(head)}"
    )


def outline(root: Element) -> str:
    """The paths in a document, as they are listed in messages."""
    paths: dict[str, None] = {}
    stack = [(child, "") for child in reversed(root)]
    while stack and len(paths) < _SHOWN:
        element, above = stack.pop()
        path = f"{above}{local_name(element)}"
        paths[path] = None
        stack += [(child, f"{path}/") for child in reversed(element)]
    return "".join(f"\n  record={path!r}" for path in paths) or f"\n  record='/{local_name(root)}'"


def _repeated(root: Element) -> dict[str, int]:
    """The paths of elements that occur several times, the outermost ones."""
    found: dict[str, int] = {}
    stack = [(root, "")]
    while stack:
        element, above = stack.pop()
        counts = Counter(local_name(child) for child in element)
        for name, count in counts.items():
            if count > 1:
                found[f"{above}{name}"] = count
        stack += [
            (child, f"{above}{local_name(child)}/")
            for child in reversed(element)
            if counts[local_name(child)] == 1
        ]
    return found


def _occurs(root: Element, path: str) -> bool:
    return root.find("/".join(f"{{*}}{step}" for step in path.split("/"))) is not None


@dataclass
class Alone:
    """Watches that nothing but the records repeats, where their path was not given but found.

    Args:
        source: What messages call the file.
        path: The path of the records.
        is_record: Tells them.
    """

    source: str
    path: str
    is_record: Callable[[Element], bool]

    def __post_init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, element: Element) -> None:
        """An element that is not needed any more.

        Raises:
            DataError: It repeats, and is no record.
        """
        if self.is_record(element):
            return
        stack = [(element, "/".join(steps_to(element)))]
        while stack:
            one, path = stack.pop()
            self._counts[path] += 1
            if self._counts[path] > 1:
                raise DataError(
                    f"{self.source} is a list of {self.path!r} in its beginning, and of {path!r} further on; "
                    "say which "
                    f"are the records (record={self.path!r}), and load the others by themselves"
                )
            stack += [(child, f"{path}/{local_name(child)}") for child in one if not self.is_record(child)]
