"""A program of the site whose gateway is real: it has neither SQL nor an ORM.

``tests/contrib/test_without_sql.py`` runs it.
"""

import os

import django

django.setup()

from django.contrib import auth  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError  # noqa: E402
from django.test import Client  # noqa: E402

from django_cbtools.contrib.auth.models import Group, User  # noqa: E402
from django_cbtools.sync_gateway import SyncGateway  # noqa: E402
from tests.without_sql import by_http_admin, urls  # noqa: E402

call_command("check")
os.environ["DJANGO_SUPERUSER_PASSWORD"] = "secret"
call_command("createsuperuser", "--noinput", "--username=root", "--email=r@example.com")
group = Group(name="readers", permissions=["without_sql.view_note"])
group.save()
User.objects.create_user("alice", password="secret", groups=[group.uid])
try:
    User.objects.create_user("alice")
except IntegrityError as error:
    print(type(error).__name__)

client = Client()
assert client.get("/notes/").status_code == 403
assert client.post("/login/", {"username": "alice", "password": "wrong"}).status_code == 200
assert client.post("/login/", {"username": "alice", "password": "secret"}).status_code == 302
print(client.get("/notes/").content.decode())
for _ in range(3):
    assert client.get("/page/").content == b"<p>1</p>"
assert urls.made == ["/page/"]
client.logout()
assert client.get("/notes/").status_code == 403
assert client.post("/admin/login/", {"username": "root", "password": "secret"}).status_code == 302
assert client.get("/admin/").status_code == 200
print(auth.get_user(client))
call_command("create_cb_views", verbosity=0)
by_http_admin.walk(client)

alice = User.objects.get_by_natural_key("alice")
assert SyncGateway.get_user(f"user-{alice.uid}")["admin_channels"]
alice.username = "alicia"
alice.save()
assert auth.authenticate(username="alice", password="secret") is None
print(auth.authenticate(username="alicia", password="secret"))
backend = "django_cbtools.contrib.auth.backends.GatewayBackend"
with django.test.override_settings(AUTHENTICATION_BACKENDS=[backend]):
    print(auth.authenticate(username="bob", password="at-gateway"))
    print(auth.authenticate(username="bob", password="at-django"))
cache.clear()
assert client.get("/page/").content == b"<p>2</p>"
