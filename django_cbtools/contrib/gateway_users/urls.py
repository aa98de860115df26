from django.urls import path

from .views import GatewaySessionView

app_name = "gateway_users"
urlpatterns = [path("session/", GatewaySessionView.as_view(), name="session")]
