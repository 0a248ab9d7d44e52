"""Core metadata, as `METADATA` and `PKG-INFO` hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflows_core.errors import DataError
from dataflows_registry.model import Release
from dataflows_registry.text import DISTRIBUTION, clean_line, clean_link, normalised

__all__ = ["parse_metadata"]

_LIMIT = 200
"""How many requirements, keywords and links are kept."""


def parse_metadata(content: bytes, where: str) -> Release:
    """A release without processors.

    Args:
        content: The metadata.
        where: What they belong to, for the errors.

    Raises:
        DataError: The metadata name no distribution, or no version.
    """
    from packaging.metadata import parse_email
    from packaging.version import InvalidVersion, Version

    try:
        raw, _ = parse_email(content)
    except (ValueError, IndexError, LookupError, AttributeError, TypeError) as error:
        raise DataError(f"the metadata of {where} cannot be read: {clean_line(str(error))}") from None
    data: Mapping[str, Any] = raw
    name, version = normalised(clean_line(data.get("name", ""))), clean_line(data.get("version", ""))
    if not DISTRIBUTION.fullmatch(name):
        raise DataError(f"the metadata of {where} name no distribution")
    try:
        Version(version)
    except InvalidVersion:
        raise DataError(f"the metadata of {where} give no version, but {version!r}") from None
    requires, core, problems = _requirements(data.get("requires_dist", []))
    links = {"Homepage": data.get("home_page", ""), **data.get("project_urls", {})}
    safe = {clean_line(label, 80): clean_link(address) for label, address in list(links.items())[:_LIMIT]}
    return Release(
        distribution=name,
        version=version,
        summary=clean_line(data.get("summary", "")),
        licence=_licence(data),
        requires_python=clean_line(data.get("requires_python", "")) or None,
        requires=requires,
        requires_core=core,
        keywords=tuple(filter(None, (clean_line(word, 80) for word in data.get("keywords", [])[:_LIMIT]))),
        links={label: address for label, address in safe.items() if label and address},
        problems=problems,
    )


def _requirements(lines: list[str]) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """The requirements, the range of the core among them, and those that cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    requires, problems, core = [], [], None
    for line in lines[:_LIMIT]:
        text = clean_line(line)
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            problems.append(f"METADATA: {text!r} is no requirement")
            continue
        requires.append(text)
        if normalised(requirement.name) == "dataflows-core" and requirement.marker is None:
            core = str(requirement.specifier)
    if len(lines) > _LIMIT:
        problems.append(f"METADATA: {len(lines)} requirements, of which {_LIMIT} are shown")
    return tuple(requires), core, tuple(problems)


def _licence(data: Mapping[str, Any]) -> str:
    for key in ("license_expression", "license"):
        lines = clean_line(data.get(key, "").strip().partition("\n")[0], 100)
        if lines:
            return lines
    found = [text for text in data.get("classifiers", []) if text.startswith("License ::")]
    return clean_line(found[0].rpartition("::")[2], 100) if found else ""
