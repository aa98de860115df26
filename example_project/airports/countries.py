"""Names of countries, from the time zone database's file, which is in the public domain."""

from functools import cache
from pathlib import Path


@cache
def names():
    """Country names by ISO 3166 code."""
    text = (Path(__file__).parent / "iso3166.tab").read_text(encoding="utf-8")
    listed = dict(line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return listed | {"XK": "Kosovo"}  # in use, though ISO 3166 has no code for it


def choices():
    """The countries as a field's choices, by name."""
    return sorted(names().items(), key=lambda country: country[1])


def name(code):
    """The name of a country, its code where it has none."""
    return names().get(code, code)
