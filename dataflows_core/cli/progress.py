"""How far a run is: a line that is redrawn on a terminal, log lines elsewhere. Plugins on the hooks."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from dataflows_core.cli.sizes import part_text
from dataflows_core.hooks import hookimpl
from dataflows_core.render import cut, display_width, printable
from dataflows_core.stream import Derived, Splits

if TYPE_CHECKING:
    from dataflows_core.package import Package
    from dataflows_core.stream import Stream

__all__ = ["Bar", "Lines", "Progress", "shown_progress"]

REDRAW = 0.1
"""Seconds between two drawings of the bar, at least."""

LOG_EVERY = 5.0
"""Seconds between two log lines, at least."""


@dataclass
class Reading:
    """How far the reading of one resource is.

    Attributes:
        name: The resource.
        total: Bytes of its sources; None when that is not known.
        rows: Rows read so far.
        bytes: Bytes read so far.
        started: When it began, as `time.monotonic` counts.
    """

    name: str
    total: int | None
    rows: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def share(self) -> float | None:
        """The part that is read, from 0 to 1; None when that is not known."""
        return min(1.0, self.bytes / self.total) if self.total else None

    def text(self) -> str:
        """Rows, and rows a second."""
        seconds = time.monotonic() - self.started
        speed = f", {self.rows / seconds:,.0f} rows/s" if seconds > 0 else ""
        return f"{self.rows:,} rows{speed}"


@dataclass(frozen=True)
class Fetching:
    """How far a download is.

    Attributes:
        source: Where it comes from.
        done: Bytes that have come.
        total: All bytes; None when that is not known.
    """

    source: str
    done: int
    total: int | None

    @property
    def name(self) -> str:
        """The last part of the source."""
        return self.source.partition("?")[0].rstrip("/").rpartition("/")[2] or self.source

    @property
    def share(self) -> float | None:
        """The part that has come, from 0 to 1; None when that is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    def text(self) -> str:
        """Bytes, and how many there are."""
        return part_text(self.done, self.total)


class Progress:
    """Adds up what the hooks tell; the classes below show it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.reading: Reading | None = None
        self._package: Package | None = None
        self._since = time.monotonic()

    @hookimpl
    def step_planned(self, package: Package) -> None:
        """Remember the package, to look up how much there is to read."""
        self._package = package
        self._since = time.monotonic()

    @hookimpl
    def progress(self, resource: str, rows: int, size: int | None) -> None:
        """Take in rows that were read."""
        if self.reading is None or self.reading.name != resource:
            self.end_reading()
            self.reading = Reading(resource, _total(self._package, resource), started=self._since)
        self.reading.rows += rows
        self.reading.bytes += size or 0
        self.show(self.reading)

    @hookimpl
    def downloading(self, source: str, done: int, total: int | None) -> None:
        """Take in bytes that came; as soon as rows are read of it, these say how far it is."""
        if self.reading is None:
            self.show_download(Fetching(source, done, total))

    @hookimpl
    def flow_finished(self) -> None:
        """Show the last resource's end."""
        self.end_reading()

    @hookimpl
    def flow_failed(self) -> None:
        """Leave it to the error to say how far it came."""
        self.reading = None

    def end_reading(self) -> None:
        """The resource that was read is at its end."""
        if self.reading is not None:
            self.show_end(self.reading)
            self.reading = None
        # What is read next was begun when this ended: its first rows are told of when they have passed.
        self._since = time.monotonic()

    def show(self, reading: Reading) -> None:
        """Show how far it is; called often."""
        raise NotImplementedError

    def show_download(self, fetching: Fetching) -> None:
        """Show how far a download is; called often."""

    def show_end(self, reading: Reading) -> None:
        """Show that it is over."""
        raise NotImplementedError


class Bar(Progress):
    """One line of a terminal, redrawn in place, and gone at the end."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._drawn = False
        self._last = float("-inf")

    def show(self, reading: Reading) -> None:
        """Redraw the line, when the last time is long enough ago."""
        self._draw(reading)

    def show_download(self, fetching: Fetching) -> None:
        """Redraw the line, as for rows."""
        self._draw(fetching, "downloading ")

    def _draw(self, far: Reading | Fetching, doing: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= REDRAW:
            self._last = now
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r{bar_line(far, width, doing)}\x1b[K")
            self.stream.flush()
            self._drawn = True

    def show_end(self, reading: Reading) -> None:
        """Take the line away; the summary says the rest."""
        del reading
        self.clear()
        self._last = float("-inf")

    def clear(self) -> None:
        """Take the line away, as long as something else is printed."""
        if self._drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self._drawn = False


class Lines(Progress):
    """A line every few seconds, and one at the end of each resource."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._last = time.monotonic()

    def show(self, reading: Reading) -> None:
        """Log how far it is, when the last line is long enough ago."""
        now = time.monotonic()
        if now - self._last >= LOG_EVERY:
            self._last = now
            share = f" ({reading.share:.0%})" if reading.share is not None else ""
            self._log(f"{reading.name}: {reading.text()}{share}")

    def show_end(self, reading: Reading) -> None:
        """Log what was read."""
        self._log(f"{reading.name}: {reading.text()}, done")

    def _log(self, text: str) -> None:
        print(printable(text), file=self.stream, flush=True)


def bar_line(far: Reading | Fetching, width: int, doing: str = "") -> str:
    """The line that shows how far the reading of a resource, or a download, is.

    Args:
        far: How far it is.
        width: Terminal columns there are.
        doing: What is done, in front of the name.

    Examples:
        >>> reading = Reading("cities", 1000, rows=1234, bytes=250, started=float("-inf"))
        >>> bar_line(reading, 60)
        'cities  ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  25%  1,234 rows, 0 rows/s'
        >>> bar_line(Fetching("https://x.org/a.csv?b=1", 12_300_000, 45_600_000), 70, "downloading ")
        'downloading a.csv  ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  27%  12.3 of 45.6 MB'
    """
    name = doing + printable(far.name)
    tail = far.text()
    if far.share is not None:
        tail = f"{far.share:4.0%}  {tail}"
        room = min(20, width - display_width(name) - len(tail) - 4)
        if room >= 5:
            done = int(far.share * room)
            tail = f"{'━' * done}{'╌' * (room - done)}  {tail}"
    name = cut(name, max(8, width - len(tail) - 2))
    return cut(f"{name}  {tail}", width)


def _total(package: Package | None, name: str) -> int | None:
    for resource in (*package.removed, *package.resources) if package is not None else ():
        if resource.name == name and resource.stream is not None:
            return _size(resource.stream)
    return None


def _size(stream: Stream) -> int | None:
    """Bytes of all sources of a stream; None when one of them does not know."""
    origin = stream.origin
    if isinstance(origin, Derived):
        sizes = [_size(one) for one in origin.inputs]
    else:
        assert isinstance(origin, Splits)
        sizes = [split.size for split in origin.splits]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


class _Aside:
    """An output stream that takes the bar away before it writes."""

    def __init__(self, stream: TextIO, bar: Bar) -> None:
        self._stream, self._bar = stream, bar

    def write(self, text: str) -> int:
        self._bar.clear()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """What shows the progress of a run on stderr: a bar on a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield Lines(sys.stderr)
        return
    stdout, stderr = sys.stdout, sys.stderr
    bar = Bar(stderr)
    if stdout.isatty():
        sys.stdout = _Aside(stdout, bar)
    sys.stderr = _Aside(stderr, bar)  # what is logged
    try:
        yield bar
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        bar.clear()
