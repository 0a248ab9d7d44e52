"""A bare click program, asked for help."""

from __future__ import annotations

import click


@click.group()
def main():
    """Does nothing."""


@main.command()
def nothing():
    """Does nothing either."""


if __name__ == "__main__":
    main(["--help"])
