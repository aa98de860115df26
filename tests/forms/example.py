"""The example, served with a few documents: ``python -m tests.forms.example FILE PORT
AIRPORTS`` prints its address. The file is its database; one that is there stays as it is."""

from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "example_project"


def main(file: str, port: str, airports: str) -> None:
    sys.path.insert(0, str(EXAMPLE))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.example_settings"
    import django
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = file
    django.setup()

    from articles.models import CBArticle, CBAuthor
    from django.contrib.auth import get_user_model
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    if not Path(file).exists():
        call_command("migrate", verbosity=0)
        call_command("create_sg_users", verbosity=0)
        call_command("create_cb_views", verbosity=0)
        call_command("load_airports", limit=int(airports), verbosity=0)
        get_user_model().objects.create_superuser("ada", password="secret")
        CBAuthor(uid="aut_ada", name="Ada", channels=["public"]).save()
        for uid in ("atl_wide", "atl_narrow"):
            CBArticle(uid=uid, title="Notes", author_uid="aut_ada", channels=["public"]).save()
        # At last: it runs for each document that is written.
        call_command("create_sg_database", stdout=StringIO())
    server = ThreadedWSGIServer(("127.0.0.1", int(port)), WSGIRequestHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
