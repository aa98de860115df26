"""The gateway's public API."""

from django_cbtools.embedded.http import PUBLIC_PORT
from django_cbtools.embedded.site import urlpatterns as _urlpatterns

urlpatterns = _urlpatterns(PUBLIC_PORT)
