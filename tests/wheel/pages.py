"""What a page of docs/ has its reader do: files to write, commands to run, code to enter."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: The pages that a newcomer follows to the letter.
WALKED = ["ten-minutes", "tutorial"]
DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(
    r"^\.\. code-block:: (?P<language>\S+)\n(?P<options>(?:    :.*\n)*)\n(?P<body>(?:    .*\n|\n)+)"
    r"|^\.\. walk: (?P<hint>.*)\n",
    re.MULTILINE,
)


@dataclass
class Step:
    """``kind`` is ``file``, ``append``, ``console``, ``pycon``, or ``hint``: what is done by hand.

    ``text`` is what is in the file, is run, or is to be done; ``shown`` what the page shows then.
    """

    kind: str
    text: str
    path: str = ""
    shown: str = ""
    line: int = field(default=0, compare=False)


def steps(page: str) -> Iterator[Step]:
    """The steps of a page. A block of another kind fails: nothing would try it."""
    text = (DOCS / f"{page}.rst").read_text("utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        for step in _of_block(found):
            step.line = line
            yield step


def _of_block(found: re.Match[str]) -> Iterator[Step]:
    if found["hint"]:
        yield Step("hint", found["hint"])
        return
    body = textwrap.dedent(found["body"]).strip("\n") + "\n"
    caption = re.search(r":caption: (\S+?)(, at the end)?$", found["options"], re.MULTILINE)
    if caption:
        yield Step("append" if caption[2] else "file", body, caption[1])
    elif found["language"] == "console":
        yield from _commands("console", body, "$ ", r"\$ ")
    elif found["language"] == "pycon":
        yield from _commands("pycon", body, ">>> ", r">>> ")
    elif found["language"] != "json":  # what phones see: it is compared where it was printed
        raise AssertionError(f"A block of {found['language']} without a caption: {body}")


def _commands(kind: str, body: str, prompt: str, pattern: str) -> Iterator[Step]:
    for part in re.split(rf"^(?={pattern})", body, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        command = [lines.pop(0).removeprefix(prompt)]
        if kind == "pycon":
            while lines and re.match(r"\.\.\.( |$)", lines[0]):
                command.append(lines.pop(0)[4:] or "\n")
        else:
            # A text in quotes goes on until it is closed.
            while "".join(command).count('"') % 2 or command[-1].endswith("\\\n"):
                command.append(lines.pop(0))
        yield Step(kind, "".join(command), shown="".join(lines))
