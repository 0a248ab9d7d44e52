"""pip or uv, whichever is there: run as a program, with a list of arguments and the user's configuration.

Only wheels are taken: to look into anything else, an installer has to run it, and a plan is shown before.

This module changes nothing by itself: `apply` is its one caller that does, and checks the policy first.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dataflows_core.errors import AccessError
from dataflows_registry.text import normalised

__all__ = ["Installer", "Pip", "Resolved", "Uv", "find_installer"]

_WHEELS = ("--only-binary", ":all:")


@dataclass(frozen=True)
class Resolved:
    """A distribution that an installer would bring in.

    Attributes:
        name: Its normalised name.
        version: The version.
        hashes: The sha256 of the files that it may be.
        url: Where it would be fetched; None when the installer does not say.
        licence: What its metadata says of its licence.
        yanked: Whether its authors have withdrawn it.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    url: str | None = None
    licence: str | None = None
    yanked: bool = False


class Installer(Protocol):
    """What the registry asks of pip and of uv."""

    name: str

    def resolve(
        self, wanted: Sequence[str], pins: Mapping[str, str], *, offline: bool = False
    ) -> list[Resolved]:
        """What would be installed for requirements; nothing is changed.

        Args:
            wanted: Requirements, as ``"name==1.0"`` or ``"name @ file:///…"``.
            pins: Versions of installed distributions that have to stay.
            offline: Open no socket.
        """

    def install(
        self, hashes: Mapping[str, Sequence[str]], folder: Path | None, *, offline: bool = False
    ) -> None:
        """Install exactly these files, and nothing that they depend on.

        Args:
            hashes: The sha256 of the allowed files, by ``"name==version"``.
            folder: Where the files are; the installer's own indexes by default.
            offline: Open no socket.
        """

    def uninstall(self, names: Sequence[str]) -> None:
        """Remove distributions."""


class Pip:
    """The pip of this environment."""

    name = "pip"

    def resolve(
        self, wanted: Sequence[str], pins: Mapping[str, str], *, offline: bool = False
    ) -> list[Resolved]:
        """What pip would install, from the report of its dry run."""
        with tempfile.TemporaryDirectory() as place:
            constraints, report = Path(place, "installed.txt"), Path(place, "report.json")
            constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), "utf-8")
            options = [
                *_WHEELS,
                "--dry-run",
                "--quiet",
                "--report",
                str(report),
                "--constraint",
                str(constraints),
            ]
            self._run("install", *options, *_closed(offline), *wanted)
            items = json.loads(report.read_text("utf-8"))["install"]
        return [_reported(item) for item in items]

    def install(
        self, hashes: Mapping[str, Sequence[str]], folder: Path | None, *, offline: bool = False
    ) -> None:
        """Let pip install files whose hashes it verifies itself."""
        with tempfile.TemporaryDirectory() as place:
            listed = _requirements(hashes, Path(place))
            options = [*_WHEELS, "--no-deps", "--require-hashes", "--quiet", "--force-reinstall"]
            self._run("install", *options, *_places(folder, offline), "--requirement", str(listed))

    def uninstall(self, names: Sequence[str]) -> None:
        """Let pip remove distributions."""
        self._run("uninstall", "--yes", "--quiet", *names)

    def _run(self, *arguments: str) -> None:
        _run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments], "pip")


