"""The URLconf of the gateway's public API."""

from ..http.messages import PUBLIC_PORT
from ..server.site import urlpatterns as _urlpatterns

urlpatterns = _urlpatterns(PUBLIC_PORT)
