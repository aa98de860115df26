"""Settings of a site with the libraries that Django developers use."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *(app for app in INSTALLED_APPS if not app.startswith("tests.")),
    "simple_history",
    "import_export",
    "reversion",
    "tests.habits",
]
MIDDLEWARE = [*MIDDLEWARE, "simple_history.middleware.HistoryRequestMiddleware"]
ROOT_URLCONF = "tests.habits.urls"
