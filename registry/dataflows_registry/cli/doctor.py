"""`dataflows registry doctor`: what is wrong here."""

from __future__ import annotations

import click

from dataflows_registry.cli.options import local_options, print_json

__all__ = ["command"]


@click.command("doctor")
@click.option("--import", "importing", is_flag=True, help="Also import every plugin; this runs its code.")
@local_options
@click.pass_context
def command(ctx: click.Context, importing: bool, as_json: bool) -> None:
    """Say what is wrong with the plugins and indexes here, and how to mend it.

    Broken plugins, names that several claim, indexes that are damaged or old, missing descriptions, names
    that look like others, withdrawn releases, old stubs. Exit code 1 when something is wrong.
    """
    from dataflows_core.render import printable
    from dataflows_registry.catalog import Catalog
    from dataflows_registry.doctor import examine

    found = examine(Catalog(), importing=importing)
    if as_json:
        print_json({"ok": not found, "findings": [one.to_json() for one in found]})
    else:
        for one in found:
            click.echo(f"{click.style(one.code, fg='yellow', bold=True)}  {printable(one.subject)}")
            click.echo(printable(f"  {one.problem}\n  mend: {one.mend}\n", keep="\n"))
        click.echo(_verdict(len(found)))
    if found:
        ctx.exit(1)


def _verdict(count: int) -> str:
    return "nothing is wrong" if not count else "one fault" if count == 1 else f"{count} faults"
