"""What the tests of all distributions share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator

import hypothesis
import pytest

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# For sessions that run once more, on other versions, what was tried with many examples already.
hypothesis.settings.register_profile("brief", deadline=None, max_examples=10)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Runs the examples in docstrings in folders of their own: some write files."""
    if not isinstance(item, pytest.DoctestItem):
        return (yield)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return (yield)
