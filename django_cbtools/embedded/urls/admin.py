"""The URLconf of the gateway's admin API."""

from ..http.messages import ADMIN_PORT
from ..server.site import urlpatterns as _urlpatterns

urlpatterns = _urlpatterns(ADMIN_PORT)
