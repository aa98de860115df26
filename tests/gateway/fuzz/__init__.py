"""Attacking the embedded gateway: a server in a process of its own, random requests, and checks of
what it answers and of what it leaves in its file."""
