"""The change feed: what has changed in the channels of a reader, and waiting for more."""
