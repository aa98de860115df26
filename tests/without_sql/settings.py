"""Settings of a site without SQL."""

import os

SECRET_KEY = "site"
USE_TZ = True
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.without_sql.urls"
STATIC_URL = "/static/"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_cbtools.contrib.auth.apps.DocumentAdminConfig",
    "django_cbtools.contrib.auth",
    "django_cbtools",
    "tests.without_sql",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
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
DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
AUTH_USER_MODEL = "cb_auth.User"
AUTHENTICATION_BACKENDS = ["django_cbtools.contrib.auth.backends.DocumentBackend"]
SESSION_ENGINE = "django_cbtools.contrib.sessions"
CACHES = {"default": {"BACKEND": "django_cbtools.contrib.cache.DocumentCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SYNC_GATEWAY_BUCKET = "test_site"
SYNC_GATEWAY_USER, SYNC_GATEWAY_PASSWORD = "django_cbtools_admin", "writers_password"
if "SITE_GATEWAY" in os.environ:
    SYNC_GATEWAY_URL, SYNC_GATEWAY_ADMIN_URL = os.environ["SITE_GATEWAY"].split()
    INSTALLED_APPS += ["django_cbtools.contrib.gateway_users"]
elif "SITE_SQL" in os.environ:
    # Not without SQL, but users are documents.
    DATABASES["default"] = {
        "ENGINE": "django_cbtools.backends.embedded",
        "NAME": os.environ["SITE_SQL"],
    }
    INSTALLED_APPS += ["django_cbtools.contrib.gateway_users"]
else:
    DATABASES["couchbase"] = {
        "ENGINE": "django_cbtools.backends.embedded",
        "NAME": os.environ["SITE_DATABASE"],
        # Django would have the tables of default first.
        "TEST": {"NAME": os.environ["SITE_DATABASE"], "DEPENDENCIES": []},
    }
    DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
