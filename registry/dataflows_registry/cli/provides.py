"""`dataflows registry provides`: what can read or write something."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from dataflows_registry.cli.options import local_options

if TYPE_CHECKING:
    from dataflows_registry.catalog import Catalog, Known

__all__ = ["command"]

_COMPRESSED = ("gz", "bz2", "xz", "zst", "zip")


@click.command("provides")
@click.argument("what", metavar="FILE|URL|FORMAT")
@local_options
def command(what: str, as_json: bool) -> None:
    """Say which processors read or write a file, a URL or a format.

    The file need not exist: its ending tells the format, as the scheme of a URL does ('s3://bucket/x.parquet').
    """
    from dataflows_registry.catalog import Catalog
    from dataflows_registry.cli.options import print_json, print_table

    catalog = Catalog()
    known = _providers(catalog, what)
    if as_json:
        print_json(
            [{**entry.to_json(), "does": does} for one, does in known for entry in catalog.entries([one])]
        )
        return
    if not known:
        click.echo(_nothing(catalog, what), err=True)
        return
    from dataflows_core.render import Column

    rows = [
        [
            one.found.name,
            does,
            " ".join(dict.fromkeys(f"{one.found.formats} {one.found.schemes}".split())),
            one.found.distribution,
            f"{one.found.version} installed" if one.installed_version else one.found.version,
        ]
        for one, does in known
    ]
    print_table(
        [Column("name"), Column("does"), Column("formats"), Column("distribution"), Column("version")], rows
    )


def _providers(catalog: Catalog, what: str) -> list[tuple[Known, str]]:
    """The processors, and whether each reads or writes; loaders and writers alone where no processor is."""
    found: dict[tuple[str, str], Known] = {}
    for facts in _facts(catalog, what):
        some = catalog.providers(**facts)
        processors = [one for one in some if one.found.section == "processor"]
        owners = {(one.found.distribution, _does(one)) for one in processors}
        alone = [
            one
            for one in some
            if one not in processors and (one.found.distribution, _does(one)) not in owners
        ]
        for one in processors + alone:
            found.setdefault((one.found.distribution, one.found.name), one)
    return [(one, _does(one)) for one in found.values()]


def _does(known: Known) -> str:
    found = known.found
    if found.kind == "sink" or found.section == "writer":
        return "writes"
    return "reads" if found.kind == "source" or "loader" in found.section else "reads or writes"


def _facts(catalog: Catalog, what: str) -> list[dict[str, str]]:
    """The formats and the scheme that a file, a URL or a word names."""
    facts: list[dict[str, str]] = []
    address = re.match(r"([a-zA-Z][\w+.-]*)://", what)
    if address:
        facts.append({"scheme": address[1].lower()})
    path = what.partition("?")[0].partition("#")[0] if address else what
    name = re.split(r"[/\\]", path)[-1]
    endings = [one for one in name.lower().split(".")[1:] if one]
    while len(endings) > 1 and endings[-1] in _COMPRESSED:
        endings.pop()
    if endings:
        return [*facts, {"format": endings[-1]}]
    if address:
        return facts
    from dataflows_core.errors import FlowError
    from dataflows_registry.search.synonyms import related
    from dataflows_registry.search.words import stem

    word = what.lower().strip(" .")
    if not word:
        raise FlowError(f"{what!r} names no file, URL or format")
    alike = {stem(one): one for one in catalog.formats()}
    meant = [alike[other] for other in related(stem(word)) if other in alike]
    return [{"format": word}, {"scheme": word}, *({"format": one} for one in meant)]


def _nothing(catalog: Catalog, what: str) -> str:
    from dataflows_core.errors import near_misses
    from dataflows_core.render import printable

    formats = catalog.formats()
    close = near_misses(what.lower().rpartition(".")[2], formats)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return printable(
        f"no known processor reads or writes {what!r}{hint}\n  known formats: {', '.join(formats)}", keep="\n"
    )
