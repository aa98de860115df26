"""The views that browsers need to cache pages: the service worker and its manifest."""

from __future__ import annotations

import json

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from . import manifests, webapp


@method_decorator([login_not_required, never_cache], name="dispatch")
class ManifestView(View):
    """The base class of views of a manifest. Their responses are not cached, so that changes are
    seen, and need no login."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        try:
            manifest = manifests.get(name)
        except KeyError as error:
            raise Http404(f"There is no manifest {name!r} in {manifests.SETTING}.") from error
        return self.answer(manifest)

    def answer(self, manifest: manifests.Manifest) -> HttpResponse:
        raise NotImplementedError


class WorkerView(ManifestView):
    """A view of the service worker. It changes with every file, so that browsers install it
    again."""

    def answer(self, manifest: manifests.Manifest) -> HttpResponse:
        told = manifest.as_json()
        # JSON is also valid JavaScript.
        script = f"const offline = {json.dumps(told, indent=1)};\n\n{manifests.worker_source()}"
        response = HttpResponse(script, content_type="text/javascript; charset=utf-8")
        response["Service-Worker-Allowed"] = told["scope"]
        return response


class FilesView(ManifestView):
    """A view of the manifest as JSON: the files to keep, and the version."""

    def answer(self, manifest: manifests.Manifest) -> HttpResponse:
        return JsonResponse(manifest.as_json(), json_dumps_params={"indent": 1})


class WebAppView(ManifestView):
    """Return the web app manifest."""

    def answer(self, manifest: manifests.Manifest) -> HttpResponse:
        return JsonResponse(webapp.as_json(manifest), content_type="application/manifest+json")
