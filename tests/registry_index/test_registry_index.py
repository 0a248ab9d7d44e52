"""From a flow that fails to a flow that runs, on a real index; then all that must be refused.

The tests tell one story in order: each goes on with the environment that the one before it left.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

FLOW = """
from dataflows_core import Flow, step

def flow() -> Flow:
    return Flow(step("load_csv", "cities.csv"))
"""


def facts(result) -> dict:
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def repacked(wheel: Path, version: str, folder: Path) -> Path:
    """The wheel of a plugin as its next release would be."""
    old = wheel.name.split("-")[1]
    target = folder / wheel.name.replace(f"-{old}-", f"-{version}-")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(("METADATA", "RECORD")):
                text = content.decode().replace(f"Version: {old}\n", f"Version: {version}\n")
                lines = text.replace(f"-{old}.dist-info", f"-{version}.dist-info").splitlines(keepends=True)
                # The hashes of what was changed are not worth a test: installers rewrite the record.
                content = "".join(lines).encode()
            archive.writestr(name.replace(f"-{old}.dist-info", f"-{version}.dist-info"), content)
    return target


def test_a_flow_fails_and_says_what_would_help(machine):
    (machine.work / "flow.py").write_text(FLOW)
    (machine.work / "cities.csv").write_text("city,people\nLyon,522250\nOslo,709037\n")
    failed = machine.run("run", "flow.py")
    assert failed.returncode == 2
    assert "load_csv" in failed.stderr
    assert "dataflows registry install load_csv" in failed.stderr


def test_the_index_is_added_searched_and_shown(machine, server):
    facts(machine.registry("index", "add", "local", server.url, "--json"))
    found = facts(machine.registry("search", "csv", "--json", "--offline"))
    found = found if isinstance(found, list) else found["entries"]
    assert "load_csv" in [entry["name"] for entry in found]
    shown = machine.registry("show", "load_csv", "--offline")
    assert shown.returncode == 0, shown.stderr
    assert "dataflows-load-csv" in shown.stdout


def test_the_plan_is_shown_and_nothing_is_done_without_a_yes(machine, wheels):
    planned = machine.registry("install", "load_csv", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    wheel = next(wheels.glob("dataflows_load_csv-*.whl"))
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in planned.stdout
    assert "local" in planned.stdout
    assert machine.registry("install", "load_csv").returncode == 2
    assert machine.run("run", "flow.py").returncode == 2


def test_after_the_install_the_flow_runs(machine):
    done = facts(machine.registry("install", "load_csv", "--yes", "--json"))
    assert done["done"] is True
    assert done["changes"][0]["distribution"] == "dataflows-load-csv"
    ran = facts(machine.run("run", "flow.py", "--json"))
    assert ran["resources"][0]["rows"] == 2


def test_a_locked_run_refuses_what_has_changed_and_sync_mends_it(machine):
    assert machine.run("run", "--locked", "flow.py").returncode == 1
    locked = facts(machine.registry("lock", "--json"))
    assert set(locked["distributions"]) == {"dataflows-core", "dataflows-registry", "dataflows-load-csv"}
    facts(machine.run("run", "--locked", "flow.py", "--json"))

    (module,) = machine.python.parents[1].glob("lib/*/site-packages/dataflows_load_csv/__init__.py")
    module.write_text(module.read_text("utf-8") + "\n# edited\n", "utf-8")
    refused = machine.run("run", "--locked", "flow.py")
    assert refused.returncode == 1
    assert "dataflows-load-csv" in refused.stderr
    assert "dataflows_load_csv/__init__.py" in refused.stderr
    assert "dataflows registry sync" in refused.stderr

    mended = facts(machine.registry("sync", "--yes", "--json", "--offline", PIP_NO_INDEX="1"))
    assert [change["action"] for change in mended["changes"]] == ["reinstall"]
    facts(machine.run("run", "--locked", "flow.py", "--json"))


def test_a_newer_release_is_an_upgrade_and_sync_goes_back(machine, server, wheels):
    old = next(wheels.glob("dataflows_load_csv-*.whl"))
    repacked(old, "0.1.1", server.folder)
    facts(machine.registry("index", "update", "--json"))
    (change, *_) = facts(machine.registry("upgrade", "load_csv", "--yes", "--json"))["changes"]
    assert (change["action"], change["version"]) == ("upgrade", "0.1.1")
    assert "is 0.1.1 instead of" in machine.run("run", "--locked", "flow.py").stderr
    (change,) = facts(machine.registry("sync", "--yes", "--json"))["changes"]
    assert change["action"] == "downgrade"
    facts(machine.run("run", "--locked", "flow.py", "--json"))


def test_a_byte_that_changed_on_the_server_is_refused(machine, server):
    (server.folder / "dataflows_load_csv-0.1.1-py3-none-any.whl").unlink()
    wheel = next(server.folder.glob("dataflows_stdlib-*.whl"))
    whole = wheel.read_bytes()
    # Longer by a byte is refused for its size, as long for its hash.
    wheel.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused = machine.registry("install", "dataflows-stdlib", "--yes")
    wheel.write_bytes(whole)
    assert refused.returncode == 1
    assert "is not the file that the index describes" in refused.stderr
    assert "dataflows-stdlib" not in machine.run("--version").stdout


def test_a_name_on_two_indexes_is_refused_until_it_is_pinned(machine, wheels, tmp_path):
    shutil.copytree(wheels, tmp_path / "mirror")
    facts(machine.registry("index", "add", "mirror", str(tmp_path / "mirror"), "--json"))
    refused = machine.registry("install", "dataflows-stdlib", "--yes")
    assert refused.returncode == 1
    assert "'local' and 'mirror'" in refused.stderr
    facts(machine.registry("index", "pin", "mirror", "dataflows-*", "--json"))
    planned = facts(machine.registry("install", "dataflows-stdlib", "--dry-run", "--json"))
    assert planned["changes"][0]["index"] == "mirror"
    machine.registry("index", "remove", "mirror")


def test_what_a_policy_denies_is_refused_by_the_library_as_by_the_command(machine):
    (machine.work / "dataflows-policy.toml").write_text('deny = ["dataflows-stdlib"]\n')
    refused = machine.registry("install", "dataflows-stdlib", "--yes")
    call = "from dataflows_registry.install import plan_install; plan_install(['dataflows-stdlib'])"
    library = machine.python_code(call)
    (machine.work / "dataflows-policy.toml").unlink()
    assert refused.returncode == 1
    assert "denies 'dataflows-stdlib'" in refused.stderr
    assert "denies 'dataflows-stdlib'" in library.stderr


def test_uninstalling_brings_the_first_failure_back(machine):
    facts(machine.registry("uninstall", "load_csv", "--yes", "--json"))
    assert machine.run("run", "flow.py").returncode == 2


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not there")
def test_uv_installs_where_there_is_no_pip(machine):
    machine.python_code(
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'uninstall', '-qy', 'pip'])"
    )
    done = facts(machine.registry("install", "load_csv", "--yes", "--json"))
    assert done["done"] is True
    facts(machine.run("run", "flow.py", "--json"))
    facts(machine.registry("uninstall", "load_csv", "--yes", "--json"))
