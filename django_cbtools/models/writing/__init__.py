"""Writes documents: saving, merging, deleting, and conflicts."""
