"""`dataflows registry index remove`: forget an index."""

from __future__ import annotations

import click

from dataflows_registry.cli.options import local_options, print_json

__all__ = ["command"]


@click.command("remove")
@click.argument("name")
@local_options
def command(name: str, as_json: bool) -> None:
    """Forget an index.

    What was installed from it stays installed.
    """
    from dataflows_registry.store import Store

    Store().remove(name)
    if as_json:
        print_json({"ok": True, "name": name})
    else:
        click.echo(f"{name} is forgotten")
