"""`dataflows registry index pin`: let distributions come from one index alone."""

from __future__ import annotations

import click

from dataflows_registry.cli.options import local_options, print_json

__all__ = ["command"]


@click.command("pin")
@click.argument("name")
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN...")
@local_options
def command(name: str, patterns: tuple[str, ...], as_json: bool) -> None:
    """Take distributions whose names match PATTERN ('acme-*') from one index and from no other."""
    from dataflows_registry.store import Store

    store = Store()
    store.pin(name, [*store.find(name).pins, *patterns])
    pins = store.find(name).pins
    if as_json:
        print_json({"name": name, "pins": list(pins)})
    else:
        click.echo(f"from {name} alone: {', '.join(pins)}")
