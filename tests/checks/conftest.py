"""Documents that a test declares, and what is found with the settings of a newcomer."""

from __future__ import annotations

from unittest import mock

import pytest
from django.apps import apps
from django.conf import settings as django_settings

from tests.checks.found import ours
from tests.testapp.models import CBAuthor


@pytest.fixture
def declared():
    """Takes back the documents that a test declares."""
    before = dict(apps.all_models["testapp"])
    articles = vars(CBAuthor)["articles"]
    yield
    CBAuthor.articles = articles
    apps.all_models["testapp"].clear()
    apps.all_models["testapp"].update(before)
    apps.clear_cache()


@pytest.fixture
def found(settings):
    """The ids of what is found with the settings of a newcomer, but for those given."""

    def found(*, deploy=True, databases=django_settings.DATABASES, **changed):
        for name, value in ({"DEBUG": True} | changed).items():
            setattr(settings, name, value)
        # Not by the fixture: it would warn that connections do not follow.
        with mock.patch.object(django_settings, "DATABASES", databases):
            return sorted(message.id.removeprefix("cbtools.") for message in ours(deploy=deploy))

    return found
