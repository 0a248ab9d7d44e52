"""`dataflows registry show`: one processor, in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dataflows_registry.cli.options import local_options

if TYPE_CHECKING:
    from dataflows_registry.catalog import Catalog, Entry

__all__ = ["command"]


@click.command("show")
@click.argument("name")
@local_options
def command(name: str, as_json: bool) -> None:
    """Show what a processor does and takes.

    NAME is a short name (load_csv), a long one (load-csv.load_csv), or that of a distribution, whose
    processors are listed then. Nothing is imported: all of it is what the author wrote.
    """
    from dataflows_registry.catalog import Catalog
    from dataflows_registry.cli.filters import print_known
    from dataflows_registry.cli.options import print_json

    catalog = Catalog()
    if "." not in name and not catalog.named(name) and (known := catalog.of_distribution(_normalised(name))):
        print_known(catalog, known, as_json=as_json, nothing="")
        return
    entry = catalog.find(name)
    if as_json:
        print_json(_facts(catalog, entry))
        return
    from dataflows_registry.cli.page import page_text

    click.echo(page_text(entry, {**_health(catalog, entry), "install": _install(catalog, entry)}))


def _normalised(name: str) -> str:
    from dataflows_registry.text import normalised

    return normalised(name)


def _install(catalog: Catalog, entry: Entry) -> str:
    return catalog.install_command(entry.processor.name, entry.release.distribution)


def _facts(catalog: Catalog, entry: Entry) -> dict[str, Any]:
    from dataflows_registry.usage import python_form, yaml_example, yaml_form

    processor = entry.processor
    versions = [
        {
            "version": release.version,
            "index": index,
            "upload_time": release.upload_time,
            "yanked": release.yanked,
            "status": release.status,
        }
        for index, release in catalog.releases(entry.release.distribution)
    ]
    facts = entry.to_json()
    facts["examples"] = [
        {**example, "yaml": yaml_example(example.get("code", ""), processor)}
        for example in processor.examples
    ]
    facts["usage"] = {"python": python_form(processor), "yaml": yaml_form(processor)}
    facts["install"] = _install(catalog, entry)
    return {**facts, "versions": versions, "health": _health(catalog, entry)}


def _health(catalog: Catalog, entry: Entry) -> dict[str, Any]:
    """What speaks for and against using the processor: facts of its releases, no opinion."""
    import platform

    from dataflows_registry.trust import look_alike, read_removed, withdrawn

    distribution, release = entry.release.distribution, entry.release
    known = [one for _, one in catalog.releases(distribution)]
    dates = sorted(one.upload_time for one in known if one.upload_time)
    newest = next((one for index, one in catalog.releases(distribution) if index != "installed"), release)
    problems = [*release.problems, *entry.processor.problems]
    if entry.processor.deprecated is not None:
        problems.append(f"deprecated: {entry.processor.deprecated}")
    problems += dict.fromkeys(
        f"{why} (index {index})"
        for index, one in catalog.releases(distribution)
        if one.version == release.version and (why := withdrawn(one, read_removed(catalog.folders[index])))
    )
    if other := look_alike(distribution):
        problems.append(f"the name looks like that of {other}")
    if not _runs_here(release.requires_python, platform.python_version()):
        problems.append(f"needs Python {release.requires_python}; this is {platform.python_version()}")
    return {
        "releases": len({one.version for one in known}),
        "first_release": dates[0] if dates else None,
        "last_release": dates[-1] if dates else None,
        "newest": newest.version,
        "status": release.status,
        "documented": bool(entry.processor.summary) and all(p.doc for p in entry.processor.parameters),
        "typed": all(p.type for p in entry.processor.parameters),
        "problems": problems,
    }


def _runs_here(wanted: str | None, python: str) -> bool:
    if not wanted:
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(wanted).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True  # who cannot be understood is not judged; installing says more
