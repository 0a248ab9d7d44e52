"""What the commands that read sources share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dataflows_registry.index.build import Built
    from dataflows_registry.store import ConfiguredIndex, Store

__all__ = ["print_built", "read_index"]


def read_index(store: Store, index: ConfiguredIndex, *, offline: bool) -> Built:
    """Read the source of an added index."""
    from dataflows_registry.index.build import build_index
    from dataflows_registry.index.layout import VALIDATORS
    from dataflows_registry.sources import open_source

    source = open_source(index.source, extras=index.extras, offline=offline)
    with store.reading(index.name) as folder:
        built = build_index([source], folder, name=index.name)
        (folder / VALIDATORS).touch()  # it is as old as its last reading, though nothing may have changed
    return built


def print_built(built: Mapping[str, Built], *, as_json: bool) -> None:
    """Print what became of indexes."""
    from dataflows_core.render import printable
    from dataflows_registry.cli.options import print_json

    if as_json:
        print_json([{"name": name, **one.to_json()} for name, one in built.items()])
        return
    for name, one in built.items():
        changes = [f"{len(one.changed)} changed"] * bool(one.changed) + [f"{len(one.gone)} gone"] * bool(
            one.gone
        )
        if not one.distributions:
            click.echo(printable(f"{name}: nothing in it is a plugin of dataflows"), err=True)
        counts = f"{_count(one.distributions, 'distribution')}, {_count(one.processors, 'entry', 'entries')}"
        click.echo(printable(f"{name}: {counts} ({', '.join(changes) or 'nothing has changed'})"))
        for problem in one.problems:
            click.echo(printable(f"  not read: {problem}"), err=True)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
