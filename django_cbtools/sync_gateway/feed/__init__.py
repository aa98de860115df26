"""The gateway's feed of changes, read while it arrives."""
