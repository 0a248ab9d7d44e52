"""The same small flows through the predecessor and through ours: what comes out is the same, or said here.

Run by `nox -s predecessor`, which installs the predecessor into an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PREDECESSOR = os.environ.get("DATAFLOWS_PREDECESSOR", "")

pytestmark = pytest.mark.skipif(
    not PREDECESSOR, reason="nox -s predecessor says where the predecessor is installed"
)

DEVIATIONS = {
    "add_computed_field_constant": {"fields": "a constant text is a string; it was any"},
    "find_replace_null": {"rows": "null stays null; it became the text None"},
    "join_average": {
        "fields": "an average is a number; of integers it was an integer, which 1.5 is not",
        "rows": "… and so are its values",
    },
    "partial_function": {"rows": "a partial function is called; it was passed over"},
    "set_type_clear": {"stats": "what is cleared is counted"},
    "set_type_drop": {"stats": "what is dropped is counted"},
    "sort_rows_ties_reverse": {"rows": "rows of equal keys keep their order, also in reverse"},
    "sort_rows_two_keys": {"rows": "keys are compared one after the other; they were pasted together"},
    "validate_field": {"stats": "what is dropped is counted"},
    "validate_function": {"stats": "what is dropped is counted"},
}
"""What differs by intent, by case and aspect; `docs/reference/differences.md` has it for each processor."""


def outcomes(python: str, which: str) -> dict[str, dict[str, Any]]:
    """What came of every case."""
    run = subprocess.run(
        [python, str(HERE / "run_cases.py"), which], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr
    # The predecessor prints what it thinks of its users' flows.
    found: dict[str, dict[str, Any]] = json.loads(run.stdout.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Ours, and theirs."""
    return outcomes(sys.executable, "ours"), outcomes(PREDECESSOR, "dataflows")


def _names() -> list[str]:
    sys.path.insert(0, str(HERE))
    try:
        from cases import CASES
    finally:
        sys.path.remove(str(HERE))
    return list(CASES)


@pytest.mark.parametrize("name", _names())
def test_what_comes_out_is_the_same_but_for_what_is_said(name: str, both: Any) -> None:
    ours, theirs = both[0][name], both[1][name]
    assert "error" not in ours, ours
    different = {aspect for aspect in {*ours, *theirs} if ours.get(aspect) != theirs.get(aspect)}
    expected = set(DEVIATIONS.get(name, {}))
    assert different == expected, {
        aspect: (ours.get(aspect), theirs.get(aspect)) for aspect in different ^ expected
    }


def test_every_deviation_is_of_a_case() -> None:
    assert set(DEVIATIONS) <= set(_names())
