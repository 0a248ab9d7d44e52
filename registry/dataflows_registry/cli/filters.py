"""The options that narrow a list of processors, and how the list is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dataflows_registry.catalog import Catalog, Known

__all__ = ["filter_options", "meant", "print_known"]

_WIDE = 100
"""From so many terminal columns on, a list is a table."""

Function = TypeVar("Function", bound=Callable[..., Any])


def filter_options(function: Function) -> Function:
    """Add the options; the command's function takes `kind`, `format`, `scheme` and `installed`."""
    for option in (
        click.option(
            "--installed/--available", default=None, help="Only what is installed; only what is not."
        ),
        click.option(
            "--scheme", metavar="SCHEME", help="Only what reads or writes such addresses: s3, ftp …"
        ),
        click.option("--format", metavar="FORMAT", help="Only what reads or writes a format: csv, xlsx …"),
        click.option(
            "--kind", type=click.Choice(["source", "step", "sink", "flow", "unknown"]), help="Only one kind."
        ),
    ):
        function = option(function)
    return function


def meant(catalog: Catalog, format: str | None) -> str:
    """A hint at the formats that may have been meant by one that nothing reads or writes; "" without any."""
    from dataflows_core.errors import near_misses

    formats = catalog.formats()
    if format is None or format.lower() in formats:
        return ""
    close = near_misses(format.lower(), formats)
    return f"; no format {format!r} is known" + (f": did you mean {' or '.join(close)}?" if close else "")


def print_known(catalog: Catalog, known: Sequence[Known], *, as_json: bool, nothing: str) -> None:
    """Print a list of processors.

    Args:
        catalog: Where they were found.
        known: The processors.
        as_json: For programs, with everything that is known of them.
        nothing: What to say when there are none.
    """
    from dataflows_registry.cli.options import print_json, print_table

    if as_json:
        print_json([entry.to_json() for entry in catalog.entries(known)])
        return
    from dataflows_core.render import Column, printable

    if not known:
        click.echo(printable(nothing), err=True)
        return
    short = _short_names(known)
    rows = [
        [
            one.found.name if one.found.name in short else one.found.qualified_name,
            one.found.kind,
            one.found.summary or None,
            one.found.distribution,
            f"{one.found.version} installed" if one.installed_version else one.found.version,
        ]
        for one in known
    ]
    if _is_narrow():
        _print_narrow(rows)
    else:
        names = ("name", "kind", "summary", "distribution", "version")
        print_table([Column(name) for name in names], rows)
    _warn(known)


def _warn(known: Sequence[Known]) -> None:
    """Say which distributions have names that are made to be mistaken, or look so."""
    from dataflows_core.render import printable

    for distribution, one in {one.found.distribution: one for one in known}.items():
        if (other := one.look_alike) is None:
            continue
        click.echo(
            printable(f"look-alike: {distribution} is not {other}, which its name resembles"), err=True
        )


def _is_narrow() -> bool:
    import shutil
    import sys

    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE


def _print_narrow(rows: Sequence[Sequence[str | None]]) -> None:
    """Two lines for each processor, so that no name is cut."""
    import shutil

    from dataflows_core.render import cut, printable

    width = shutil.get_terminal_size().columns
    for name, *facts, distribution, version in rows:
        kind, summary = facts
        about = printable(f"{kind} · {distribution} {version}")
        click.echo(f"{click.style(printable(name or ''), bold=True)}  {click.style(about, dim=True)}")
        click.echo(f"  {cut(printable(summary or ''), width - 2)}")


def _short_names(known: Sequence[Known]) -> set[str]:
    """The short names that one processor of the list has alone."""
    from collections import Counter

    return {name for name, count in Counter(one.found.name for one in known).items() if count == 1}
