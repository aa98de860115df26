from django.urls import path

from django_cbtools.contrib.gateway_users.views import GatewaySessionView

from . import views

app_name = "fieldnotes"
urlpatterns = [
    path("", views.Notes.as_view(), name="notes"),
    path("arrived/", views.ArrivedNotes.as_view(), name="arrived"),
    # The page's script asks for a session of the gateway. The cookie goes to no other URL.
    path(
        "session/",
        GatewaySessionView.as_view(sets_cookie=True, cookie_path="/sync/"),
        name="session",
    ),
]
