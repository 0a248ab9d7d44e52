"""The installed processors, by name: ``from dataflows_core.processors import load_csv``.

Nothing is imported until a name is used. `dir()` lists what is installed; `step` takes a name as text,
long names included.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from opcode import opmap
from typing import Any

from dataflows_core import discovery
from dataflows_core.errors import UnknownNameError


def step(name: str, /, *args: Any, **kwargs: Any) -> Any:
    """The step that an installed processor makes of its parameters.

    Args:
        name: A short name, ``"load_csv"``, or a long one, ``"load-csv.load_csv"``.
        *args: The processor's parameters.
        **kwargs: The processor's parameters, by name.

    Raises:
        UnknownNameError: Nothing installed has the name; near misses are named.
        AmbiguousNameError: Several third-party distributions claim the short name.
        BrokenPluginError: The plugin cannot be imported.
    """
    return discovery.load("processor", name)(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name == "__all__":  # what `import *` asks for
        return __dir__()
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        processor: Callable[..., Any] = discovery.load("processor", name)
    except UnknownNameError as error:
        # An import statement takes an AttributeError for "not there", and drops what it says.
        caller = sys._getframe(1)
        importing = caller.f_code.co_code[caller.f_lasti] == opmap["IMPORT_FROM"]
        raise (ImportError if importing else AttributeError)(str(error), name=name) from error
    return processor


def __dir__() -> list[str]:
    return sorted({"step", *(name for name in discovery.names("processor") if name.isidentifier())})
