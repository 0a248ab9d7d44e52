"""Where the splits of a run are worked on.

The local way needs no runner: threads of this process, see `dataflows_core.run`. Everything else gives
tasks to a `Runner` (`dataflows_core.distribute`) and takes the results as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["LocalRunner", "Runner", "Task", "runner_of"]

T_co = TypeVar("T_co", covariant=True)


class Task(Protocol[T_co]):
    """One piece of work: picklable, safe to run twice."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def __call__(self) -> T_co:
        """Do it."""
        ...


class Runner(Protocol):
    """Runs tasks somewhere."""

    def run(self, tasks: Sequence[Task[T_co]], *, retries: int = 2) -> Iterator[tuple[int, T_co]]:
        """The results, each with its task's index, in order of completion.

        Args:
            tasks: What is to be done.
            retries: How often a task may be tried again whose worker was lost.

        Raises:
            WorkerError: A task kills its worker; says its name.
        """
        ...


class LocalRunner:
    """Runs everything in this process; what a run does when no runner is named.

    Args:
        option: Nothing may be said: ``"local"`` has no options.
    """

    def __init__(self, option: str = "") -> None:
        from dataflows_core.errors import FlowError

        if option:
            raise FlowError(f"the runner 'local' has no options, and was given {option!r}")

    def run(self, tasks: Sequence[Task[T_co]], *, retries: int = 2) -> Iterator[tuple[int, T_co]]:
        """The results, one task after the other.

        Args:
            tasks: What is to be done.
            retries: Not needed: no worker can be lost.
        """
        del retries
        for index, task in enumerate(tasks):
            yield index, task()


def runner_of(runner: Runner | str | None) -> Runner | None:
    """The runner that is meant; None when the run is local.

    Args:
        runner: A runner; or the name of an installed one, with its option behind a colon
            (``"processes:4"``); or None.

    Raises:
        UnknownNameError: No installed runner has the name.
    """
    if runner is None or runner == "local":
        return None
    if not isinstance(runner, str):
        return None if isinstance(runner, LocalRunner) else runner
    from dataflows_core import discovery

    name, _, option = runner.partition(":")
    factory: Callable[[str], Any] = discovery.load("runner", name)
    made: Runner = factory(option)
    return made
