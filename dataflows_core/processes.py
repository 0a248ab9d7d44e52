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
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from types import ModuleType
from typing import Any, Generic, Self, TypeVar

from dataflows_core.errors import DataflowsError, FlowError, ProcessorError, RemoteError, WorkerError
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
        todo = list(range(len(tasks)))
        while todo:
            suspects: list[int] = []
            yield from self._together(tasks, todo, suspects)
            for index in suspects:
                yield index, self.alone(tasks[index], retries)

    def _together(
        self, tasks: Sequence[Task[T]], todo: list[int], suspects: list[int]
    ) -> Iterator[tuple[int, T]]:
        """Results of what is in `todo`, until all are done or a worker dies.

        What is left to do stays in `todo`; what was in flight when a worker died goes to `suspects`.
        """
        running: dict[Future[bytes], int] = {}
        failures: dict[int, Exception] = {}
        try:
            with _Pool(min(self.workers, len(todo))) as pool:
                while todo or running:
                    # No more than the workers can hold: what is in flight when one dies is suspect.
                    while todo and len(running) < self.workers:
                        future = pool.submit(_work, _payload(tasks[todo[0]]))
                        running[future] = todo.pop(0)
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    # What has ended well is taken first: it is no suspect.
                    for future in sorted(done, key=lambda future: future.exception() is not None):
                        packed = future.result()
                        index = running.pop(future)
                        try:
                            result: T = _unpacked(packed)
                        except Exception as error:  # noqa: BLE001 - the seam: a task may raise anything
                            failures[index] = error
                        else:
                            yield index, result
                    if failures:
                        todo.clear()
                        # The first in order is raised, as it would be without workers.
                        if not any(index < min(failures) for index in running.values()):
                            raise failures[min(failures)]
        except BrokenProcessPool:
            if failures:
                raise failures[min(failures)]  # noqa: B904 - it has a cause of its own
            suspects += sorted(running.values())

    def in_order(self, tasks: Iterable[Task[T]], *, retries: int = 2) -> Iterator[T]:
        """The results, in the order of the tasks; tasks are taken a few ahead, as workers get free.

        Args:
            tasks: What is to be done. Where they fail to come, the results before that come all the same.
            retries: How often a task is tried alone whose worker died.

        Raises:
            WorkerError: A task kills its worker; says its name.
        """
        coming = _Coming(iter(tasks))
        flying: deque[tuple[Task[T], Future[bytes] | None]] = deque()
        while not coming.ended:
            try:
                with _Pool(self.workers) as pool:
                    while flying or not coming.ended:
                        while len(flying) < 2 * self.workers and (task := coming.next()) is not None:
                            flying.append((task, None))
                            flying[-1] = task, pool.submit(_work, _payload(task))
                        if flying:
                            packed = flying[0][1].result()  # type: ignore[union-attr] # all are submitted
                            flying.popleft()
                            yield _unpacked(packed)
            except BrokenProcessPool:
                yield from self._rescued(flying, retries)
        if coming.failure is not None:
            raise coming.failure

    def _rescued(self, flying: deque[tuple[Task[T], Future[bytes] | None]], retries: int) -> Iterator[T]:
        """The results of what was in flight when a worker died; what has not ended well runs alone."""
        while flying:
            task, future = flying.popleft()
            well = future is not None and future.done() and not future.cancelled() and not future.exception()
            yield _unpacked(future.result()) if future is not None and well else self.alone(task, retries)

    def alone(self, task: Task[T], retries: int = 2) -> T:
        """The result of a task that runs by itself, in a worker of its own.

        Args:
            task: What is to be done.
            retries: How often it is tried when the worker dies.

        Raises:
            WorkerError: It kills its worker each time; says its name.
        """
        for _ in range(max(1, retries)):
            with _Pool(1) as pool:
                try:
                    result: T = _unpacked(pool.submit(_work, _payload(task)).result())
                except BrokenProcessPool:
                    continue
                return result
        raise WorkerError(
            f"a worker process died each of the {max(1, retries)} times it worked on this alone: "
            f"{task.name}\n  a crash in native code, or too little memory, ends a process without a word; "
            "run it with the local runner to see more"
        )


class _Coming(Generic[T]):
    """Tasks on their way; where they fail to come, that is kept for later."""

    def __init__(self, tasks: Iterator[Task[T]]) -> None:
        self._tasks = tasks
        self.ended = False
        self.failure: Exception | None = None

    def next(self) -> Task[T] | None:
        """The next task; None behind the last."""
        if self.ended:
            return None
        try:
            return next(self._tasks)
        except StopIteration:
            self.ended = True
        except Exception as error:  # noqa: BLE001 - the seam: it has its place behind what is in flight
            self.ended, self.failure = True, error
        return None


class _Pool:
    """A process pool that leaves no worker behind, however it ends."""

    def __init__(self, workers: int) -> None:
        # Not fork: threads of this process may hold locks.
        self._executor = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_start, initargs=(list(sys.path),)
        )

    def __enter__(self) -> Self:
        return self

    def submit(self, function: Callable[[bytes], bytes], payload: bytes) -> Future[bytes]:
        # This may start a worker.
        with _without_main(), _without_interrupts():
            return self._executor.submit(function, payload)

    def __exit__(self, kind: object, *_: object) -> None:
        workers = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:  # an error, or Ctrl-C: nobody waits for what they are doing
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.join()


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep workers from importing the main module, as they would: a script without a guard would run again.

    They do not need it, since cloudpickle sends what is defined there.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let a worker begin with Ctrl-C held back, until `_start` says that it is not meant for it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(path: list[str]) -> None:
    # Ctrl-C is the driver's to handle; it ends its workers itself, unless it is killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path[:] = path


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


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


def _work(payload: bytes) -> bytes:
    """Do a task, in a worker; the result, or the error, is packed here, where it is known what can be."""
    import cloudpickle

    try:
        task: Callable[[], Any] = pickle.loads(payload)  # noqa: S301 - from our own driver, through a pipe
        packed: bytes = cloudpickle.dumps((True, task()))
    except Exception as error:  # noqa: BLE001 - the seam: it is raised again in the driver
        trace = "".join(traceback.format_exception(error))
        try:
            packed = cloudpickle.dumps((False, (error, trace)))
            pickle.loads(packed)  # noqa: S301 - our own; an error may be lost only on the way back
        except Exception:  # noqa: BLE001 - the seam: pickling calls code of whatever the error holds
            packed = cloudpickle.dumps((False, (_plain(error), trace)))
    return packed


def _plain(error: Exception) -> DataflowsError:
    """An error that says the same and can be sent."""
    if not isinstance(error, ProcessorError):
        return RemoteError(error)
    return ProcessorError(
        RemoteError(error.cause),
        processor=error.processor,
        position=error.position,
        resource=error.resource,
        row=error.row,
        source=error.source,
        values=error.values,
    )


def _unpacked(packed: bytes) -> Any:
    """The result of a task; or its error is raised."""
    done, result = pickle.loads(packed)  # noqa: S301 - from our own worker, through a pipe
    if done:
        return result
    error, trace = result
    if isinstance(error, ProcessorError):
        error.cause.__cause__ = _WorkerTraceback(trace)
        raise error
    raise error from _WorkerTraceback(trace)


class _WorkerTraceback(Exception):
    """Where in the worker an error came from; shown with the error's own traceback."""

    def __init__(self, trace: str) -> None:
        super().__init__(f"in a worker process:\n{trace}")
