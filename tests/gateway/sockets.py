"""Reads from the sockets of tests."""

from __future__ import annotations


def until(sock, end):
    """What is received up to and including a piece that contains ``end``."""
    data = b""
    while end not in data:
        received = sock.recv(65536)
        assert received, data
        data += received
    return data


def rest(sock):
    """What is received until the other side closes the connection."""
    data = b""
    while received := sock.recv(65536):
        data += received
    return data
