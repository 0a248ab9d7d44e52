"""The only entrance for tests, lint, types, docs and benchmarks: `nox -l` lists the sessions.

Plain `nox` runs everything on the Python that runs nox, and the core on the newest Python here as well;
`nox -s matrix` runs all tests on every supported Python here. pip is enough; `nox -db uv` is quicker where
uv is installed. Words after `--` go to the tool: `nox -s "tests-3.11(dataflows-core)" -- -k cast -x`.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nox
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent
FOLDERS = [ROOT, ROOT / "registry", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PROJECTS: dict[Path, dict[str, Any]] = {
    folder: nox.project.load_toml(folder / "pyproject.toml") for folder in FOLDERS
}
DISTRIBUTIONS = {project["project"]["name"]: folder for folder, project in PROJECTS.items()}
CORE = PROJECTS[ROOT]["project"]["name"]
GROUP = partial(nox.project.dependency_groups, PROJECTS[ROOT])

SPANNING = tuple(
    f"tests/{area}"
    for area in ("browser", "docs", "integration", "predecessor", "registry_index", "stores", "types")
)
"""The tests that need several distributions; the others in `tests` are the core's own."""


SPREAD = ("-n", "auto", "--maxprocesses", "8")
"""Has pytest spread tests over the cores."""


QUICK = {"PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""What is not imported need not be compiled."""


def _show_pythons_of_pyenv(wanted: list[str]) -> None:
    """Names in PYENV_VERSION the newest patch of each wanted Python; pyenv's shims hide what is not named."""
    home = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    newest: dict[str, str] = {}
    for path in home.glob("3.*.*/bin/python"):
        patch = path.parent.parent.name
        if patch.replace(".", "").isdigit():
            minor = patch.rpartition(".")[0]
            newest[minor] = max(newest.get(minor, patch), patch, key=Version)
    first = os.environ.get("PYENV_VERSION") or platform.python_version()
    if newest and (home / first.partition(":")[0]).exists():
        shown = first.split(":")
        os.environ["PYENV_VERSION"] = ":".join(
            dict.fromkeys([*shown, *(newest[v] for v in wanted if v in newest)])
        )


def _is_here(python: str) -> bool:
    path = shutil.which(f"python{python}")
    return (
        path is not None
        and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    )


SUPPORTED = nox.project.python_versions(PROJECTS[ROOT])
_show_pythons_of_pyenv(SUPPORTED)
RUNNING = ".".join(platform.python_version_tuple()[:2])
PYTHONS = [python for python in SUPPORTED if python == RUNNING or _is_here(python)]
if not PYTHONS:
    raise SystemExit(f"dataflows needs one of Python {', '.join(SUPPORTED)}, and none of them is here")
MAIN = RUNNING if RUNNING in PYTHONS else PYTHONS[0]

# Many tests start programs, which without bytecode would compile everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

nox.needs_version = ">=2024.10.9"
nox.options.sessions = [
    "lint",
    *(f"tests-{MAIN}({name})" for name in DISTRIBUTIONS),
    *(f"tests-{PYTHONS[-1]}({CORE})" for _ in "x" if PYTHONS[-1] != MAIN),
    "together",
    "lowest",
    "fresh",
    "registry-index",
]


def _install(session: nox.Session, *names: str, groups: tuple[str, ...] = ("test",)) -> None:
    """Installs distributions of this checkout with the core, which no index knows in this version.

    What the tests of one need besides is in a group `test` of its own; that may be others of this checkout.
    """
    own = [word for name in names for word in _own_group(name)]
    wanted = (*names, *(word for word in own if word in DISTRIBUTIONS))
    folders = dict.fromkeys((ROOT, *(DISTRIBUTIONS[name] for name in wanted)))
    editable = [word for folder in folders for word in ("-e", str(folder))]
    tools = [*GROUP(*groups), *(word for word in own if word not in DISTRIBUTIONS)]
    # One backend for all of ours, instead of a new environment with it for each; tools may need others.
    session.install("-q", "hatchling>=1.27", "editables", *tools, env=QUICK)
    session.install("--no-build-isolation", *editable, env=QUICK)


def _own_group(name: str) -> tuple[str, ...]:
    project = PROJECTS[DISTRIBUTIONS[name]]
    if name == CORE or "test" not in project.get("dependency-groups", {}):
        return ()
    return nox.project.dependency_groups(project, "test")


def _pytest(session: nox.Session, *names: str, brief: bool = False) -> None:
    """Runs the tests of distributions, and the examples in their docstrings.

    When `brief`, with few examples of each property: another session tries many.
    """
    spread = (*SPREAD, "--hypothesis-profile", "brief") if brief else SPREAD
    for name in names:
        at = str(DISTRIBUTIONS[name].relative_to(ROOT))
        own = ["tests", *(f"--ignore={path}" for path in SPANNING)] if name == CORE else [f"{at}/tests"]
        packages = [f"{at}/{package}" for package in _wheel(name)["packages"]]
        # As a module, since the program may be of the layer beneath; -P: not with the checkout on the path.
        run = ("python", "-P", "-m", "pytest", *spread, "--doctest-modules")
        session.run(*run, *own, *packages, *session.posargs)


def _wheel(name: str) -> dict[str, Any]:
    target: dict[str, Any] = PROJECTS[DISTRIBUTIONS[name]]["tool"]["hatch"]["build"]["targets"]["wheel"]
    return target


def _lay_base(session: nox.Session) -> None:
    """Puts the core's dependencies and the tools of tests beneath a session's environment.

    Every distribution may import these, so they are installed once for each Python, and not for each
    distribution. No distribution of this checkout is among them: an undeclared import still fails.
    """
    base = Path(session.virtualenv.location).with_name(f"base-{session.python}").absolute()
    wanted = [*PROJECTS[ROOT]["project"]["dependencies"], *GROUP("test"), "hatchling>=1.27", "editables"]
    stamp = base / "installed.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(wanted):
        session.run("python", "-m", "venv", "--clear", str(base))
        session.run(str(base / "bin" / "pip"), "install", "-q", *wanted, env=QUICK, external=True)
        stamp.write_text("\n".join(wanted))
    place = Path("lib", f"python{session.python}", "site-packages")
    own = Path(session.virtualenv.location) / place
    (own / "base.pth").write_text(f"import site; site.addsitedir({str(base / place)!r})\n")


@nox.session(python=PYTHONS)
@nox.parametrize("distribution", [nox.param(name, id=name) for name in DISTRIBUTIONS])
def tests(session: nox.Session, distribution: str) -> None:
    """One distribution, alone with its declared dependencies: an undeclared import fails here."""
    _lay_base(session)
    _install(session, distribution)
    _pytest(session, distribution, brief=session.python != MAIN)


@nox.session(python=PYTHONS)
def integration(session: nox.Session) -> None:
    """All distributions together: what spans packages, the examples, the houses' rules."""
    _install(session, *DISTRIBUTIONS, groups=("test", "frames"))
    _integration(session)


def _integration(session: nox.Session) -> None:
    session.run("pip", "check")
    session.run("pytest", *SPREAD, "tests/integration", *session.posargs)


@nox.session(python=MAIN)
def together(session: nox.Session) -> None:
    """What wants all distributions: integration, stores, types, docs, browser and predecessor."""
    _install(session, *DISTRIBUTIONS, groups=("test", "frames", "stores", "types", "browser"))
    for check in (_types, _docs, _integration, _stores, _browser, _predecessor):
        check(session)


@nox.session(python=PYTHONS)
def stores(session: nox.Session) -> None:
    """Loaders and dumps on real stores: an S3 server and an SFTP server on loopback."""
    _install(session, *DISTRIBUTIONS, groups=("test", "stores"))
    _stores(session)


def _stores(session: nox.Session) -> None:
    session.run("pytest", *SPREAD, "tests/stores", *session.posargs)


@nox.session(python=False)
def matrix(session: nox.Session) -> None:
    """All tests on every supported Python that is here."""
    for python in SUPPORTED:
        if python not in PYTHONS:
            session.warn(
                f"Python {python} is not here, so it is left out; `pyenv install {python}` brings it"
            )
            continue
        for name in DISTRIBUTIONS:
            session.notify(f"tests-{python}({name})")
        session.notify(f"integration-{python}")


@nox.session(python=MAIN)
def lint(session: nox.Session) -> None:
    """Rules and formatting; `nox -s fix` mends what a machine can."""
    session.install(*GROUP("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)


@nox.session(python=MAIN, default=False)
def fix(session: nox.Session) -> None:
    """Formats, and mends what ruff can mend; `-- PATH …` restricts it."""
    session.install(*GROUP("lint"))
    session.run("ruff", "check", "--fix", "--exit-zero", *session.posargs)
    session.run("ruff", "format", *session.posargs)


@nox.session(python=MAIN)
def types(session: nox.Session) -> None:
    """Mypy, strict, over all distributions, and over flows that use the stubs of the processors."""
    _install(session, *DISTRIBUTIONS, groups=("types",))
    _types(session)


def _types(session: nox.Session) -> None:
    session.run("mypy", *session.posargs)
    session.run("pytest", *SPREAD, "tests/types")


@nox.session(python=MAIN)
def browser(session: nox.Session) -> None:
    """The site of the registry in Chromium, installed if it can be; pictures go to out/screenshots."""
    _install(session, *DISTRIBUTIONS, groups=("test", "browser"))
    _browser(session)


def _browser(session: nox.Session) -> None:
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session(python=MAIN)
def docs(session: nox.Session) -> None:
    """Examples and links of the documentation, and its generated pages; `-- --write` renews these."""
    _install(session, *DISTRIBUTIONS)
    _docs(session)


def _docs(session: nox.Session) -> None:
    session.run("python", "docs/generate.py", *(session.posargs or ["--check"]))
    session.run("pytest", *SPREAD, "tests/docs")


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """All tests on the lowest versions that the distributions say they work with."""
    constraints = Path(session.create_tmp()) / "lowest.txt"
    constraints.write_text(
        "".join(f"{name}=={version}\n" for name, version in sorted(_floors(session).items()))
    )
    session.log(constraints.read_text().replace("\n", " "))
    session.env["PIP_CONSTRAINT"] = session.env["UV_CONSTRAINT"] = str(constraints.absolute())
    _install(session, *DISTRIBUTIONS)
    _pytest(session, *DISTRIBUTIONS, brief=True)


def _floors(session: nox.Session) -> dict[str, Version]:
    """The lowest version of each direct dependency that satisfies every distribution here."""
    floors: dict[str, Version] = {}
    for name, folder in DISTRIBUTIONS.items():
        for text in PROJECTS[folder]["project"].get("dependencies", ()):
            requirement = Requirement(text)
            if requirement.name in DISTRIBUTIONS or (
                requirement.marker and not requirement.marker.evaluate()
            ):
                continue
            bounds = [Version(s.version) for s in requirement.specifier if s.operator in (">=", "==", "~=")]
            if not bounds:
                session.error(f"{name} gives no lower bound for {text!r}")
            key = canonicalize_name(requirement.name)
            floors[key] = max(*bounds, floors.get(key, Version("0")))
    return floors


@nox.session(python=MAIN)
def fresh(session: nox.Session) -> None:
    """Wheels of everything, installed by name from a package index on loopback; then the README's command."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        built = [str(folder) for folder in FOLDERS]
        session.run("pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(place / "wheels"), *built)
        for wheel in (place / "wheels").iterdir():
            home = place / "index" / canonicalize_name(wheel.name.partition("-")[0])
            home.mkdir(parents=True)
            wheel.rename(home / wheel.name)
        session.run("python", "-m", "venv", str(place / "venv"))
        python = str(place / "venv" / "bin" / "python")
        with _index(place / "index") as url:
            # Ours come from the loopback index alone, so that no other index can offer the same names …
            alone = {
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_EXTRA_INDEX_URL": "",
                "PIP_FIND_LINKS": "",
                "NO_PROXY": "*",
            }
            install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            session.run(*install, "--no-deps", "--index-url", url, *DISTRIBUTIONS, external=True, env=alone)
        # … and what they depend on from wherever pip is told to look.
        session.run(*install, *DISTRIBUTIONS, external=True)
        session.run(python, "-m", "pip", "check", external=True)
        shutil.copytree(ROOT / "examples", place / "examples", ignore=shutil.ignore_patterns("out"))
        with session.chdir(place):
            session.run(str(place / "venv" / "bin" / "dataflows"), *_main_command()[1:], external=True)
            check = str(ROOT / "tests" / "integration" / "check_package.py")
            session.run(python, check, "examples/co2-emissions/out", external=True)


@nox.session(name="registry-index", python=MAIN)
def registry_index(session: nox.Session) -> None:
    """The registry as its users meet it: every wheel on a real index server, and a new environment."""
    session.install(*GROUP("registry-index"))
    session.run("pytest", "tests/registry_index", *session.posargs)


def _main_command() -> list[str]:
    """What the README's first command runs after installing: `dataflows run …`."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith("$ ") and "dataflows run" in line)
    return shlex.split(line.rpartition("&&")[2])


@contextmanager
def _index(folder: Path) -> Iterator[str]:
    """Serves a folder of folders of wheels on loopback: the listings of http.server are a simple index."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@nox.session(python=MAIN)
def predecessor(session: nox.Session) -> None:
    """The same flows through dataflows 0.5 and through ours; what differs must be what the tests say."""
    _install(session, *DISTRIBUTIONS)
    _predecessor(session)


def _predecessor(session: nox.Session) -> None:
    place = Path(session.virtualenv.location).with_name("dataflows-0-5")
    python = str((place / "bin" / "python").absolute())
    if not Path(python).exists():
        session.run("python", "-m", "venv", str(place))
    session.run(python, "-m", "pip", "install", "-q", *GROUP("predecessor"), external=True)
    session.run("pytest", "tests/predecessor", *session.posargs, env={"DATAFLOWS_PREDECESSOR": python})


@nox.session(python=MAIN, default=False)
def index(session: nox.Session) -> None:
    """Renews the index of first-party plugins that the registry's wheel carries."""
    _install(session, "dataflows-registry")
    session.run("python", "registry/bundle.py", "--write")


@nox.session(python=MAIN, default=False)
def benchmarks(session: nox.Session) -> None:
    """Ratios to peers, which get an environment of their own; see benchmarks/README.md for the options."""
    # As users have them: installed, and compiled to bytecode, like the peers.
    session.install("--force-reinstall", "--no-deps", *map(str, DISTRIBUTIONS.values()))
    session.install(*map(str, DISTRIBUTIONS.values()))
    peers = Path(session.virtualenv.location).with_name("peers")
    python = str((peers / "bin" / "python").absolute())
    if not Path(python).exists():
        session.run("python", "-m", "venv", str(peers))
    session.run(python, "-m", "pip", "install", "-q", *GROUP("peers"), external=True)
    session.run("python", "benchmarks/run.py", "--peers", python, *session.posargs)
