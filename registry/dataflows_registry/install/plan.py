"""What is going to change in the environment: shown before it is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Action", "Change", "Plan"]

Action = Literal["install", "upgrade", "downgrade", "reinstall", "remove"]


@dataclass(frozen=True)
class Change:
    """What happens to one distribution.

    Attributes:
        action: What is done.
        distribution: Its normalised name.
        version: The version that comes, or goes.
        before: The version that is installed now.
        plugin: Whether it is a plugin of dataflows; a library that one depends on otherwise.
        index: The name of the index that it comes from; None for those that the installer is configured with.
        source: Where that index is, or where the file is.
        hashes: The sha256 of each file that may be installed, as hexadecimal digits.
        file: The file, fetched and verified; None when the installer fetches it, and verifies it itself.
        size: The file's size in bytes, when it is known.
        licence: The licence, when it is known.
        processors: The names of its processors.
        withdrawn: Why it must not be installed.
        notes: What a reader should know before agreeing.
    """

    action: Action
    distribution: str
    version: str
    before: str | None = None
    plugin: bool = False
    index: str | None = None
    source: str | None = None
    hashes: tuple[str, ...] = ()
    file: Path | None = None
    size: int | None = None
    licence: str | None = None
    processors: tuple[str, ...] = ()
    withdrawn: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The facts, for programs."""
        facts = asdict(self)
        facts["file"] = self.file.name if self.file else None
        return facts

    def lines(self) -> Iterable[str]:
        """The facts, for people."""
        past = f" (now {self.before})" if self.before and self.action != "remove" else ""
        yield f"{self.action} {self.distribution} {self.version}{past}"
        if self.action != "remove":
            yield f"  from    {self._origin()}"
            yield f"  sha256  {self._digest()}"
            if self.licence:
                yield f"  licence {self.licence}"
        if self.processors:
            yield f"  names   {', '.join(self.processors)}"
        for note in self.notes:
            yield f"  note    {note}"

    def _origin(self) -> str:
        if self.index is None:
            return self.source or "the configured indexes of the installer"
        return f"{self.index} ({self.source})" if self.source else self.index

    def _digest(self) -> str:
        many = f" or {len(self.hashes) - 1} other" if len(self.hashes) > 1 else ""
        size = f", {_readable(self.size)}" if self.size is not None else ""
        return f"{self.hashes[0] if self.hashes else 'unknown'}{many}{size}"


@dataclass(frozen=True)
class Plan:
    """Changes that belong together: all are done, or none.

    Attributes:
        changes: What happens, plugins first.
        notes: What concerns no single one, such as that nothing newer exists.
    """

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan, for programs."""
        return {"changes": [change.to_json() for change in self.changes], "notes": list(self.notes)}

    def text(self) -> str:
        """The plan, for people: every plugin in full, the libraries that come along in one line each."""
        lines = [line for change in self.changes if _in_full(change) for line in change.lines()]
        libraries = [change for change in self.changes if not _in_full(change)]
        if libraries:
            lines.append("with the libraries")
            lines += [
                f"  {change.action} {change.distribution} {change.version}"
                + (f" (now {change.before})" if change.before else "")
                for change in libraries
            ]
        return "\n".join([*lines, *self.notes])


def _in_full(change: Change) -> bool:
    return change.plugin or change.action == "remove" or bool(change.notes)


def _readable(size: int) -> str:
    amount, units = float(size), ["bytes", "kB", "MB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
