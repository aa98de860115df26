"""Draws docs/rooms.svg: the packages of the library on their floors, and who imports whom.

Run ``python -m tests.docs.rooms`` after a change of the packages. A test compares the picture with
the code. Floors are those of the contract in pyproject.toml; an arrow that others imply is left
out (where A imports B and B imports C, it does not matter to the picture that A imports C).
"""

from __future__ import annotations

import sys
from html import escape

import grimp

from tests.docs.blocks import DOCS, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PICTURE = DOCS / "rooms.svg"
WIDTH, FLOOR, HEIGHT, MARGIN = 900, 62, 30, 20
STYLE = """
.page { fill: #ffffff; } .room { fill: #eef3f8; stroke: #52708c; }
text { fill: #1c2733; font: 13px system-ui, sans-serif; text-anchor: middle; }
.way { fill: none; stroke: #7f9bb5; stroke-opacity: .8; } .head { fill: #7f9bb5; }
@media (prefers-color-scheme: dark) {
  .page { fill: #14191f; } .room { fill: #202b36; stroke: #8fb0cf; } text { fill: #e8eef4; }
  .way { stroke: #7791ab; } .head { fill: #7791ab; }
}
"""


def floors() -> list[list[str]]:
    """The rooms of each floor, the highest first."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [contract] = [
        contract
        for contract in configured["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["django_cbtools"]
    ]
    return [
        [room.strip(" ()") for room in floor.replace("|", ":").split(":")]
        for floor in contract["layers"]
    ]


def imports(rooms: list[str]) -> dict[str, set[str]]:
    """The rooms that each room imports."""
    graph = grimp.build_graph("django_cbtools", exclude_type_checking_imports=True)
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        room = _room(module)
        for imported in graph.find_modules_directly_imported_by(module):
            other = _room(imported)
            if room in found and other in found and room != other:
                found[room].add(other)
    return found


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def reduced(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without what is implied by others."""

    def reached(room: str) -> set[str]:
        return found[room].union(*map(reached, found[room]))

    return {room: others - set().union(*map(reached, others)) for room, others in found.items()}


def draw() -> str:
    stories = floors()
    ways = imports([room for floor in stories for room in floor])
    places: dict[str, tuple[float, float, float]] = {}
    for number, floor in enumerate(stories):
        widths = [len(room) * 7.4 + 18 for room in floor]
        gap = (WIDTH - 2 * MARGIN - sum(widths)) / (len(floor) + 1)
        x = MARGIN + gap
        for room, width in zip(floor, widths, strict=True):
            places[room] = (x + width / 2, MARGIN + number * FLOOR, width)
            x += width + gap
    height = 2 * MARGIN + (len(stories) - 1) * FLOOR + HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The packages of django_cbtools, and which imports which</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" '
        'markerHeight="6" orient="auto"><path class="head" d="M0 0 10 5 0 10z"/></marker></defs>',
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for room, others in reduced(ways).items():
        x, y, _ = places[room]
        for other in sorted(others):
            to_x, to_y, _ = places[other]
            bend = (to_y - y - HEIGHT) / 2
            lines.append(
                f'<path class="way" d="M{x:.0f} {y + HEIGHT:.0f}C{x:.0f} {y + HEIGHT + bend:.0f} '
                f'{to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}" marker-end="url(#end)"/>'
            )
    for room, (x, y, width) in places.items():
        told = ", ".join(sorted(ways[room])) or "no other"
        lines.append(
            f'<g><title>{escape(f"{room} imports {told}")}</title><rect class="room" '
            f'x="{x - width / 2:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="6"/>'
            f'<text x="{x:.0f}" y="{y + 20:.0f}">{escape(room)}</text></g>'
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
