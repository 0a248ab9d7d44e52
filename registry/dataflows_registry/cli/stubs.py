"""`dataflows registry stubs`: let editors complete and check the installed processors."""

from __future__ import annotations

from pathlib import Path

import click

from dataflows_registry.cli.options import local_options, print_json

__all__ = ["command"]


@click.command("stubs")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the stub package is put. By default beside what is installed, where mypy and pyright look.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the stubs are out of date.")
@click.option("--remove", is_flag=True, help="Delete the stubs.")
@local_options
@click.pass_context
def command(ctx: click.Context, folder: Path | None, check: bool, remove: bool, as_json: bool) -> None:
    """Write a typed stub of the installed processors.

    With it, an editor completes and checks `from dataflows_core.processors import …`: names, parameters,
    types and documentation. `install`, `upgrade` and `uninstall` renew it; after pip alone, run it again.
    """
    from dataflows_registry.stubs import PACKAGE, default_folder, is_current, remove_stubs, write_stubs

    if check and remove:
        raise click.UsageError("--check and --remove exclude each other")
    place = folder or default_folder()
    package = place / PACKAGE
    if check:
        current = is_current(place)
        if as_json:
            print_json({"ok": current, "folder": str(package), "current": current})
        elif current:
            click.echo(f"{package} says what is installed")
        else:
            click.echo(f"{package} is missing or out of date; `dataflows registry stubs` writes it", err=True)
        ctx.exit(0 if current else 1)
    if remove:
        removed = remove_stubs(place)
        if as_json:
            print_json({"ok": True, "folder": str(package), "removed": removed})
        else:
            click.echo(f"{package}: {'deleted' if removed else 'there is none'}")
        return
    write_stubs(place)
    if as_json:
        print_json({"ok": True, "folder": str(package)})
    else:
        click.echo(f"{package}: type checkers find the installed processors now")
