"""The runner of local worker processes.

A worker that dies takes the whole pool with it, and every task in flight. The pool is started again; the
tasks that were in flight are suspects and run alone, one after the other, so that one which kills its
worker again is known by its name. All others are simply run again.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Self, TypeVar

from dataflows_core.errors import FlowError, WorkerError
from dataflows_core.runner import Task

__all__ = ["ProcessRunner"]

T = TypeVar("T")


class ProcessRunner:
    """Runs tasks in worker processes of this machine.

    Args:
        option: The number of workers, as text or as a number; one per core by default.

    Raises:
        FlowError: The number of workers is no number above 0.
    """

    def __init__(self, option: str | int = "") -> None:
        text = str(option) or str(os.cpu_count() or 1)
        if not text.isdecimal() or int(text) < 1:
            raise FlowError(
                f"the runner 'processes' takes a number of workers, such as processes:4, not {option!r}"
            )
        self.workers = int(text)

    def run(self, tasks: Sequence[Task[T]], *, retries: int = 2) -> Iterator[tuple[int, T]]:
        """The results, each with its task's index, in order of completion.

        Args:
            tasks: What is to be done.
            retries: How often a task is tried alone whose worker died.

        Raises:
            WorkerError: A task kills its worker; says its name.
        """
        payloads = [_payload(task) for task in tasks]
        todo = list(range(len(tasks)))
        while todo:
            suspects: list[int] = []
            yield from self._together(payloads, todo, suspects)
            for index in suspects:
                yield index, self._alone(payloads[index], tasks[index].name, retries)

    def _together(
        self, payloads: list[bytes], todo: list[int], suspects: list[int]
    ) -> Iterator[tuple[int, Any]]:
        """Results of what is in `todo`, until all are done or a worker dies.

        What is left to do stays in `todo`; what was in flight when a worker died goes to `suspects`.
        """
        with _Pool(min(self.workers, len(todo))) as pool:
            running: dict[Future[Any], int] = {}
            while todo or running:
                # No more than the workers can hold: what is in flight when one dies is suspect.
                while todo and len(running) < self.workers:
                    index = todo.pop(0)
                    running[pool.submit(_work, payloads[index])] = index
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                broken = False
                for future in done:
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        broken = True
                        continue
                    yield running.pop(future), result
                if broken:
                    suspects += sorted(running.values())
                    return

    def _alone(self, payload: bytes, name: str, retries: int) -> Any:
        for _ in range(max(1, retries)):
            with _Pool(1) as pool:
                try:
                    return pool.submit(_work, payload).result()
                except BrokenProcessPool:
                    continue
        raise WorkerError(
            f"a worker process died each of the {max(1, retries)} times it worked on this alone: {name}\n"
            "  a crash in native code, or too little memory, ends a process without a word; run it with the "
            "local runner to see more"
        )


class _Pool:
    """A process pool that leaves no worker behind, however it ends."""

    def __init__(self, workers: int) -> None:
        # Not fork: threads of this process may hold locks.
        self._executor = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_start, initargs=(list(sys.path),)
        )

    def __enter__(self) -> Self:
        return self

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._executor.submit(function, *args)

    def __exit__(self, kind: object, *_: object) -> None:
        workers = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:  # an error, or Ctrl-C: nobody waits for what they are doing
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.join()


def _start(path: list[str]) -> None:
    # Ctrl-C is the driver's to handle; it ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = path


def _payload(task: Task[T]) -> bytes:
    import cloudpickle

    try:
        payload: bytes = cloudpickle.dumps(task)
    except Exception as error:  # the seam: pickling calls code of whatever is in the task
        raise FlowError(
            f"this cannot be sent to a worker process: {task.name}: {error}\n"
            "  steps must hold plain values and functions: no open files, connections or generators"
        ) from error
    return payload


def _work(payload: bytes) -> Any:
    task: Callable[[], Any] = pickle.loads(payload)  # noqa: S301 - from our own driver, through a pipe
    return task()
