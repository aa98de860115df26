"""A view of documents' attachments, to include in a site's URLs: ``cb_attachment``."""

from django.urls import path

from .views import attachment

urlpatterns = [path("", attachment, name="cb_attachment")]
