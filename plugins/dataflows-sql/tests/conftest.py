"""A PostgreSQL server of the test session's own, and the databases that every test can ask for."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

POSTGRESQL = runpy.run_path(str(Path(__file__).with_name("postgresql.py")))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server on loopback, without the name of a database."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(POSTGRESQL["running"]())
        except POSTGRESQL["NoServer"] as error:
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(f"{error}, and CI must not go without it")
            pytest.skip(str(error))
        yield url


@pytest.fixture(params=["postgresql", "sqlite", "duckdb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param != "postgresql":
        yield f"{request.param}:///{tmp_path}/data.{request.param}"
        return
    with POSTGRESQL["database"](request.getfixturevalue("server")) as url:
        yield url


@pytest.fixture
def postgres(server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with POSTGRESQL["database"](server) as url:
        yield url


@pytest.fixture
def asked(server: str) -> str:
    """The URL of a PostgreSQL database for tests that make nothing in it."""
    return f"{server}/postgres"


if sys.platform == "win32":
    collect_ignore_glob = ["*"]
