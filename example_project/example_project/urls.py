"""The example's pages."""

from django.urls import include, path
from django.views.generic import TemplateView

urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("", include("articles.urls")),
    path("airports/", include("airports.urls")),
    # The gateway's public API: a sync client in a browser talks to it at /sync/example/, on the
    # same origin. Only the embedded gateway is there; leave it out in production.
    path("sync/", include("django_cbtools.embedded.urls.public")),
]
