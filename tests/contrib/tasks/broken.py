"""A module that cannot be loaded, until somebody mends it."""

raise RuntimeError("It is broken")
