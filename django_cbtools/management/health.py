"""The option ``--health-file`` of commands."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import CommandError, CommandParser

from django_cbtools.following.health import Report


def add_health_argument(parser: CommandParser) -> None:
    """Add the option with the path of the health file."""
    parser.add_argument(
        "--health-file", type=Path, metavar="PATH",
        help="A JSON file with the state of the command, written every few seconds.",
    )  # fmt: skip


def write_health(health: Report, path: Path | None) -> None:
    """Write the health file, if a path is given. Raise CommandError if that fails."""
    try:
        if path is not None:
            health.write(path)
    except OSError as error:
        raise CommandError(f"--health-file {path} cannot be written: {error}") from error
