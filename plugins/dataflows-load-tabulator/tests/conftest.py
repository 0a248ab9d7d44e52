"""What the tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file."""

    def written(name: str, said: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(said if isinstance(said, bytes) else said.encode())
        return path

    return written
