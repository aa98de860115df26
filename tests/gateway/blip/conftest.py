from __future__ import annotations

import pytest

from tests.gateway.feed.client import DB, PASSWORD

from .client import Client


@pytest.fixture
def phone(http_gateway):
    """A function that opens the connection of a user's phone."""
    opened = []

    def connect(user="alice", db=DB, **options):
        login = (user, PASSWORD) if user else None
        client = Client(http_gateway.urls[0], db.strip("/"), login, **options)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()
