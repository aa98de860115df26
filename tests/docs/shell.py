"""What the documentation has readers type into a shell: whether there are such commands."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator

from django.core.management import CommandError, call_command, get_commands, load_command_class
from packaging.requirements import Requirement

from tests.docs.blocks import ROOT, Block

#: Commands of the library that are run; the others are asked whether they have the options.
RUN = {
    "clear_st_deleted", "create_cb_indexes", "create_cb_views", "create_sg_database",
    "create_sg_users", "deploy_sync_function", "failed_sg_changes", "list_cb_conflicts",
    "sg_database_state", "sync_gateway_users", "view_to_index",
}  # fmt: skip
#: Programs that are not ours.
OTHERS = {
    "cat", "cd", "cp", "curl", "docker", "export", "git", "mkdir", "node", "npm", "npx", "source",
}  # fmt: skip
#: The commands of apps that a page adds to INSTALLED_APPS.
MORE = {
    "failed_cb_tasks": "django_cbtools.contrib.tasks",
    "run_cb_tasks": "django_cbtools.contrib.tasks",
    "sync_gateway_users": "django_cbtools.contrib.gateway_users",
}


def commands(block: Block) -> Iterator[tuple[list[str], str]]:
    """The words of each command in a block, and what the block says that it prints."""
    typed: list[tuple[str, list[str]]] = []
    prompts = re.search(r"^\$ ", block.text, re.MULTILINE)
    for line in block.text.split("\n"):
        if typed and not _is_whole(typed[-1][0]):
            typed[-1] = (f"{typed[-1][0]}\n{line.removeprefix('> ')}", [])
        elif prompts and line.startswith("$ "):
            typed.append((line[2:], []))
        elif prompts and typed:
            typed[-1][1].append(line)
        elif line.strip() and not line.startswith("#"):
            typed.append((line, []))
    for command, printed in typed:
        # The parts in brackets may be left out.
        text = re.sub(r" \[[^\]]*\]", "", command.replace("\\\n", " "))
        yield shlex.split(text, comments=True), "\n".join(printed).strip()


def _is_whole(command: str) -> bool:
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def run(block: Block) -> None:
    """Run a block, or check that what it names is there."""
    for words, printed in commands(block):
        while words and re.match(r"^\w+=", words[0]):  # variables of the environment
            words = words[1:]
        try:
            _run(words, printed)
        except (AssertionError, CommandError, SystemExit) as error:
            raise AssertionError(f"{block.place}: {shlex.join(words)}: {error}") from error


def _run(words: list[str], printed: str) -> None:
    match words:
        case []:
            pass
        case ["python", "-m", "pip", *rest] | ["pip", *rest]:
            _pip(rest)
        case ["python", "manage.py", *rest] | ["manage.py", *rest]:
            _manage(rest, printed)
        case ["make", *rest]:
            _make(rest)
        case ["django-admin", *rest]:
            _manage(rest, "")
        case ["python", "-m", "venv" | "django" | "uvicorn" | "pytest", *_]:
            pass
        case [program, *_]:
            assert program in OTHERS, "tests/docs/shell.py does not know the program"


def _pip(words: list[str]) -> None:
    assert words[0] == "install"
    extras = re.search(
        r"^\[project.optional-dependencies\]\n((?:\w+ = .*\n)+)",
        (ROOT / "pyproject.toml").read_text("utf-8"),
        re.MULTILINE,
    )
    assert extras
    for word in words[1:]:
        if not word.startswith(("-", ".")):
            wanted = Requirement(word)
            if wanted.name == "django-cbtools":
                unknown = wanted.extras - set(re.findall(r"^\w+", extras[1], re.MULTILINE))
                assert not unknown, f"pyproject.toml has no extras {unknown}"


def _make(words: list[str]) -> None:
    listed = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert listed
    for word in words:
        assert "=" in word or word in listed[1].split(), f"the Makefile has no {word}"


def _manage(words: list[str], printed: str) -> None:
    name, *options = words
    found = {**MORE, **get_commands()}
    assert name in found, "there is no such command"
    command = load_command_class(found[name], name)
    command.create_parser("manage.py", name).parse_args(options)
    if name in RUN:
        out = io.StringIO()
        call_command(command, *options, stdout=out, stderr=out, no_color=True)
        if printed:
            assert out.getvalue().strip() == printed, out.getvalue()
