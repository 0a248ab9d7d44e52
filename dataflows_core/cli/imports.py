"""Whether the modules of plugins can be imported, and in good time: tried in processes of their own.

What was found is kept in the user's cache folder until something is installed or removed, or a file of
the plugin changes; so only the first look costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dataflows_core.cli.describe import module_file, object_path
from dataflows_core.discovery import Entry, distribution_folders
from dataflows_core.user_folders import cache_folder

__all__ = ["cache_file", "import_problems"]

LIMIT = 1.0
"""Seconds that the import of a module may take."""

PATIENCE = 4.0
"""Seconds after which no further module is tried; the next call goes on."""

_SLOW = f"its import takes more than {LIMIT:g} s"
_UNTRIED = "its import has not been tried yet; ask again"

# What the process does: import a module, look up the names, leave what went wrong in a file. The plugin
# may print, exit or hang; none of it reaches us.
_PROBE = """
import sys, json
module, names, path, report = json.loads(sys.argv[1])
sys.path[:] = path
import importlib, operator
problems = {}
try:
    found = importlib.import_module(module)
except BaseException as error:
    problems = dict.fromkeys(names, f"its import fails: {type(error).__name__}: {error}")
else:
    for name in names:
        try:
            name and operator.attrgetter(name)(found)
        except BaseException as error:
            problems[name] = f"it cannot be used: {type(error).__name__}: {error}"
with open(report, "w", encoding="utf-8", errors="backslashreplace") as file:
    json.dump(problems, file)
"""


def import_problems(entries: Iterable[Entry]) -> dict[Entry, str]:
    """What is wrong with the imports of some entry points; those that are well are left out.

    Args:
        entries: The entry points to try. One process is started per module that is not in the cache.
    """
    by_module: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        module, name = object_path(entry.value)
        by_module.setdefault(module, {}).setdefault(name, []).append(entry)
    installed = _installed()
    known = _read_cache()
    kept: dict[str, dict[str, str]] = {}
    untried: dict[str, str] = {}
    found: dict[Entry, str] = {}
    for module, names in by_module.items():
        key = _fingerprint(installed, module, names)
        if key in known:
            kept[key] = known[key]
        else:
            untried[module] = key
    tried = dict(_try_all({module: list(by_module[module]) for module in untried}))
    kept.update({untried[module]: problems for module, problems in tried.items()})
    for module, names in by_module.items():
        problems = kept.get(_fingerprint(installed, module, names), dict.fromkeys(names, _UNTRIED))
        for name, problem in problems.items():
            found.update(dict.fromkeys(names.get(name, ()), problem))
    if tried:
        _write_cache(kept)
    return found


def _try_all(modules: Mapping[str, list[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """The problems of each module that there was time for, by name."""
    if not modules:
        return
    end = time.monotonic() + PATIENCE
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = pool.map(lambda item: _try(*item) if time.monotonic() < end else None, modules.items())
        for module, problems in zip(modules, results, strict=True):
            if problems is not None:
                yield module, problems


def _try(module: str, names: list[str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="dataflows-import-") as folder:
        report = Path(folder, "report.json")
        task = json.dumps([module, names, sys.path, str(report)])
        process = subprocess.Popen(
            [sys.executable, "-B", "-c", _PROBE, task],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return dict.fromkeys(names, _SLOW)
        if not report.exists():
            return dict.fromkeys(names, f"its import ends the process, with code {code}")
        problems: dict[str, str] = json.loads(report.read_text("utf-8"))
        return problems


def _installed() -> str:
    """What decides about every import: the interpreter, and what is installed beside it.

    And the day, so that a verdict of a bad moment (a machine too busy to import in time) is not for ever.
    """
    folders = "\0".join(str(folder) for folder in distribution_folders())
    return f"{int(time.time() // 86_400)}\0{sys.version}\0{sys.prefix}\0{folders}"


def _fingerprint(installed: str, module: str, names: Iterable[str]) -> str:
    """Changes when the outcome of an import may have changed."""
    parts = [installed, module, *sorted(names)]
    top = module_file(module.partition(".")[0]) or module_file(module)
    if top is not None:
        files = sorted(top.parent.rglob("*.py")) if top.name == "__init__.py" else [top]
        for file in files:
            facts = file.stat()
            parts.append(f"{file}\0{facts.st_mtime_ns}\0{facts.st_size}")
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def cache_file() -> Path:
    """Where the outcomes are kept."""
    return cache_folder() / "imports.json"


def _read_cache() -> dict[str, dict[str, str]]:
    try:
        cache = json.loads(cache_file().read_text("utf-8"))
    except (OSError, ValueError, RuntimeError):  # absent, damaged, or a user without a home: nothing is known
        return {}
    return {
        key: problems
        for key, problems in (cache.items() if isinstance(cache, dict) else ())
        if isinstance(problems, dict) and all(isinstance(text, str) for text in problems.values())
    }


def _write_cache(cache: Mapping[str, Mapping[str, str]]) -> None:
    try:
        path = cache_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(cache, file)
        Path(file.name).replace(path)
    except (OSError, RuntimeError):
        return  # a cache that cannot be written costs time at the next call, nothing else
