from __future__ import annotations

import pytest

from .sides import Pair


@pytest.fixture
def pair(http_gateway):
    return Pair(http_gateway.urls)
