"""The errors of dataflows, drawn first.

    DataflowsError
    ├── FlowError                 the flow, or the command line, is written wrong      exit code 2
    │   ├── UnknownNameError      no installed processor, loader, writer … of that name
    │   ├── AmbiguousNameError    several distributions claim one short name
    │   ├── BrokenPluginError     the plugin that owns the name cannot be imported
    │   ├── SchemaError           a field that does not exist, a descriptor that is invalid
    │   └── ExpressionError       an expression that cannot be parsed, bound or allowed
    ├── DataError                 the data are not what the flow says they are          exit code 1
    │   ├── CastError             one value is not of its field's type, or breaks a constraint
    │   └── RowError              one row cannot become a row of its resource
    ├── AccessError               the world failed: a file, a network, a full disk      exit code 1
    │   ├── UnreadableError       a source that cannot be understood by any loader
    │   └── WorkerError           a worker process died of one task
    ├── RemoteError               stands for an error of a worker that cannot be sent as it is
    └── ProcessorError            a step failed; wraps whichever error was the cause    the cause's code

Every error carries its facts as attributes and crosses a process boundary whole: pickling keeps the
arguments, the attributes and, for `ProcessorError`, the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "AccessError",
    "AmbiguousNameError",
    "BrokenPluginError",
    "CastError",
    "DataError",
    "DataflowsError",
    "ExpressionError",
    "FlowError",
    "ProcessorError",
    "RemoteError",
    "RowError",
    "SchemaError",
    "UnknownNameError",
    "UnreadableError",
    "WorkerError",
    "near_misses",
    "shorten",
]


def _restore(cls: type[DataflowsError], args: tuple[Any, ...], state: dict[str, Any]) -> DataflowsError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    cause = state.get("cause")
    if isinstance(cause, BaseException):
        error.__cause__ = cause
    return error


class DataflowsError(Exception):
    """The base of every error that dataflows raises on purpose.

    Attributes:
        exit_code: What a command that ends with this error returns: 1 when the data or the world
            failed, 2 when the flow or the command line is wrong.
        resource: The resource it is about, if it is one and known.
    """

    exit_code = 1
    resource: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword arguments do not survive pickling by themselves.
        return _restore, (type(self), self.args, self.__dict__)


class FlowError(DataflowsError):
    """The flow, or the command line, is written wrong; no data were the cause."""

    exit_code = 2


class UnknownNameError(FlowError):
    """Nothing installed has that name.

    Args:
        kind: What was looked for: ``"processor"``, ``"loader"``, ``"writer"``, ``"runner"``.
        name: The name that was asked for.
        known: The names that exist; near misses among them are suggested.
        hint: What else helps, such as the command that installs the missing plugin.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), hint: str = "") -> None:
        self.kind, self.name, self.known, self.hint = kind, name, sorted(known), hint
        message = f"there is no {kind} named {name!r}"
        if close := near_misses(name, self.known):
            message += f"; did you mean {' or '.join(close)}?"
        if hint:
            message += f"\n  {hint}"
        super().__init__(message)


class AmbiguousNameError(FlowError):
    """Several distributions claim one short name, so that it says nothing.

    Args:
        kind: ``"processor"``, ``"loader"``, ``"writer"`` or ``"runner"``.
        name: The short name.
        claims: The long names that reach each claimant.
    """

    def __init__(self, kind: str, name: str, claims: Iterable[str]) -> None:
        self.kind, self.name, self.claims = kind, name, sorted(claims)
        lines = "\n".join(f"  {claim}" for claim in self.claims)
        super().__init__(
            f"{name!r} is claimed by several installed plugins; write the long name of one:\n{lines}"
        )


class BrokenPluginError(FlowError):
    """A plugin is installed, but cannot be imported.

    Args:
        name: The name that was asked for.
        distribution: The distribution that declares it, with its version.
        problem: Why it cannot be used, as the import said it.
    """

    def __init__(self, name: str, distribution: str, problem: str) -> None:
        self.name, self.distribution, self.problem = name, distribution, problem
        super().__init__(f"{name!r} is declared by {distribution}, which cannot be imported: {problem}")


class SchemaError(FlowError):
    """A field that does not exist, or a descriptor that is invalid."""

    @classmethod
    def unknown_field(cls, name: str, known: Iterable[str], where: str = "") -> SchemaError:
        """The error for a field that no schema declares, with near misses.

        Args:
            name: The name that was asked for.
            known: The names of the fields there are.
            where: The resource, if it is known.
        """
        names = list(known)
        place = f" in resource {where!r}" if where else ""
        message = f"there is no field {name!r}{place}"
        if close := near_misses(name, names):
            message += f"; did you mean {' or '.join(map(repr, close))}?"
        return cls(f"{message}\n  known fields: {', '.join(names) if names else '(none)'}")


