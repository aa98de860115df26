"""The change feed: reading the changes in a user's channels, and waiting for new ones."""
