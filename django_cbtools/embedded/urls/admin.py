"""The gateway's admin API."""

from django_cbtools.embedded.http import ADMIN_PORT
from django_cbtools.embedded.site import urlpatterns as _urlpatterns

urlpatterns = _urlpatterns(ADMIN_PORT)
