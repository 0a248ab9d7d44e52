"""What the links of a flow are, as a digest: it changes when their code or their parameters do.

Of a function that is the user's own: its byte code, defaults and closure, and the functions, classes and
values of its module that it names, and theirs in turn. Of one that belongs to an installed distribution:
the distribution's version, the source of its module, and its closure, which holds the parameters.

Some things say nothing of themselves beforehand: what a generator yields, an open connection, a C object.
They count by their type, and `unknown` names them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import site
import sys
import sysconfig
import types
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from dataflows_core import discovery
from dataflows_core.flow import Flow

__all__ = ["Fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, type(Ellipsis), range)
_WRAPPERS = (staticmethod, classmethod)


class Fingerprint:
    """The digest of a value, and what was found on the way.

    Args:
        value: A link of a flow, or any other value.

    Attributes:
        texts: The texts in it: some may name files.
        unknown: What counts by its type alone, in words.

    Examples:
        >>> Fingerprint({"a": 1}).digest == Fingerprint({"a": 1}).digest
        True
        >>> Fingerprint({"a": 1}).digest == Fingerprint({"a": 2}).digest
        False
    """

    def __init__(self, value: Any) -> None:
        self.texts: set[str] = set()
        self.unknown: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []  # an id is good as long as its object lives
        self._say("python", f"{sys.version_info.major}.{sys.version_info.minor}")
        self._add(value)

    @property
    def digest(self) -> str:
        """The digest, in hexadecimal digits."""
        return self._hash.hexdigest()

    def _say(self, *words: str | bytes) -> None:
        for word in words:
            data = word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word
            self._hash.update(len(data).to_bytes(8, "little"))
            self._hash.update(data)

    def _add(self, value: Any) -> None:
        if isinstance(value, _PLAIN):
            self._say(type(value).__name__, repr(value))
        elif type(value) in (str, bytes):
            self._text(value)
        elif isinstance(value, PurePath):
            self._text(str(value))
        elif id(value) in self._numbers:
            self._say("again", str(self._numbers[id(value)]))
        else:
            self._numbers[id(value)] = len(self._numbers)
            self._alive.append(value)
            self._add_object(value)

    def _text(self, value: str | bytes) -> None:
        self._say(type(value).__name__, value)
        if isinstance(value, str):
            self.texts.add(value)
            if value.startswith("env://"):
                self._say(os.environ.get(value.removeprefix("env://"), ""))

    def _add_all(self, name: str, values: Iterable[Any]) -> None:
        items = list(values)
        self._say(name, str(len(items)))
        for item in items:
            self._add(item)

    def _add_object(self, value: Any) -> None:
        if isinstance(value, types.CodeType):
            self._add_code(value)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.ModuleType):
            self._say("module", value.__name__, _source_of(value.__name__))
        elif isinstance(value, types.MethodType):
            self._add_all("method", (value.__func__, value.__self__))
        elif isinstance(value, types.BuiltinFunctionType):
            owner = None if isinstance(value.__self__, types.ModuleType) else value.__self__
            self._add_all("builtin", (value.__module__, value.__qualname__, owner))
        elif isinstance(value, partial):
            self._add_all("partial", (value.func, value.args, value.keywords))
        elif isinstance(value, property):
            self._add_all("property", (value.fget, value.fset, value.fdel))
        elif isinstance(value, _WRAPPERS):
            self._add_all("wrapper", (value.__func__,))
        elif isinstance(value, Flow):
            self._add_all("flow", value.links)
        elif isinstance(value, list | tuple):
            self._add(type(value))
            self._add_all("items", value)
        elif isinstance(value, set | frozenset):
            parts = [Fingerprint(item) for item in value]
            self._add_all("set", sorted(part.digest for part in parts))
            self.texts.update(*(part.texts for part in parts))
        elif isinstance(value, dict | types.MappingProxyType):
            self._add_all("keys", value.keys())
            self._add_all("values", value.values())
        elif isinstance(value, types.GeneratorType):
            self._add(value.gi_code)
            self._unknown(value, f"what the generator {value.__name__} yields")
        elif hasattr(value, "__next__"):
            self._unknown(value, f"what an iterator ({type(value).__name__}) yields")
        elif hasattr(value, "__arrow_c_stream__"):
            self._add_table(value)
        else:
            self._add_instance(value)

    def _add_code(self, code: types.CodeType) -> None:
        self._say("code", code.co_code, code.co_exceptiontable, str(code.co_flags), str(code.co_argcount))
        self._say(str(code.co_kwonlyargcount), str(code.co_posonlyargcount))
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self._say(*names, "")
        self._add_all("constants", code.co_consts)

    def _add_function(self, function: types.FunctionType) -> None:
        self._add_all("function", (function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            self._add(_held(cell))
        if _installed(function.__module__):
            self._say("installed", function.__qualname__, _source_of(function.__module__))
            return
        self._add(function.__code__)
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                self._say(name)
                self._add(function.__globals__[name])

    def _add_class(self, cls: type) -> None:
        self._say("class", cls.__module__, cls.__qualname__)
        if _installed(cls.__module__):
            self._say(_source_of(cls.__module__))
            return
        self._add_all("bases", cls.__bases__)
        members = {
            name: value
            for name, value in vars(cls).items()
            if name
            not in ("__dict__", "__weakref__", "__doc__", "__module__", "__abstractmethods__", "_abc_impl")
            and not isinstance(value, types.GetSetDescriptorType | types.MemberDescriptorType)
        }
        self._add(members)

    def _add_table(self, table: Any) -> None:
        schema = getattr(table, "schema", None)
        if hasattr(table, "read_next_batch"):
            self._unknown(table, f"what an Arrow stream ({type(table).__name__}) holds")
            return
        reader = pa.RecordBatchReader.from_stream(table)
        self._say("table", str(schema if isinstance(schema, pa.Schema) else reader.schema))
        for batch in reader:
            self._say(batch.serialize().to_pybytes())

    def _add_instance(self, value: Any) -> None:
        self._add(type(value))
        if dataclasses.is_dataclass(value):
            self._add({field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)})
            return
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - the seam: it calls code of whatever the object is
            self._unknown(value, f"what is in an object of the type {type(value).__qualname__}")
            return
        if isinstance(reduced, str):
            self._say("name", reduced)
            return
        function, arguments, *state = reduced
        self._add_all("made", (function, arguments))
        for part in state:
            if hasattr(part, "__next__"):
                self._add_all("parts", part)
            else:
                self._add(part)

    def _unknown(self, value: Any, words: str) -> None:
        self._say("unknown", type(value).__module__, type(value).__qualname__)
        self.unknown.append(words)


def _held(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a function that names itself, or what is assigned later
        return None


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


@cache
def _plugins() -> Mapping[str, str]:
    """The distributions of this project and its plugins, with versions, by import package.

    They may be installed in place, where their files tell nothing of that.
    """
    entries = [entry for group in set(discovery.GROUPS.values()) for entry in discovery.entries(group)]
    found = {re.split(r"[.:]", entry.value)[0]: f"{entry.distribution} {entry.version}" for entry in entries}
    return {"dataflows_core": f"dataflows-core {metadata.version('dataflows-core')}", **found}


@cache
def _libraries() -> tuple[Path, ...]:
    """The folders that distributions are installed in."""
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    folders += [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return tuple(Path(folder) for folder in dict.fromkeys(folders))


@cache
def _installed(module: str | None) -> bool:
    """Whether a module belongs to Python or to an installed distribution, and is not the user's own."""
    top = (module or "builtins").partition(".")[0]
    if top in sys.stdlib_module_names or top in _plugins():
        return True
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    return file is not None and any(Path(file).is_relative_to(folder) for folder in _libraries())


@cache
def _source_of(module: str) -> str:
    """The version of the distribution that a module belongs to, and the digest of its source."""
    top = module.partition(".")[0]
    said = _plugins().get(top) or _version(top)
    path = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    if path.suffix == ".py" and path.is_file():
        said += f" {hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()}"
    return said


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # the distribution has another name
        return str(getattr(sys.modules.get(package), "__version__", ""))
