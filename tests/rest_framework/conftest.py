import pytest
from rest_framework.test import APIClient

from django_cbtools.sync_gateway.transport.transport import Transport


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def counted(monkeypatch):
    """What the gateway is asked, in process or over HTTP."""
    asked = []
    send = Transport.send

    def counting(self, *args, **kwargs):
        asked.append(args)
        return send(self, *args, **kwargs)

    monkeypatch.setattr(Transport, "send", counting)
    return asked
