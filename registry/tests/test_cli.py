from __future__ import annotations

from importlib.metadata import entry_points, version

from click.testing import CliRunner

from dataflows_registry.cli import registry


def test_core_finds_the_command_group():
    (entry,) = entry_points(group="dataflows.commands", name="registry")

    assert entry.load() is registry


def test_the_version_is_the_distribution_s():
    result = CliRunner().invoke(registry, ["--version"])

    assert result.exit_code == 0
    assert version("dataflows-registry") in result.output


def test_help_says_that_no_subcommand_exists():
    result = CliRunner().invoke(registry, ["--help"])

    assert result.exit_code == 0
    assert "no subcommand yet" in result.output
    assert "Commands:" not in result.output


def test_a_subcommand_that_is_not_there_is_a_usage_error():
    result = CliRunner().invoke(registry, ["publish"])

    assert result.exit_code == 2
    assert "No such command 'publish'" in result.output
