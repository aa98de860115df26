from django.http import HttpResponse
from django.urls import path

from .models import CBPlace


def make(request, number):
    CBPlace.objects.create(uid=f"made-{number}", name="made", channels=["c"])
    return HttpResponse(CBPlace.objects.get(pk="mine").name)


urlpatterns = [path("<int:number>/", make)]
