"""What the registry tells a flow that asks for something unknown: which plugin would bring it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataflows_core.hooks import hookimpl

if TYPE_CHECKING:
    from dataflows_registry.catalog import Catalog, Known

__all__ = ["suggest"]

_MOST = 3


@hookimpl
def suggest(kind: str, name: str) -> str | None:
    """A line for each plugin that has what an unknown name means, with the command that installs it.

    Args:
        kind: ``"processor"``, ``"loader"``, ``"writer"`` …
        name: The name that was asked for.
    """
    from dataflows_core.errors import DataflowsError
    from dataflows_registry.catalog import Catalog

    if kind not in ("processor", "loader", "writer"):
        return None
    try:
        catalog = Catalog(describe_installed=False)
        known = _wanted(catalog, kind, name)
    except DataflowsError as error:  # the unknown name is the news, this only adds to it
        return f"the indexes of the registry do not help: {error}"
    lines = dict.fromkeys(_line(catalog, one, kind, name) for one in known if one.installed_version is None)
    return "\n  ".join([*lines][:_MOST]) or None


def _wanted(catalog: Catalog, kind: str, name: str) -> list[Known]:
    if kind == "processor":
        if found := catalog.named(name):
            return found
        from dataflows_core.errors import near_misses

        close = near_misses(name, catalog.near(name), most=1)
        return [one for other in close for one in catalog.named(other)]
    some = catalog.providers(format=name) + catalog.providers(scheme=name)
    kinds = ("source", "unknown") if kind == "loader" else ("sink", "unknown")
    processors = [one for one in some if one.found.section == "processor" and one.found.kind in kinds]
    owners = {one.found.distribution for one in processors}
    return processors + [
        one for one in some if kind in one.found.section and one.found.distribution not in owners
    ]


def _line(catalog: Catalog, known: Known, kind: str, name: str) -> str:
    from dataflows_core.render import printable

    found = known.found
    place = f"{found.distribution} {found.version}"
    short = found.section == "processor"
    command = catalog.install_command(found.name, found.distribution)
    install = f"`{command if short else f'dataflows registry install {found.distribution}'}`"
    if kind == "processor" or not short:
        return printable(f"`{found.name}` is in {place}: {install}")
    return printable(
        f"`{name}` is {'read' if kind == 'loader' else 'written'} by {found.name} in {place}: {install}"
    )