class ExpressionError(FlowError):
    """An expression that cannot be parsed, bound or allowed.

    Args:
        expression: The text of the expression.
        problem: What is wrong with it; names the construct that is refused.
        position: Offset of the fault in the text, in characters from 0, when it is known.
        known: The names of the fields there are.
    """

    def __init__(
        self, expression: str, problem: str, position: int | None = None, known: Iterable[str] = ()
    ) -> None:
        self.expression, self.problem, self.position, self.known = expression, problem, position, list(known)
        message = f"{problem}\n  in the expression: {expression}"
        if position is not None and "\n" not in expression:
            message += "\n" + " " * (len("  in the expression: ") + position) + "^"
        if self.known:
            message += f"\n  known fields: {', '.join(self.known)}"
        super().__init__(message)


class DataError(DataflowsError):
    """The data are not what the flow says they are."""


class CastError(DataError):
    """One value is not of its field's type, or breaks one of its constraints.

    Args:
        field: The field's name.
        value: The offending value, as it was found.
        expected: What was expected, in words: ``"a number"``, ``"at most 10 (constraint maximum)"``.
        index: Position of the row within the batch it was found in, from 0.
        remedy: What the author of the flow can do.
        constraint: The name of the broken constraint; empty when the type is wrong.
    """

    def __init__(
        self,
        field: str,
        value: object,
        expected: str,
        *,
        index: int = 0,
        remedy: str = "",
        constraint: str = "",
    ) -> None:
        self.field, self.value, self.expected = field, value, expected
        self.index, self.remedy, self.constraint = index, remedy, constraint
        message = f"field {field!r}: the value {shorten(value)} is not {expected}"
        if remedy:
            message += f"\n  {remedy}"
        super().__init__(message)


class RowError(DataError):
    """One row cannot become a row of its resource.

    Args:
        message: What is wrong with it.
        index: Position of the row within the batch it was found in, from 0.
        field: The field to blame, when it is one.
        value: The offending value.
    """

    def __init__(
        self, message: str, *, index: int = 0, field: str | None = None, value: object = None
    ) -> None:
        self.index, self.field, self.value = index, field, value
        super().__init__(message)


class AccessError(DataflowsError):
    """The world failed: a file that is not there, a network that broke off, a disk that is full."""


class UnreadableError(AccessError):
    """A source that no installed loader understands."""


class WorkerError(AccessError):
    """A worker process died of one task, and died again when that task ran alone."""


class RemoteError(DataflowsError):
    """Stands for an error that was raised in a worker process and cannot be sent as it is.

    Args:
        error: That error. Its class, its text and its exit code are kept.
    """

    def __init__(self, error: BaseException) -> None:
        self.exit_code = getattr(error, "exit_code", 1)
        super().__init__(_reason(error))


class ProcessorError(DataflowsError):
    """A step of a flow failed. The cause is kept, and decides the exit code.

    Args:
        cause: The error that the step raised.
        processor: The step's name.
        position: The step's 1-based position in its flow; nested flows give ``"3.1"``.
        resource: The resource it was working on, if any.
        row: The 1-based number of the row it failed at, if one is to blame.
        source: The file, or whatever else, that `row` counts in; empty when it counts what reached the step.
        values: The values of that row, by field.
    """

    def __init__(
        self,
        cause: BaseException,
        *,
        processor: str,
        position: str,
        resource: str | None = None,
        row: int | None = None,
        source: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self.cause, self.processor, self.position = cause, processor, position
        self.resource, self.row, self.source, self.values = resource, row, source, values
        super().__init__(self._message())
        self.__cause__ = cause

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """1 when the data or the world failed, 2 when the flow is wrong."""
        return getattr(self.cause, "exit_code", 1)

    def _message(self) -> str:
        place = f"step {self.position}, {self.processor}"
        if self.resource is not None:
            place += f", resource {self.resource!r}"
        if self.row is not None:
            place += (
                f", row {self.row} of {self.source}"
                if self.source
                else f", row {self.row} as it reached the step"
            )
        message = f"{place}:\n  {_reason(self.cause)}"
        if self.values:
            message += f"\n  the row: {_row_text(self.values)}"
        return message


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, DataflowsError) else f"{type(error).__name__}: {error}"


def near_misses(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that look most like `name`, best first: before all, in another case."""
    import difflib

    names = list(known)
    same = [other for other in names if other.casefold() == name.casefold()]
    close = difflib.get_close_matches(name, names, n=most, cutoff=0.6)
    return list(dict.fromkeys([*same, *close]))[:most]


def shorten(value: object, most: int = 80) -> str:
    """A value as it is shown in a message: its `repr`, on one line, cut after `most` characters."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        text = f"<{type(value).__name__} that is too long to show>"
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _row_text(values: Mapping[str, Any], most: int = 400) -> str:
    text = ", ".join(f"{name}={shorten(value, 40)}" for name, value in values.items())
    return text if len(text) <= most else f"{text[: most - 1]}…"
