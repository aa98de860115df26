"""A site that has asked its gateway before its server forks; it answers with the process."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.sync_gateway.forks.setup import ask, configure

configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
application = get_wsgi_application()


def save(request: HttpRequest, text: str) -> JsonResponse:
    ask(f"{os.getpid()} {text}")
    return JsonResponse({"process": os.getpid()})


urlpatterns = [path("<str:text>", save)]

ask(f"{os.getpid()} parent")
