from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import click
import pytest

from dataflows_core.cli import COMMANDS, command

HELP = """\
Usage: dataflows [OPTIONS] COMMAND [ARGS]...

  Flows of small steps over tabular data: Data Packages in and out.

Options:
  --version   Show the versions of core and of every installed plugin.
  -h, --help  Show this message and exit.

Commands:
  run         Run a flow.
  init        Write a first flow for a source, and run it.
  preview     Show what each step does, to the schema and to the first rows.
  graph       Draw the steps of a flow, as Mermaid text or as SVG.
  processors  List the installed processors.
"""

COMMAND = (sys.executable, "-m", "dataflows_core.cli")
HEAVY = ("pyarrow", "pluggy", "importlib_metadata", "duckdb", "tableschema", "datapackage", "cloudpickle")


def test_help_is_complete_and_the_same_without_the_installed_script(cli) -> None:
    for option in ("--help", "-h"):
        result = cli(option, COLUMNS="80")
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith(HELP)


def test_help_imports_nothing_heavy(environment: Mapping[str, str], install) -> None:
    install("tiny-command", "raise RuntimeError", group="dataflows.commands", tiny="tiny_command:command")
    program = (
        "import json, sys\n"
        "from dataflows_core.cli import main\n"
        "assert main(['--help']) == 0\n"
        "print(json.dumps(list(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    imported = set(json.loads(result.stderr))
    assert imported.isdisjoint(HEAVY)
    assert "tiny_command" not in imported
    assert "dataflows_core.cli.run" not in imported


def _commands() -> Iterator[click.Command]:
    assert isinstance(command, click.Group)
    for name in COMMANDS:
        _, found, _ = command.resolve_command(click.Context(command), [name])
        assert found is not None
        yield found


def test_the_lines_of_the_help_are_those_of_the_commands() -> None:
    assert {found.name: found.get_short_help_str(100) for found in _commands()} == COMMANDS


def test_every_command_and_option_is_explained() -> None:
    for found in _commands():
        assert found.help
        for parameter in found.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (found.name, parameter.name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_page(cli, name: str) -> None:
    result = cli(name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"Usage: dataflows {name} [OPTIONS]")


def test_no_arguments_show_the_help(cli) -> None:
    result = cli()
    assert "Commands:" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_command_suggests_near_misses(cli) -> None:
    result = cli("prevew")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.endswith("Error: There is no command 'prevew'. Did you mean preview?\n")


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "a.py", "--limit", "0"), ("graph", "a.py", "--format", "png")]
)
def test_a_wrong_command_line_is_exit_code_2(cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments)
    assert result.returncode == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


TINY_COMMAND = """
import click

@click.command()
@click.argument("word")
def command(word):
    click.echo(f"tiny says {word}")
"""


def test_plugins_add_commands(cli, install) -> None:
    install("tiny-command", TINY_COMMAND, group="dataflows.commands", tiny="tiny_command:command")
    assert "\n  tiny        (from tiny-command)\n" in cli("--help").stdout
    assert cli("tiny", "hello").stdout == "tiny says hello\n"
    assert "Usage: dataflows tiny [OPTIONS] WORD" in cli("tiny", "--help").stdout


def test_a_plugin_cannot_take_the_place_of_a_command_of_core(cli, install) -> None:
    install("tiny-command", TINY_COMMAND, group="dataflows.commands", run="tiny_command:command")
    help_page = cli("--help").stdout
    assert "tiny-command" not in help_page
    assert cli("run", "--help").stdout.startswith("Usage: dataflows run [OPTIONS] TARGET")


def test_a_broken_command_of_a_plugin_breaks_nothing_else(cli, install) -> None:
    install(
        "tiny-command",
        "raise RuntimeError('out of order')",
        group="dataflows.commands",
        tiny="tiny_command:command",
    )
    assert cli("--help").returncode == 0
    result = cli("tiny")
    assert result.returncode == 2
    assert result.stderr == (
        "Error: 'tiny' is declared by tiny-command 1.2, "
        "which cannot be imported: RuntimeError: out of order\n"
    )


def test_two_plugins_with_one_command_are_both_named(cli, install) -> None:
    install("tiny-one", TINY_COMMAND, group="dataflows.commands", tiny="tiny_one:command")
    install("tiny-two", TINY_COMMAND, group="dataflows.commands", tiny="tiny_two:command")
    result = cli("tiny", "hello")
    assert result.returncode == 2
    assert "tiny-one.tiny" in result.stderr
    assert "tiny-two.tiny" in result.stderr
    assert cli("tiny-two.tiny", "hello").stdout == "tiny says hello\n"


def test_words_are_completed_without_importing_plugins(cli, install) -> None:
    install("tiny-command", "raise RuntimeError", group="dataflows.commands", tiny="tiny_command:command")
    words = {"_DATAFLOWS_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert cli(COMP_WORDS="dataflows pre", **words).stdout == "plain,preview\n"
    assert cli(COMP_WORDS="dataflows ti", **words).stdout == "plain,tiny\n"
    found = cli(COMP_WORDS="dataflows run --r", _DATAFLOWS_COMPLETE="bash_complete", COMP_CWORD="2").stdout
    assert found == "plain,--runner\n"


def test_the_completion_script_of_each_shell_is_printed(cli) -> None:
    for shell in ("zsh", "fish"):
        result = cli(_DATAFLOWS_COMPLETE=f"{shell}_source")
        assert result.returncode == 0
        assert "_DATAFLOWS_COMPLETE" in result.stdout


def test_the_version_names_core_and_plugins(cli, install) -> None:
    install("dataflows-tiny", "raise RuntimeError", tiny="dataflows_tiny:make")
    install("another-tiny", "raise RuntimeError", group="dataflows", hooks="another_tiny")
    lines = cli("--version").stdout.splitlines()
    assert lines[0].startswith("dataflows-core ")
    assert lines[1:] == sorted(lines[1:])
    assert {"dataflows-tiny 1.2", "another-tiny 1.2"} <= set(lines)


def test_a_reader_that_has_seen_enough_is_no_error(environment: Mapping[str, str]) -> None:
    nobody, pipe = os.pipe()
    os.close(nobody)
    with os.fdopen(pipe) as closed:
        result = subprocess.run(
            [*COMMAND, "--help"],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            check=False,
        )
    assert result.stderr == ""
    assert result.returncode == 1
