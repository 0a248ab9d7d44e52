"""What a command is to run: a Python file that holds a flow, or a function that makes one.

Paths in the flow are relative to the current folder, as for `python file.py`; the file's own folder is
where its imports are looked for, also as for `python file.py`.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from dataflows_core.cli.parameters import arguments_for
from dataflows_core.errors import DataflowsError, FlowError, near_misses
from dataflows_core.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from traceback import FrameSummary

__all__ = ["Target"]


class Target:
    """A flow of a file, made anew where that is possible.

    Args:
        target: The file, and behind a colon what of it is meant: ``"flow.py"``, ``"flow.py:clean"``.
        settings: Parameters of a flow function, as ``"NAME=VALUE"``.

    Raises:
        FlowError: There is no such file, it cannot be imported, or it does not say which flow is meant.
    """

    def __init__(self, target: str, settings: Sequence[str] = ()) -> None:
        self.path, self.name = _split(target)
        self._file = os.path.abspath(self.path)  # noqa: PTH100 - as the import system spells it
        self._settings = settings
        self._made: Flow | None = None
        self._module = self._import()
        self._found = self._find()

    def flow(self) -> Flow:
        """The flow. A second call makes it anew, if it has a source that can be read only once.

        Raises:
            FlowError: The function failed, or returned something else; a parameter is unknown or missing.
        """
        if self._made is not None and _is_once(self._made):
            self._module = self._import()
            self._found = self._find()
        if isinstance(self._found, FunctionType):
            return self._call(self._found)
        if self._settings:
            raise FlowError(
                f"{self.path} holds a flow, which has no parameters to set; "
                "make it a function that takes them and returns the flow"
            )
        self._made = self._found
        return self._made

    def _import(self) -> ModuleType:
        folder = str(self.path.parent.resolve())
        if sys.path[:1] != [folder]:
            sys.path.insert(0, folder)
        # Known by its own name, worker processes can import it. A taken name must not be overwritten.
        name = self.path.stem
        taken = sys.modules.get(name)
        importable = name.isidentifier() and (taken is None or getattr(taken, "__file__", None) == self._file)
        if not importable:
            name = f"{name.replace('.', '_')}_flow"
        spec = importlib.util.spec_from_file_location(name, self._file)
        if spec is None or spec.loader is None:
            raise FlowError(f"{self.path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        if not importable:
            import cloudpickle

            cloudpickle.register_pickle_by_value(module)
        self._guarded(partial(spec.loader.exec_module, module))
        return module

    def _find(self) -> Flow | FunctionType:
        here, names = vars(self._module), _candidates(self._module)
        if self.name is not None:
            if self.name not in here:
                close = near_misses(self.name, names)
                raise FlowError(
                    f"{self.path} has no {self.name!r}"
                    + (f"; did you mean {' or '.join(close)}?" if close else "")
                    + _listed(names)
                )
            return _checked(here[self.name], f"{self.name!r} of {self.path}")
        if "flow" in here and isinstance(here["flow"], Flow | FunctionType):
            return _checked(here["flow"], "'flow'")
        if len(names) != 1:
            what = "several flows" if names else "no flow"
            raise FlowError(
                f"{self.path} holds {what}; name the one that is meant 'flow', or write {self.path}:NAME"
                + _listed(names)
            )
        return _checked(here[names[0]], f"{names[0]!r} of {self.path}")

    def _call(self, function: FunctionType) -> Flow:
        arguments = arguments_for(function, self._settings)
        made = self._guarded(lambda: function(**arguments))
        if not isinstance(made, Flow):
            raise FlowError(
                f"{function.__name__}() of {self.path} returned {type(made).__name__}, not a flow"
            )
        return made

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """Do what runs code of the file, and say where in it an error came from."""
        try:
            return action()
        except SyntaxError as error:
            raise FlowError(self._syntax_message(error)) from error
        except FlowError as error:
            raise FlowError(f"{self._place(error)}: {error}") from error
        except DataflowsError:
            raise  # the data or the world: the file did something besides making a flow
        except Exception as error:  # the seam: a user's file may raise anything
            raise FlowError(f"{self._place(error)}: {type(error).__name__}: {error}") from error

    def _syntax_message(self, error: SyntaxError) -> str:
        file = self.path if error.filename == self._file else error.filename
        message = f"{file}, line {error.lineno}: {error.msg}"
        if error.text:
            line = error.text.rstrip("\n")
            message += f"\n  {line.strip()}"
            if error.offset:
                message += "\n  " + " " * (error.offset - 1 - (len(line) - len(line.lstrip()))) + "^"
        return message

    def _place(self, error: Exception) -> str:
        """The file and the line that the error came from, the innermost of the file's own."""
        import traceback

        frames: list[FrameSummary] = list(traceback.extract_tb(error.__traceback__))
        lines = [frame.lineno for frame in frames if frame.filename == self._file]
        return f"{self.path}, line {lines[-1]}" if lines else str(self.path)


def _split(target: str) -> tuple[Path, str | None]:
    """The path and the name in a target; a colon in the path is none of ours."""
    path, colon, name = target.rpartition(":")
    if not (colon and name.isidentifier() and not Path(target).exists()):
        path, name = target, ""
    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "does not exist"
        raise FlowError(f"the file {path!r} {what}; name a Python file that holds a flow")
    return Path(path), name or None


def _candidates(module: ModuleType) -> list[str]:
    """The names of the module's flows, and of its functions that say they return one."""
    returning = set(_returning_flows(module))
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isinstance(value, Flow) or (isinstance(value, FunctionType) and name in returning))
    ]


def _returning_flows(module: ModuleType) -> Iterator[str]:
    """The functions of a module that are annotated to return a flow, or visibly do."""
    tree = ast.parse(Path(str(module.__file__)).read_bytes())
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            values = [inner.value for inner in ast.walk(statement) if isinstance(inner, ast.Return)]
            made = [value.func for value in values if isinstance(value, ast.Call)]
            if any(_is_flow(node) for node in [statement.returns, *made]):
                yield statement.name


def _is_flow(node: ast.expr | None) -> bool:
    text = node.value if isinstance(node, ast.Constant) else ast.unparse(node) if node is not None else ""
    return str(text).rpartition(".")[2] == "Flow"


def _checked(value: Any, what: str) -> Flow | FunctionType:
    if isinstance(value, Flow | FunctionType):
        return value
    raise FlowError(f"{what} is {type(value).__name__}, not a flow, nor a function that returns one")


def _listed(names: Sequence[str]) -> str:
    return f"\n  flows in it: {', '.join(names)}" if names else ""


def _is_once(flow: Flow) -> bool:
    return any(isinstance(planned.link, Iterator) for planned in flow.steps())
