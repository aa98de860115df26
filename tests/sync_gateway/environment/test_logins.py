"""Which login is sent to which port."""

from __future__ import annotations

import pytest

from django_cbtools.exceptions import SyncGatewayForbidden, SyncGatewayUnavailable
from tests.sync_gateway.environment.calls import (
    CALLS,
    everything,
    setting_of,
    with_login,
    without_logins,
)
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    ADMIN_LOGIN,
    ADMIN_SECRET,
    HTTP,
    LOGIN,
    SECRET,
    USER,
    check_nothing_secret,
    check_refused,
    reply,
    save_answer,
    use,
)


def test_each_port_gets_its_own_login(settings):
    with HTTP(save_answer) as public, HTTP(save_answer) as admin:
        use(settings, public.url, admin.url)
        for call in CALLS.values():
            call()
    assert set(public.headers("Authorization")) == {LOGIN}
    assert set(admin.headers("Authorization")) == {ADMIN_LOGIN}


def test_no_login_where_there_is_none(settings):
    with HTTP(save_answer) as public, HTTP(save_answer) as admin:
        use(settings, public.url, admin.url)
        settings.SYNC_GATEWAY_USER = None
        for call in CALLS.values():
            call()
        use(settings, public.url, admin.url)
        settings.SYNC_GATEWAY_ADMIN_USER = None
        for call in CALLS.values():
            call()
    assert set(public.headers("Authorization")) == {LOGIN, None}
    assert set(admin.headers("Authorization")) == {ADMIN_LOGIN, None}


@pytest.mark.parametrize("status", [401, 403])
@everything
def test_login_that_is_refused(call, status, settings, caplog):
    words = {"error": "Unauthorized", "reason": "Login required"}
    with HTTP(lambda request: reply(words, status)) as server:
        use(settings, server.url)
        with caplog.at_level(0), pytest.raises(SyncGatewayForbidden) as caught:
            CALLS[call]()
        prefix = "SYNC_GATEWAY_ADMIN" if call in ADMIN_CALLS else "SYNC_GATEWAY"
        check_refused(caught.value, f"{prefix}_USER", f"{prefix}_PASSWORD", caplog=caplog)
        assert caught.value.status == status
    assert len(server.seen) == 1


@everything
def test_login_in_the_address(call, settings, caplog):
    """It counts where the settings have none, and is never seen."""
    with HTTP(save_answer) as server:
        url = with_login(server.url, USER, SECRET)
        use(settings, url, with_login(server.url, "root", ADMIN_SECRET))
        without_logins(settings)
        with caplog.at_level(0):
            CALLS[call]()
        check_nothing_secret(caplog.text)
    login = ADMIN_LOGIN if call in ADMIN_CALLS else LOGIN
    assert set(server.headers("Authorization")) == {login}
    with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
        CALLS[call]()
    check_refused(caught.value, setting_of(call), caplog=caplog)


def test_wrong_login_in_the_address(settings, caplog):
    answer = reply({"error": "Unauthorized", "reason": "Invalid login"}, 401)
    with HTTP(lambda request: answer) as server:
        use(settings, with_login(server.url, USER, SECRET))
        without_logins(settings)
        for call in CALLS:
            with caplog.at_level(0), pytest.raises(SyncGatewayForbidden) as caught:
                CALLS[call]()
            check_refused(caught.value, "SYNC_GATEWAY", caplog=caplog)
