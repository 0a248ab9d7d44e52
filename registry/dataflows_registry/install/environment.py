"""What is installed in an environment, read from its folders of metadata; nothing of it is imported."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, distributions
from pathlib import Path

from dataflows_registry.text import normalised

__all__ = ["Installed", "installed"]


@dataclass(frozen=True)
class Installed:
    """One installed distribution.

    Attributes:
        name: Its normalised name.
        version: Its version.
        metadata: What the standard library knows about it.
    """

    name: str
    version: str
    metadata: Distribution

    @cached_property
    def processors(self) -> dict[str, str]:
        """Where its processors, loaders and writers are, by ``"group:name"``."""
        found = [
            point for point in self.metadata.entry_points if point.group.partition(".")[0] == "dataflows"
        ]
        return {f"{point.group}:{point.name}": point.value for point in sorted(found)}

    @property
    def plugin(self) -> bool:
        """Whether it brings anything that dataflows finds by name, or is dataflows itself."""
        return bool(self.processors)

    @property
    def editable(self) -> bool:
        """Whether it is a checkout that may change at any time."""
        text = self.metadata.read_text("direct_url.json")
        return bool(text and json.loads(text).get("dir_info", {}).get("editable"))

    def needs(self, other: str) -> bool:
        """Whether it requires another distribution, extras apart."""
        from packaging.requirements import InvalidRequirement, Requirement

        for text in self.metadata.requires or ():
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue  # whoever installed it could not read it either
            if normalised(requirement.name) == other:
                return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        return False


def installed(path: Sequence[str | Path] | None = None) -> dict[str, Installed]:
    """The installed distributions by name.

    Args:
        path: The folders to look in; those of this Python by default. Earlier ones hide later ones.
    """
    found: dict[str, Installed] = {}
    places = sys.path if path is None else [str(place) for place in path]
    for metadata in distributions(path=places):
        name = metadata.metadata["Name"]
        if name and metadata.version:
            found.setdefault(normalised(name), Installed(normalised(name), metadata.version, metadata))
    return dict(sorted(found.items()))
