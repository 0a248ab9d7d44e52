"""One distribution -> its description, without running a line of it.

A processor is described from what its author wrote anyway: entry points, signature, annotations, docstring.
All of it is read from source text; what cannot be read so is named in `problems`, and not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dataflows_core.discovery import GROUPS, parse_entry_points
from dataflows_core.errors import DataError
from dataflows_registry.describe.files import Files
from dataflows_registry.describe.formats import formats_of, schemes_of, schemes_shown
from dataflows_registry.describe.metadata import parse_metadata
from dataflows_registry.model import Processor, Release
from dataflows_registry.text import clean_line

if TYPE_CHECKING:
    from dataflows_registry.describe.modules import Modules

__all__ = ["describe"]

_KINDS = {group: kind for kind, group in GROUPS.items()}
_MAX_ENTRIES = 2000


def describe(files: Files, where: str) -> Release:
    """Describe a distribution from its files.

    Args:
        files: Installed, of a wheel, or of an sdist.
        where: What the files are, for the errors: a file name.

    Raises:
        DataError: The metadata name no distribution, or an archive is damaged beyond them.
    """
    release = parse_metadata(files.metadata(), where)
    try:
        text = files.entry_points()
    except DataError as error:
        return replace(release, problems=(*release.problems, str(error)))
    entries = list(dict.fromkeys(item for item in parse_entry_points(text) if item[0] in _KINDS))
    problems = list(release.problems)
    if len(entries) > _MAX_ENTRIES:
        problems.append(f"entry_points.txt: {len(entries)} entries, of which {_MAX_ENTRIES} are shown")
    entries = [(_KINDS[group], name, value) for group, name, value in entries[:_MAX_ENTRIES]]
    processors = sorted(
        _processors(files, release.distribution, entries), key=lambda item: (item.group, item.name)
    )
    described = replace(release, processors=tuple(processors), problems=tuple(problems))
    # What an index gives back is what was described, and nothing passes that reading would not let pass.
    return Release.from_json(described.to_json())


def _processors(files: Files, distribution: str, entries: list[tuple[str, str, str]]) -> Iterator[Processor]:
    """Every entry point described; loaders that are processors, too, only say which formats these read."""
    from dataflows_registry.describe.modules import Modules

    modules = Modules(files, {value.partition(":")[0].split(".")[0].strip() for _, _, value in entries})
    processors = {_object(value) for kind, _, value in entries if kind == "processor"}
    for kind, name, value in entries:
        if kind == "loader" and _object(value) in processors:
            continue
        shown = clean_line(name)
        names = _names(entries, kind, name, value)
        entry = Processor(
            name=shown,
            qualified_name=f"{distribution.removeprefix('dataflows-')}.{shown}",
            group=kind,
            object=clean_line(_object(value)),
            aliases=tuple(
                sorted(
                    clean_line(other)
                    for group, other, target in entries
                    if group == kind == "processor" and other != name and _object(target) == _object(value)
                )
            ),
            formats=tuple(formats_of(names)),
            schemes=tuple(schemes_of(names)),
        )
        yield _described(entry, value, entries, modules)


def _object(value: str) -> str:
    return value.partition("[")[0].replace(" ", "")


def _names(entries: list[tuple[str, str, str]], kind: str, name: str, value: str) -> list[str]:
    """The formats and schemes that an entry point stands for."""
    if kind in ("loader", "writer"):
        return [clean_line(name)]
    return sorted(
        clean_line(other)
        for group, other, target in entries
        if kind == "processor" and group == "loader" and _object(target) == _object(value)
    )


def _described(
    entry: Processor, value: str, entries: list[tuple[str, str, str]], modules: Modules
) -> Processor:
    from dataflows_registry.describe.objects import describe_object, formats_asked_for

    if ":" not in value and entry.group in ("command", "blueprint"):
        return entry
    try:
        found = modules.resolve(value)
        entry = describe_object(entry, found, modules)
    except DataError as error:
        return replace(entry, problems=(str(error),))
    if entry.group == "processor" and not entry.formats:
        names = formats_asked_for(found, modules, entries) or _formats_named(entry, entries)
        entry = replace(entry, formats=tuple(formats_of(names)), schemes=tuple(schemes_of(names)))
    if entry.group == "processor" and entry.kind == "sink" and not entry.schemes:
        texts = " ".join(parameter.doc for parameter in entry.parameters)
        entry = replace(entry, schemes=tuple(schemes_shown(texts)))
    return entry


def _formats_named(entry: Processor, entries: list[tuple[str, str, str]]) -> list[str]:
    """What the writer writes that a sink is named after: `dump_to_excel`, beside a writer `excel`."""
    writers = [(name, _object(value)) for group, name, value in entries if group == "writer"]
    named = {value for name, value in writers if entry.name == f"dump_to_{name}" and entry.kind == "sink"}
    return sorted(clean_line(name) for name, value in writers if value in named)