class Uv:
    """The program uv, working on this environment.

    Args:
        program: Where it is.
    """

    name = "uv"

    def __init__(self, program: str) -> None:
        self.program = program

    def resolve(
        self, wanted: Sequence[str], pins: Mapping[str, str], *, offline: bool = False
    ) -> list[Resolved]:
        """What uv would install, from what its dry run says; hashes are from a resolution of just that."""
        with tempfile.TemporaryDirectory() as place:
            constraints, asked, answer = (Path(place, name) for name in ("pins.txt", "in.txt", "out.txt"))
            constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), "utf-8")
            options = [*_WHEELS, "--python", sys.executable, "--constraint", str(constraints)]
            options += ["--color", "never", "--dry-run", *_closed(offline)]
            said = _run([self.program, "pip", "install", *options, *wanted], "uv")
            found = re.findall(r"^ [+~] ([^\s=]+)==(\S+)( \(from .*\))?$", said, re.MULTILINE)
            yanked = set(re.findall(r"^warning: `([^=`]+)==[^`]+` is yanked", said, re.MULTILINE))
            pinned = [f"{name}=={version}" for name, version, given in found if not given]
            asked.write_text("".join(f"{pin}\n" for pin in pinned), "utf-8")
            options = [
                *_WHEELS,
                "--no-deps",
                "--generate-hashes",
                "--no-header",
                "--no-annotate",
                "--python",
                sys.executable,
            ]
            files = ["--output-file", str(answer), str(asked)]
            if pinned:
                _run([self.program, "pip", "compile", "--quiet", *_closed(offline), *options, *files], "uv")
            hashes = _compiled(answer.read_text("utf-8")) if pinned else {}
        return [
            Resolved(
                normalised(name),
                version,
                hashes.get(f"{normalised(name)}=={version}", ()),
                yanked=name in yanked,
            )
            for name, version, _ in found
        ]

    def install(
        self, hashes: Mapping[str, Sequence[str]], folder: Path | None, *, offline: bool = False
    ) -> None:
        """Let uv install files whose hashes it verifies itself."""
        with tempfile.TemporaryDirectory() as place:
            listed = _requirements(hashes, Path(place))
            options = [*_WHEELS, "--python", sys.executable, "--no-deps", "--require-hashes"]
            options += ["--quiet", "--reinstall"]
            places = _places(folder, offline)
            _run([self.program, "pip", "install", *options, *places, "--requirement", str(listed)], "uv")

    def uninstall(self, names: Sequence[str]) -> None:
        """Let uv remove distributions."""
        _run([self.program, "pip", "uninstall", "--quiet", "--python", sys.executable, *names], "uv")


def find_installer() -> Installer:
    """The pip of this environment, or else uv.

    Raises:
        AccessError: Neither is there.
    """
    if importlib.util.find_spec("pip") is not None:
        return Pip()
    program = shutil.which("uv")
    if program is None:
        raise AccessError(
            f"neither pip nor uv is there to install with\n  python -m ensurepip brings pip to {sys.prefix}"
        )
    return Uv(program)


def _closed(offline: bool) -> list[str]:
    return ["--no-index"] if offline else []


def _places(folder: Path | None, offline: bool) -> list[str]:
    if folder is None:
        return _closed(offline)
    return ["--no-index", "--find-links", str(folder)]


def _requirements(hashes: Mapping[str, Sequence[str]], place: Path) -> Path:
    lines = [
        f"{pin} {' '.join(f'--hash=sha256:{digest}' for digest in digests)}\n"
        for pin, digests in hashes.items()
    ]
    path = place / "requirements.txt"
    path.write_text("".join(lines), "utf-8")
    return path


def _reported(item: dict[str, Any]) -> Resolved:
    metadata, download = item["metadata"], item["download_info"]
    digest = download.get("archive_info", {}).get("hashes", {}).get("sha256")
    return Resolved(
        normalised(metadata["name"]),
        metadata["version"],
        (digest,) if digest else (),
        download["url"],
        metadata.get("license_expression") or metadata.get("license"),
        bool(item.get("is_yanked")),
    )


def _compiled(text: str) -> dict[str, tuple[str, ...]]:
    """The hashes by ``"name==version"`` of a requirements file, as uv writes it."""
    found = {}
    for entry in text.replace("\\\n", " ").splitlines():
        name, pinned, version = entry.partition("--hash")[0].partition(";")[0].strip().partition("==")
        if pinned:
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
            found[f"{normalised(name)}=={version.strip()}"] = tuple(hashes)
    return found


def _run(command: list[str], name: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"it ended with the exit code {done.returncode}"
        lines = [line for line in said.splitlines() if not line.lstrip().startswith(("WARNING:", "[notice]"))]
        if _WHEELS[0] in command:
            lines.append("(only wheels are taken; what has to be built first, install by yourself)")
        raise AccessError(f"{name} could not do it\n  " + "\n  ".join(lines or [said]))
    return done.stderr
