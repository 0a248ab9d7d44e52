"""`dataflows processors`: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dataflows_core.cli.ending import common_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataflows_core.discovery import Entry

__all__ = ["command"]


@click.command("processors")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@common_options
def command(as_json: bool) -> None:
    """List the installed processors.

    Nothing of a plugin is imported here; what is wrong with one is said below the list.
    """
    found = _processors()
    if as_json:
        import json

        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    import shutil

    from dataflows_core.render import Column, printable, table_text

    cells = [
        [item["use"], item["kind"], item["summary"] or None, f"{item['distribution']} {item['version']}"]
        for item in found
    ]
    columns = [Column("name"), Column("kind"), Column("summary"), Column("from")]
    click.echo(table_text(columns, cells, shutil.get_terminal_size().columns))
    if problems := [(item, problem) for item in found for problem in item["problems"]]:
        click.echo("\nProblems:")
        for item, problem in problems:
            where = f"{item['long_name']} ({item['distribution']} {item['version']})"
            click.echo(printable(f"  {where}: {problem}"))


def _processors() -> list[dict[str, Any]]:
    """What is known about each processor; `use` is the name to write."""
    from dataflows_core.cli.describe import describe
    from dataflows_core.cli.imports import import_problems
    from dataflows_core.discovery import GROUPS, entries

    installed = entries(GROUPS["processor"])
    broken = import_problems(entry for entry in installed if not entry.first_party)
    found = []
    for entry in installed:
        said = describe(entry.value)
        claims = [other for other in installed if other.name == entry.name]
        short, collision = _claim(entry, claims)
        problems = [collision, broken.get(entry) or said.problem]
        found.append(
            {
                "name": entry.name,
                "long_name": entry.qualified_name,
                "use": entry.name if short else entry.qualified_name,
                "kind": said.kind,
                "summary": said.summary,
                "distribution": entry.distribution,
                "version": entry.version,
                "problems": [problem for problem in problems if problem],
            }
        )
    return found


def _claim(entry: Entry, claims: Sequence[Entry]) -> tuple[bool, str]:
    """Whether the short name reaches the entry point, and what is wrong if it does not."""
    owners = [other for other in claims if other.first_party] or claims
    if owners == [entry]:
        return True, ""
    others = [other for other in owners if other is not entry]
    names = " and ".join(other.distribution for other in others)
    return False, f"the name {entry.name!r} is claimed by {names} as well; write {entry.qualified_name}"
