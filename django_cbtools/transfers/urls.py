"""The URL ``cb_attachment`` of documents' attachments, for a site to include."""

from django.urls import path

from .views import attachment

urlpatterns = [path("", attachment, name="cb_attachment")]
