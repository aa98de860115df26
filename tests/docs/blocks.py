"""The code blocks of the documentation, and what its comments say of them.

A comment in the source of a page, such as ``.. not run: needs Couchbase Server``, is not shown to
readers. It is one of these:

``.. app: news``
    The name of the app that the page writes. By default, it is the page's own.

``.. run:``
    The code that is indented below it is run as if it were shown: what a page takes for granted,
    or what is asserted of a block.

``.. is: EXPRESSION``
    The next block is JSON, which equals that. A text ``"..."`` in it stands for anything.

``.. raises: SomeException``
    The next block raises it.

``.. not run: REASON``
    The next block cannot be run here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.rst", *sorted(DOCS.glob("*.rst"))]

_DIRECTIVE = re.compile(r"^( *)\.\. (?:code-block|sourcecode):: *(\S*)$")
_COMMENT = re.compile(r"^( *)\.\. (app|run|is|raises|not run):(?!:) *(.*)$")
_OPTION = re.compile(r"^:([\w-]+):(?: (.*))?$")
_BARE = re.compile(r"^(?! *\.\. ).*::$")


@dataclass
class Block:
    """A block, or the hidden code of a ``run`` comment."""

    page: Path
    line: int
    language: str
    text: str
    options: dict[str, str] = field(default_factory=dict)
    #: The comments right in front of it, by their first word.
    comments: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def caption(self) -> str:
        # README.rst is read by indexes, too, which know no captions.
        return self.options.get("caption") or self.options.get("name", "")


def read(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    return list(_blocks(page, page.read_text("utf-8").split("\n")))


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    comments: dict[str, str] = {}
    for number, line in enumerate(lines):
        if found := _COMMENT.match(line):
            indent, kind, said = found.groups()
            if kind == "run":
                _, text = _indented(lines, number + 1, len(indent))
                yield Block(page, number + 2, "python", text, {}, {"run": ""})
            else:
                comments[kind] = said
        elif found := _DIRECTIVE.match(line):
            options, text = _indented(lines, number + 1, len(found[1]))
            yield Block(page, number + 1, found[2], text, options, comments)
            comments = {}
        elif _BARE.match(line):
            raise AssertionError(
                f"{page.name}:{number + 1}: say the language of this block, by .. code-block::"
            )


def _indented(lines: list[str], start: int, indent: int) -> tuple[dict[str, str], str]:
    """The options and the text of what is indented from a line on."""
    end = start
    while end < len(lines) and (
        not lines[end].strip() or lines[end].startswith(" " * (indent + 1))
    ):
        end += 1
    body = textwrap.dedent("\n".join(lines[start:end])).split("\n")
    options = {}
    while body and (found := _OPTION.match(body[0])):
        options[found[1]] = found[2] or ""
        body.pop(0)
    # As many empty lines in front as there are lines above, so that tracebacks tell the line.
    return options, "\n".join(body).strip("\n") + "\n"


def app_of(page: Path, blocks: list[Block]) -> str:
    """The name of the app that a page writes."""
    named = [block.comments["app"] for block in blocks if "app" in block.comments]
    return named[0] if named else page.stem.replace("-", "_").lower()
