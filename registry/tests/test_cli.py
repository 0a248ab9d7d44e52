from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest
from click.testing import CliRunner

from dataflows_registry.cli import COMMANDS, registry


def test_core_finds_the_command_group():
    (entry,) = entry_points(group="dataflows.commands", name="registry")

    assert entry.load() is registry


def test_the_version_is_the_distribution_s():
    result = CliRunner().invoke(registry, ["--version"])

    assert result.exit_code == 0
    assert version("dataflows-registry") in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_says(name):
    command = importlib.import_module(f"dataflows_registry.cli.{name}").command

    assert command.name == name
    assert command.help.partition("\n")[0] == COMMANDS[name]


def test_a_list_of_commands_imports_none_of_them():
    code = (
        "import sys; from click.testing import CliRunner; from dataflows_registry.cli import registry\n"
        "print(CliRunner().invoke(registry, ['--help']).output)\n"
        "print([name for name in sys.modules if name.startswith('dataflows_registry.cli.')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "Usage" in output
    assert "['dataflows_registry.cli.group']" in output
