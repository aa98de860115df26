"""A view that gives a logged-in user a session of the gateway."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_variables

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException

from . import sessions
from .access import name_of


@method_decorator([never_cache, csrf_protect], name="dispatch")
class GatewaySessionView(View):
    """A view that gives a user who is logged in at Django a session of the gateway.

    ``POST`` creates a session. The response is JSON with ``session_id``, ``cookie_name``,
    ``expires``, ``name`` and ``database``. If ``sets_cookie`` is True, the session is also set as a
    cookie, for pages of the gateway's own origin. ``DELETE`` ends the sessions of this log-in, as
    logging out does.

    The status is 401 if nobody is logged in, 403 if the user is not a user of the gateway, and 503
    if the gateway does not answer.
    """

    #: The lifetime of sessions in seconds. None means the gateway's own (a day by default).
    ttl: ClassVar[int | None] = None
    sets_cookie: ClassVar[bool] = False
    #: The path of the gateway's public API. The cookie is sent nowhere else.
    cookie_path: ClassVar[str] = "/"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_authenticated:
            # A phone cannot follow a redirect to a page with a form.
            return JsonResponse({"error": "Nobody is logged in."}, status=401)
        return super().dispatch(request, *args, **kwargs)

    @method_decorator(sensitive_variables("begun"))
    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            begun = sessions.begin(request, self.ttl)
        except SyncGatewayException:
            sessions.logger.exception("The gateway gave no session to %s.", name_of(request.user))
            return JsonResponse({"error": "The gateway does not answer."}, status=503)
        if begun is None:
            return JsonResponse({"error": "This user has no access to the gateway."}, status=403)
        response = JsonResponse(
            {
                **{key: begun.get(key) for key in ("session_id", "cookie_name", "expires")},
                "name": name_of(request.user),
                "database": conf.get("SYNC_GATEWAY_BUCKET"),
            }
        )
        if self.sets_cookie:
            response.set_cookie(
                begun["cookie_name"],
                begun["session_id"],
                expires=parse_datetime(begun.get("expires") or ""),
                path=self.cookie_path,
                secure=request.is_secure(),
                httponly=True,
                samesite="Lax",
            )
        return response

    def delete(self, request: HttpRequest) -> HttpResponse:
        sessions.end_all(request)
        return HttpResponse(status=204)
