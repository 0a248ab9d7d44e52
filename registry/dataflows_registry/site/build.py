"""A catalogue -> the files of its site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

from dataflows_registry.model import Distribution, dumps
from dataflows_registry.site.data import index_files, index_json, search_script
from dataflows_registry.site.entries import DistributionEntry, entries
from dataflows_registry.site.folder import write_folder
from dataflows_registry.site.pages import Pages
from dataflows_registry.site.schemas import json_schema

__all__ = ["TITLE", "write_site"]

TITLE = "Processors of dataflows"


def write_site(
    folder: Path,
    distributions: Iterable[Distribution],
    *,
    installed: Mapping[str, str] | None = None,
    title: str = TITLE,
) -> int:
    """Write the static site of a catalogue.

    Args:
        folder: Where; what an earlier run wrote there is replaced.
        distributions: What the site shows.
        installed: The versions that are installed, by distribution.
        title: What the site calls itself.

    Returns:
        How many processors it shows.

    Raises:
        FlowError: The folder holds something else, which is not written into.
        AccessError: The folder cannot be written.
    """
    shown = entries(distributions, installed)
    write_folder(folder, ((path, text.encode()) for path, text in _files(shown, title)))
    return sum(len(one.items) for one in shown)


def _files(distributions: Sequence[DistributionEntry], title: str) -> Iterator[tuple[str, str]]:
    pages = Pages(title, distributions)
    items = [item for one in distributions for item in one.items]
    for asset in (resources.files(__package__) / "assets").iterdir():
        yield f"assets/{asset.name}", asset.read_text("utf-8")
    yield "assets/data.js", search_script(items)
    files = index_files(distributions)
    yield from files.items()
    yield "index.json", index_json(title, distributions, files)
    yield "index.html", pages.search()
    yield "all.html", pages.all()
    for one in distributions:
        yield one.page, pages.distribution(one)
    for item in items:
        yield item.page, pages.processor(item)
        yield item.schema_page, dumps(json_schema(item.processor))
