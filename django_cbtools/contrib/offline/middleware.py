"""A middleware that sets a cookie, so that cached pages only show the user's own documents."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.utils.crypto import salted_hmac
from django.utils.decorators import sync_and_async_middleware

#: The cookie's name. Scripts can read it: ``offlineUser()`` in offline.js does.
COOKIE = "offline_user"
#: The longest time that browsers keep a cookie. It is deleted by the next response after a logout.
MAX_AGE = 400 * 24 * 60 * 60


def name_of(key: Any) -> str:
    """Return the cookie's value for the user with this primary key. It is the same at each login,
    and does not reveal the key."""
    return salted_hmac("django_cbtools.offline", str(key), algorithm="sha256").hexdigest()[:32]


@sync_and_async_middleware
def offline_user(get_response: Any) -> Any:
    """Middleware that updates the cookie ``offline_user`` of each browser. The cookie identifies
    the user who is logged in, and is deleted if nobody is.

    Put it after SessionMiddleware. It makes no queries, and does nothing if the session was not
    used for the response.
    """
    if iscoroutinefunction(get_response):

        async def amiddleware(request: Any) -> Any:
            return _told(request, await get_response(request))

        return amiddleware

    def middleware(request: Any) -> Any:
        return _told(request, get_response(request))

    return middleware


def _told(request: Any, response: Any) -> Any:
    session = getattr(request, "session", None)
    if session is None or not session.accessed:
        return response
    key = session.get(SESSION_KEY)
    name = None if key is None else name_of(key)
    if name == request.COOKIES.get(COOKIE):
        return response
    place = {
        "path": settings.SESSION_COOKIE_PATH,
        "domain": settings.SESSION_COOKIE_DOMAIN,
        "samesite": settings.SESSION_COOKIE_SAMESITE,
    }
    if name is None:
        response.delete_cookie(COOKIE, **place)
    else:
        age = None if session.get_expire_at_browser_close() else MAX_AGE
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(COOKIE, name, max_age=age, secure=secure, **place)
    return response
