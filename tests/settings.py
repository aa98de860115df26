"""Settings of the project's own tests."""

import os
import tempfile

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
DEBUG = False
DATABASES = {
    "default": {
        "ENGINE": "django_cbtools.backends.embedded",
        "NAME": ":memory:",
        "OPTIONS": {"init_command": "PRAGMA synchronous=OFF;"},
        # A file, so that server threads have connections of their own.
        "TEST": {
            "NAME": os.path.join(tempfile.gettempdir(), f"test_cbtools_{os.getpid()}.sqlite3")
        },
    },
    # Where documents cannot be, for tests of clients of a real gateway.
    "plain": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "django_filters",
    "django_cbtools",
    "django_cbtools.contrib.offline",
    "tests.testapp",
    "tests.orm",
]
ROOT_URLCONF = "tests.urls"
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
COUCHBASE_STALE = False
SYNC_GATEWAY_BUCKET = "test_documents"
SYNC_GATEWAY_USER = "django_cbtools_admin"
SYNC_GATEWAY_PASSWORD = "django_cbtools_admin_password"
SYNC_GATEWAY_GUEST_USER = "django_cbtools_guest"
SYNC_GATEWAY_GUEST_PASSWORD = "django_cbtools_guest_password"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
