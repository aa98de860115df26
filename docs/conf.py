"""How Sphinx builds the documentation: ``make docs``. It needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

# Docstrings are read from the running library, which needs settings, as any Django app.
settings.configure(
    SECRET_KEY="docs",
    DATABASES={"default": {"ENGINE": "django_cbtools.backends.embedded", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.admin",
        "django.contrib.messages",
        "django.contrib.sessions",
        "rest_framework",
        "django_cbtools",
        "django_cbtools.contrib.auth",
        "django_cbtools.contrib.gateway_users",
        "django_cbtools.contrib.tasks",
    ],
)
django.setup()

from django_cbtools import __version__  # noqa: E402

project = "django_cbtools"
author = "django_cbtools contributors"
project_copyright = author
version = release = __version__

extensions = ["sphinx.ext.autodoc", "cbtools_docs"]
exclude_patterns = ["_build"]
templates_path = []
html_theme = "furo"
html_title = f"django_cbtools {version}"
html_copy_source = False
html_show_sphinx = False
language = "en"

# Blocks say their language, which decides how tests run them.
highlight_language = "none"

# Names of parts of the library lead to the page that explains them. What Python and Django have is
# looked up nowhere, as that takes a network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!django_cbtools\b).*")]

autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
autodoc_preserve_defaults = True
add_module_names = False
python_maximum_signature_line_length = 80
toc_object_entries = False

linkcheck_anchors = False
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_ignore = [
    r"https?://(127\.0\.0\.1|localhost)\b.*",
    r"https?://[^/]*\bexample\.(com|org)\b.*",
]
