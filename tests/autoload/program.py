"""A program that starts Django with apps, and says what their modules have done."""

import sys

import django
from django.conf import settings

import tests.settings

values = {name: value for name, value in vars(tests.settings).items() if name.isupper()}
apps = [f"tests.autoload.{name}" for name in sys.argv[1:]]
# What is autoloaded may be of apps that come later.
settings.configure(**{**values, "INSTALLED_APPS": [*values["INSTALLED_APPS"], *apps]})
django.setup()

from django_cbtools.models import indexes, merges  # noqa: E402
from django_cbtools.signals import cb_changed  # noqa: E402
from tests.testapp.models import CBArticle  # noqa: E402

print(cb_changed.has_listeners(CBArticle), merges.registered_merge(CBArticle).__name__)
found = [each.index.fields for each in indexes.declared_indexes() if each.model is CBArticle]
print(["title"] in found, ["author"] in found)
