"""Settings of the example: no server is needed, documents are kept in db.sqlite3."""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Values for development only: have secrets of your own in production, and keep them out of here.
SECRET_KEY = "for development only"
DEBUG = True
ALLOWED_HOSTS = []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "django_cbtools",
    "django_cbtools.contrib.gateway_users",
    "django_cbtools.contrib.offline",
    "articles",
    "airports",
    "fieldnotes",
    "shop",
    "dashboard",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django_cbtools.contrib.offline.middleware.offline_user",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.who.middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

LOGIN_REDIRECT_URL = "fieldnotes:notes"
LOGOUT_REDIRECT_URL = "fieldnotes:notes"

# What browsers keep of the field notes, which work without a network.
OFFLINE_MANIFEST = {
    "fieldnotes": {
        "scope": "fieldnotes:notes",
        "pages": ["fieldnotes:notes"],
        "cache": [
            r"site\.css",
            r"icon\.svg",
            r"fieldnotes/.*",
            r"vendor/pouchdb/.*\.js",
            r"django_cbtools/sync_gateway_fetch\.js",
        ],
        "exclude": [r"fieldnotes/start\.png"],
        "fallback": {"fieldnotes:notes": "fieldnotes:notes"},
        "app": {
            "name": "Field notes",
            "theme_color": "#0b6e6e",
            "background_color": "#f6f7f8",
            "icons": [
                "fieldnotes/icon-192.png",
                "fieldnotes/icon-512.png",
                {"src": "fieldnotes/icon-maskable.png", "purpose": "maskable"},
            ],
            "start_picture": "fieldnotes/start.png",
        },
    },
}

# Who may see the photos at files/.
ATTACHMENT_PERMISSION = "fieldnotes.views.may_view"

REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# Documents and ordinary tables share one SQLite file.
DATABASES = {
    "default": {
        "ENGINE": "django_cbtools.backends.embedded",
        "NAME": BASE_DIR / "db.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The gateway's users (manage.py create_sg_users); again, values for development only.
SYNC_GATEWAY_BUCKET = "example"
SYNC_GATEWAY_USER = "django_cbtools_admin"
SYNC_GATEWAY_PASSWORD = "django_cbtools_admin_password"
SYNC_GATEWAY_GUEST_USER = "django_cbtools_guest"
SYNC_GATEWAY_GUEST_PASSWORD = "django_cbtools_guest_password"

# In production, with a real Sync Gateway, this takes the place of DATABASES and of the users above.
# `objects` (the admin, the search, the REST API, the lists) then asks Couchbase Server, by SQL++.
#
# DATABASES = {
#     "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "example"},
#     "couchbase": {
#         "ENGINE": "django_cbtools.backends.couchbase",
#         "HOST": "couchbases://couchbase.example.com",
#         "NAME": "example",
#         "USER": "django",
#         "PASSWORD": os.environ["COUCHBASE_PASSWORD"],
#     },
# }
# DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
# SYNC_GATEWAY_URL = "https://sync.example.com:4984"
# SYNC_GATEWAY_ADMIN_URL = "https://sync.example.com:4985"
# SYNC_GATEWAY_BUCKET = "example"
# SYNC_GATEWAY_USER = "django_cbtools_admin"
# SYNC_GATEWAY_PASSWORD = os.environ["SYNC_GATEWAY_PASSWORD"]
# SYNC_GATEWAY_ADMIN_USER = "Administrator"
# SYNC_GATEWAY_ADMIN_PASSWORD = os.environ["SYNC_GATEWAY_ADMIN_PASSWORD"]
