"""A site that has asked the cluster before its server forks; it answers with the process and the
rows.

The environment variable HOSTS is COUCHBASE_HOSTS.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from tests.cluster import site

site.configure(os.environ["HOSTS"], ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
application = get_wsgi_application()


def ask(request, number):
    return JsonResponse({"process": os.getpid(), "found": site.ask(number)})


urlpatterns = [path("<int:number>", ask)]

site.prepare()
assert site.ask() == site.ROWS
