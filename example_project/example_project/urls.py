"""The example's pages."""

from airports.api import AirportViewSet
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView
from rest_framework.routers import DefaultRouter

from django_cbtools.admin import gateway_page

api = DefaultRouter()
api.register("airports", AirportViewSet)

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=static("icon.svg"))),
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("", include("articles.urls")),
    path("airports/", include("airports.urls")),
    path("", include("shop.urls")),
    path("notes/", include("fieldnotes.urls")),
    path("offline/", include("django_cbtools.contrib.offline.urls")),
    path("files/", include("django_cbtools.transfers.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("live/", include("dashboard.urls")),
    path("api/", include(api.urls)),
    path("api/auth/", include("rest_framework.urls")),
    path("admin/gateway/", gateway_page(), name="gateway"),
    path("admin/", admin.site.urls),
    # The gateway's public API: a sync client in a browser talks to it at /sync/example/, on the
    # same origin. Only the embedded gateway is there; leave it out in production.
    path("sync/", include("django_cbtools.embedded.urls.public")),
]
