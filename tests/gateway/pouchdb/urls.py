"""A site with the gateway in its urls."""

from django.urls import include, path

urlpatterns = [path("sync/", include("django_cbtools.embedded.urls.public"))]
