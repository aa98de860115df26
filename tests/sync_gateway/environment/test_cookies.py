"""Cookies, as those of load balancers."""

from __future__ import annotations

import pytest

from tests.sync_gateway.environment.calls import CALLS, everything
from tests.sync_gateway.scripted import HTTP, READS, WRITES, header, reply, save_answer, use


@everything
def test_sticky_cookie(call, settings):
    """A load balancer's, with which it knows where it has sent us."""

    def answer(request):
        data = save_answer(request)
        return data.replace(b"\r\n", b"\r\nSet-Cookie: AWSALB=one; Path=/; HttpOnly\r\n", 1)

    with HTTP(answer) as server:
        use(settings, server.url)
        CALLS[call]()
        CALLS[call]()
    assert header(server.seen[0], "Cookie") is None
    assert header(server.seen[-1], "Cookie") == "AWSALB=one"


def test_newest_cookie(settings):
    number = iter(range(100))

    def answer(request):
        cookie = f"Set-Cookie: lb={next(number)}; Path=/".encode()
        return save_answer(request).replace(b"\r\n", b"\r\n" + cookie + b"\r\n", 1)

    with HTTP(answer) as server:
        use(settings, server.url)
        for _ in range(3):
            WRITES["save"]()
    assert server.headers("Cookie") == [None, "lb=0", "lb=1"]


@pytest.mark.parametrize("cookie", ["a=1; Domain=example.com", "a=1; Secure", "a=1; Path=/other"])
def test_cookie_that_is_not_for_us(cookie, settings):
    with HTTP(lambda request: reply({}, Set_Cookie=cookie)) as server:
        use(settings, server.url)
        READS["get"]()
        READS["get"]()
    assert server.headers("Cookie") == [None, None]
