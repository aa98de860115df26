"""A site without SQL: its users, sessions, cache and all else are documents."""
