import os

SECRET_KEY = "benchmarks"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django_cbtools.backends.embedded",
        "NAME": os.path.join(os.environ.get("BENCH_FOLDER", "."), "bench.sqlite3"),
    },
    # Where documents cannot be, for the client of a gateway.
    "plain": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
INSTALLED_APPS = ["django_cbtools", "benchmarks.app"]
COUCHBASE_STALE = False
SYNC_GATEWAY_BUCKET = "bench"
