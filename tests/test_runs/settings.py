"""A site with a real gateway, the one that the environment names: its tests leave it alone."""

import os

SECRET_KEY = "site"
USE_TZ = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.test_runs.shop.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_cbtools",
    "tests.test_runs.shop",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "TEST": {"NAME": os.environ["SITE_DATABASE"]},
    },
    "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SYNC_GATEWAY_URL, SYNC_GATEWAY_ADMIN_URL = os.environ["SITE_GATEWAY"].split()
SYNC_GATEWAY_BUCKET = os.environ["SITE_BUCKET"]
SYNC_GATEWAY_USER = "writer"
SYNC_GATEWAY_PASSWORD = "writers_password"
if "SITE_HOSTS" in os.environ:
    COUCHBASE_HOSTS = os.environ["SITE_HOSTS"]
if "SITE_QUERIES" in os.environ:
    # Nobody listens there.
    DATABASES["couchbase"] = {
        "ENGINE": "django_cbtools.backends.couchbase",
        "HOST": "http://127.0.0.1:9",
        "NAME": os.environ["SITE_QUERIES"],
        "USER": "reader",
        "PASSWORD": "readers_password",
        "OPTIONS": {"retries": 0},
    }
    DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
