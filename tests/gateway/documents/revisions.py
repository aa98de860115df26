"""What tests of revisions share."""

from __future__ import annotations

CONFLICT = (409, "Document revision conflict")


def order(rev):
    generation, _, digest = rev.partition("-")
    return int(generation), digest
