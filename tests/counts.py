"""How much random tests try: little in ``make test``, much in ``make torture``."""

from __future__ import annotations

import os
import secrets

TORTURE = os.environ.get("TORTURE") == "1"
#: Examples of most tests.
EXAMPLES = 400 if TORTURE else 25
#: Examples of tests that take long for each.
FEW = 60 if TORTURE else 8
#: Where random requests begin. FUZZ_SEED repeats a run that has printed its own.
SEED = os.environ.get("FUZZ_SEED") or (secrets.token_hex(4) if TORTURE else "1")
