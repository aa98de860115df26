from django.http import HttpResponse
from django.urls import path

from .models import Item


def add(request, name):
    Item(name=name, channels=["c"]).save()
    return HttpResponse(name)


urlpatterns = [path("add/<name>/", add)]
