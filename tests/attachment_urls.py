from django.urls import include, path

urlpatterns = [path("files/", include("django_cbtools.transfers.urls"))]
