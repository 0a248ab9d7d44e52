"""`dataflows registry index update`: read sources again."""

from __future__ import annotations

import click

from dataflows_registry.cli.options import network_options

__all__ = ["command"]


@click.command("update")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@network_options
def command(names: tuple[str, ...], as_json: bool, offline: bool) -> None:
    """Read the sources of added indexes again; all of them without NAME.

    An index whose source cannot be read stays as it was, and the command fails after the others.
    """
    from dataflows_core.errors import AccessError, DataError
    from dataflows_registry.cli.index.building import print_built, read_index
    from dataflows_registry.store import Store

    store = Store()
    chosen = [store.find(name) for name in names] or store.indexes()
    built, failed = {}, []
    for index in chosen:
        try:
            built[index.name] = read_index(store, index, offline=offline)
        except (AccessError, DataError) as error:
            failed.append(f"{index.name}: {error}")
    if not chosen and not as_json:
        click.echo("no index was added; `dataflows registry index add NAME SOURCE` adds one", err=True)
    if not (failed and as_json):
        print_built(built, as_json=as_json)
    if failed:
        raise AccessError("not updated:\n  " + "\n  ".join(failed))
