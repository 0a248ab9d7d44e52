"""Who is blamed for an error, whatever becomes of the resource further down."""

from __future__ import annotations

from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError, step


@pytest.mark.parametrize(
    "mean",
    [lambda row: row["m"], step("validate", "n > 1"), step("filter_rows", "cast('x' || n as integer) > 0")],
)
def test_an_error_names_the_resource_as_it_was_at_its_step(mean: Any) -> None:
    others = [
        step("update_resource", 0, name="renamed"),
        step("union", target={"name": "merged"}),
        step("sort_rows", "n"),
    ]
    with pytest.raises(ProcessorError) as caught:
        Flow([{"n": 0}], mean, [{"n": 2}], *others).process()
    assert (caught.value.resource, caught.value.row) == ("res_1", 1)
