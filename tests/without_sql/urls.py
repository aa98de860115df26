from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page

#: How often the page was made.
made: list[str] = []


@cache_page(60)
def page(request: HttpRequest) -> HttpResponse:
    made.append(request.path)
    return HttpResponse(f"<p>{len(made)}</p>")


@permission_required("without_sql.view_note", raise_exception=True)
def notes(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.user} may")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html", next_page="/page/")),
    path("page/", page),
    path("notes/", notes),
]
