"""What a plugin is told of a run, in which order, and with what."""

from __future__ import annotations

from typing import Any

import pytest

from dataflows_core import Flow, Package, ProcessorError
from dataflows_core import flow as flow_module
from dataflows_core.branching import branch, sources
from dataflows_core.cast import Cast
from dataflows_core.hooks import Events, hookimpl
from dataflows_core.processors import set_type

ROWS = [{"n": number, "s": "x" if number == 2 else str(number)} for number in range(4)]


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    @hookimpl
    def flow_started(self, flow: Any) -> None:
        self.told.append(("started", flow))

    @hookimpl
    def step_planned(self, step: Any, package: Package) -> None:
        self.told.append(("planned", step.position, step.name, tuple(package.names)))

    @hookimpl
    def progress(self, resource: str, rows: int, size: int | None) -> None:
        self.told.append(("progress", resource, rows, size))

    @hookimpl
    def row_rejected(self, step: Any, resource: str, rejected: Any) -> None:
        self.told.append(
            ("rejected", step.position, resource, rejected.row, rejected.values, rejected.action)
        )

    @hookimpl
    def flow_finished(self, flow: Any, stats: dict[str, Any]) -> None:
        self.told.append(("finished", flow, stats))

    @hookimpl
    def flow_failed(self, flow: Any, error: BaseException) -> None:
        self.told.append(("failed", flow, error))


def run(flow: Flow, how: str, monkeypatch: pytest.MonkeyPatch, *plugins: object) -> None:
    events = Events(*plugins)
    if how == "run":
        flow.run(events=events)
    else:
        monkeypatch.setattr(flow_module, "_installed_events", lambda: events)
        getattr(flow, how)()


@pytest.mark.parametrize("how", ["run", "process", "results"])
def test_a_run_that_ends_well_is_told_from_beginning_to_end(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, listener = Flow(ROWS, None, Flow(set_type("s", type="integer", on_error="drop"))), Listener()

    run(flow, how, monkeypatch, listener)

    assert listener.told == [
        ("started", flow),
        ("planned", "1", "list", ("res_1",)),
        ("planned", "3.1", "set_type", ("res_1",)),
        ("rejected", "3.1", "res_1", 3, {"n": 2, "s": "x"}, "drop"),
        ("progress", "res_1", 4, None),
        ("finished", flow, {"dropped": 1}),
    ]


@pytest.mark.parametrize("how", ["run", "process", "results"])
@pytest.mark.parametrize("step", [lambda package: 1 / 0, lambda row: 1 / 0])
def test_a_run_that_fails_is_told_with_its_error(
    how: str, step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, listener = Flow(ROWS, step), Listener()

    with pytest.raises(ProcessorError) as caught:
        run(flow, how, monkeypatch, listener)

    assert listener.told[0] == ("started", flow)
    assert listener.told[-1] == ("failed", flow, caught.value)
    assert "finished" not in [told[0] for told in listener.told]


def test_steps_of_branches_and_sources_are_told_before_the_step_they_are_in() -> None:
    listener = Listener()

    flow = Flow(
        sources(Flow(ROWS, None, lambda row: None)), branch(Flow(lambda row: None), lambda rows: rows)
    )
    flow.run(events=Events(listener))

    assert [told[1] for told in listener.told if told[0] == "planned"] == [
        "1.1.1",
        "1.1.3",
        "1",
        "2.1.1",
        "2.2.1",
        "2",
    ]
    assert [told[1:] for told in listener.told if told[0] == "progress"] == [("res_1", 4, None)]


def test_progress_counts_every_row_of_the_source_once() -> None:
    listener = Listener()

    Flow([{"n": number} for number in range(50_000)], branch(lambda row: None), lambda rows: []).run(
        events=Events(listener)
    )

    assert sum(told[2] for told in listener.told if told[0] == "progress") == 50_000


def test_a_plugin_that_fails_when_it_hears_of_a_failure_does_not_hide_it() -> None:
    class Deaf:
        @hookimpl
        def flow_failed(self, error: BaseException) -> None:
            raise RuntimeError("what?")

    with pytest.raises(ProcessorError, match="ZeroDivisionError") as caught:
        Flow(ROWS, lambda row: 1 / 0).run(events=Events(Deaf()))

    assert "RuntimeError: what?" in caught.value.__notes__[0]


def test_a_rejected_row_is_told_with_its_place_behind_steps_that_dropped_others() -> None:
    def cast(package: Package) -> None:
        schema = package[0].schema.add(package[0].schema.field("s").update(constraints={"pattern": "[0-9]"}))
        package[0].map_batches(lambda batch: batch.slice(1))
        package[0].map_batches(Cast(schema, on_error="drop"), schema)

    listener = Listener()
    Flow(ROWS, cast).run(events=Events(listener))

    assert [told[2:] for told in listener.told if told[0] == "rejected"] == [("res_1", 3, ROWS[2], "drop")]
