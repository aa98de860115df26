"""Writing documents: what is saved, merged, deleted, and found to be written by others."""
