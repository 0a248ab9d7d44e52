"""What the pages show: a processor with the release that brings it, a distribution with its processors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from dataflows_registry.diff import Change, changes
from dataflows_registry.model import Distribution, Parameter, Processor, Release
from dataflows_registry.site.names import file_name
from dataflows_registry.usage import python_form, yaml_example, yaml_form

__all__ = ["DistributionEntry", "ProcessorEntry", "entries", "label"]

_LINE = 72
"""A signature that is longer is written on several lines."""

_SHAPES = {
    "rows": "rows, as a stream",
    "each row": "rows, one by one",
    "batches": "batches of columns",
    "resources": "whole resources",
    "package": "the whole package",
}


def label(parameter: Parameter) -> str:
    """A parameter's name as a signature writes it."""
    if not parameter.variadic:
        return parameter.name
    return f"{'**' if parameter.keyword_only else '*'}{parameter.name}"


def argument(parameter: Parameter) -> str:
    """A parameter as a signature writes it, with annotation and default."""
    text = label(parameter)
    if parameter.type is None:
        return text if parameter.default is None else f"{text}={parameter.default}"
    text = f"{text}: {parameter.type}"
    return text if parameter.default is None else f"{text} = {parameter.default}"


@dataclass(frozen=True)
class ProcessorEntry:
    """A processor, as its page shows it."""

    processor: Processor
    release: Release
    installed_version: str | None
    group: str

    @property
    def place(self) -> str:
        """What its addresses have in common."""
        return f"{self.group}/{file_name(self.processor.name)}"

    @property
    def page(self) -> str:
        """The address of its page within the site."""
        return f"processors/{self.place}.html"

    @property
    def schema_page(self) -> str:
        """The address of its JSON Schema within the site."""
        return f"schemas/{self.place}.json"

    @property
    def distribution_page(self) -> str:
        """The address of the page of its distribution."""
        return f"distributions/{self.group}.html"

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"dataflows registry install {self.release.distribution}"

    @property
    def handles(self) -> list[str]:
        """Formats and schemes, each once."""
        return list(dict.fromkeys((*self.processor.formats, *self.processor.schemes)))

    @property
    def shape(self) -> str | None:
        """What it works on, in words."""
        shape = self.processor.shape
        if shape is None:
            return None
        return f"{_SHAPES.get(shape.by, shape.by)}{'; may add rows' if shape.adds_rows else ''}"

    @property
    def signature(self) -> str:
        """The signature, one parameter a line when one line is too long for a page."""
        line = self.processor.signature
        if len(line) <= _LINE:
            return line
        parts: list[str] = []
        for parameter in self.processor.parameters:
            if (
                parameter.keyword_only
                and not parameter.variadic
                and not any(part[0] == "*" for part in parts)
            ):
                parts.append("*")
            parts.append(argument(parameter))
        lines = "".join(f"    {part},\n" for part in parts)
        returns = f" -> {self.processor.returns}" if self.processor.returns else ""
        return f"{self.processor.name}(\n{lines}){returns}"

    @property
    def examples(self) -> list[dict[str, str | None]]:
        """Each example in Python, in YAML where plain values can say it, and what its author says of it."""
        return [
            {
                "python": example.get("code", ""),
                "yaml": yaml_example(example.get("code", ""), self.processor),
                "doc": example.get("doc"),
            }
            for example in self.processor.examples
        ]

    @property
    def usage(self) -> dict[str, str]:
        """The form of its use, where there is no example."""
        return {"python": python_form(self.processor), "yaml": yaml_form(self.processor)}

    def to_json(self) -> dict[str, Any]:
        """The entry for programs: the processor, and what it comes with."""
        release = self.release
        return {
            **self.processor.to_json(),
            "distribution": release.distribution,
            "version": release.version,
            "installed": self.installed_version is not None,
            "installed_version": self.installed_version,
            "licence": release.licence,
            "requires_python": release.requires_python,
            "requires_core": release.requires_core,
            "upload_time": release.upload_time,
            "yanked": release.yanked,
            "status": release.status,
            "files": [file.to_json() for file in release.files],
            "page": self.page,
            "schema": self.schema_page,
        }


@dataclass(frozen=True)
class ReleaseRow:
    """A release, and what it changed; None where the release before is not known."""

    release: Release
    changes: Sequence[Change] | None


@dataclass(frozen=True)
class DistributionEntry:
    """A distribution, as its page shows it."""

    distribution: Distribution
    installed_version: str | None

    @property
    def name(self) -> str:
        """Its name."""
        return self.distribution.name

    @cached_property
    def release(self) -> Release:
        """The release that the site describes."""
        return self.distribution.latest

    @property
    def group(self) -> str:
        """Its part of the addresses."""
        return file_name(self.name)

    @property
    def page(self) -> str:
        """The address of its page within the site."""
        return f"distributions/{self.group}.html"

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"dataflows registry install {self.name}"

    @cached_property
    def items(self) -> list[ProcessorEntry]:
        """Its processors, by name."""
        found = (one for one in self.release.processors if one.group == "processor")
        order = sorted(found, key=lambda one: (one.name.lower(), one.name))
        return [ProcessorEntry(p, self.release, self.installed_version, self.group) for p in order]

    @property
    def others(self) -> list[Processor]:
        """What else it brings: loaders, writers, runners, commands …, which have no page of their own."""
        return [one for one in self.release.processors if one.group != "processor"]

    @property
    def links(self) -> list[tuple[str, str]]:
        """Label and address of each link."""
        return sorted(self.release.links.items())

    @property
    def releases(self) -> list[ReleaseRow]:
        """All releases, the newest first, each with its changes."""
        known = self.distribution.releases
        rows = [ReleaseRow(newer, changes(older, newer)) for newer, older in pairwise(known)]
        return [*rows, *(ReleaseRow(oldest, None) for oldest in known[-1:])]


def entries(
    distributions: Iterable[Distribution], installed: Mapping[str, str] | None = None
) -> list[DistributionEntry]:
    """What the site shows, by name.

    Args:
        distributions: What is to be shown; those without a release are not.
        installed: The versions that are installed, by distribution.
    """
    versions = installed or {}
    kept = (one for one in distributions if one.releases)
    return [DistributionEntry(one, versions.get(one.name)) for one in sorted(kept, key=lambda one: one.name)]
