"""The URL ``cb_attachment`` of documents' attachments, to include in a site."""

from django.urls import path

from .views import attachment

urlpatterns = [path("", attachment, name="cb_attachment")]
