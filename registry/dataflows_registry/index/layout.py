"""An index on disk: where its parts are, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataflows_core.errors import AccessError, DataError, FlowError
from dataflows_registry.model import Distribution, loads
from dataflows_registry.text import DISTRIBUTION

__all__ = ["FORMAT", "HEAD", "INDEX", "REMOVED", "VALIDATORS", "Index"]

FORMAT = 1
INDEX, HEAD, REMOVED = "index.json", "head.sqlite", "removed.json"
VALIDATORS = "validators.json"
"""What the builder remembers of its sources; readers leave it alone."""


class Index:
    """An index in a folder, read.

    Args:
        folder: Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def root(self) -> dict[str, Any]:
        """The content of `index.json`.

        Raises:
            FlowError: There is no index here.
            DataError: It is none of this format.
        """
        path = self.folder / INDEX
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise FlowError(f"there is no index in {self.folder}") from None
        except OSError as error:
            raise AccessError(f"{path} cannot be read: {error.strerror}") from error
        root = loads(content, str(path))
        if not isinstance(root, dict) or not isinstance(root.get("distributions"), dict):
            raise DataError(f"{path} is no index")
        if root.get("format") != FORMAT:
            raise DataError(f"{path} has the format {root.get('format')!r}; this registry reads {FORMAT}")
        return root

    def names(self) -> list[str]:
        """The names of its distributions."""
        return [name for name in self.root()["distributions"] if DISTRIBUTION.fullmatch(name)]

    def distribution(self, name: str) -> Distribution | None:
        """All that the index says of a distribution, or None if it has none of the name.

        Args:
            name: The normalised name.

        Raises:
            DataError: Its file is damaged; names it.
        """
        if not DISTRIBUTION.fullmatch(name):
            return None
        path = self.folder / "dist" / f"{name}.json"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AccessError(f"{path} cannot be read: {error.strerror}") from error
        value = loads(content, str(path))
        try:
            return Distribution.from_json(value)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None

    def distributions(self) -> Iterator[Distribution]:
        """All distributions, by name."""
        for name in self.names():
            found = self.distribution(name)
            if found is None:
                raise DataError(f"{self.folder / INDEX} lists {name}, and dist/{name}.json is not there")
            yield found
