"""`dataflows cache`: the downloads that are kept (`cache=True`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dataflows_core.cli.ending import common_options

if TYPE_CHECKING:
    from dataflows_core.files.shelf import Shelf

__all__ = ["command"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group("cache")
def command() -> None:
    """List, or clear, the downloads that are kept.

    Loaders keep them with cache=True, and fetch them again only when they have changed. The environment
    variable DATAFLOWS_CACHE says in which folder.
    """


@command.command("list")
@_json_option
@common_options
def list_kept(as_json: bool) -> None:
    """List what is kept: how large it is, and how old."""
    from dataflows_core.files.shelf import shelves

    kept = [shelf.facts() for shelf in shelves()]
    total = sum(item["size"] for item in kept)
    if as_json:
        _print_json({"folder": _folder(), "downloads": kept, "size": total})
        return
    import shutil

    from dataflows_core.cli.sizes import size_text
    from dataflows_core.render import Column, table_text

    columns = [Column("url"), Column("size", right=True), Column("fetched"), Column("checked")]
    cells = [
        [
            item["url"] or "(an unfinished download)",
            size_text(item["size"]),
            _age(item["fetched"]),
            _age(item["checked"]),
        ]
        for item in kept
    ]
    if cells:
        click.echo(table_text(columns, cells, shutil.get_terminal_size().columns))
    click.echo(f"{len(kept)} downloads, {size_text(total)}, in {_folder()}")


@command.command("clear")
@_json_option
@common_options
def clear(as_json: bool) -> None:
    """Remove all that is kept, but for what a run is downloading just now."""
    from dataflows_core.cli.sizes import size_text
    from dataflows_core.files.shelf import shelves

    freed, removed, busy = 0, 0, 0
    for shelf in shelves():
        size = shelf.facts()["size"]
        if _remove(shelf):
            freed, removed = freed + size, removed + 1
        else:
            busy += 1
    if as_json:
        _print_json({"folder": _folder(), "removed": removed, "size": freed, "in_use": busy})
        return
    click.echo(f"{removed} downloads removed, {size_text(freed)}")
    if busy:
        click.echo(f"{busy} left, since a run is downloading them")


def _remove(shelf: Shelf) -> bool:
    from dataflows_core.commit import access_errors

    with access_errors(f"remove {shelf.folder}"):
        return shelf.remove()


def _folder() -> str:
    from dataflows_core.files.shelf import downloads_folder

    return str(downloads_folder())


def _age(moment: float | None) -> str | None:
    """How long ago a moment was, in words."""
    if moment is None:
        return None
    import time

    seconds = max(0.0, time.time() - moment)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds / length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def _print_json(facts: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
