"""The users of the site. Its models can only be imported where its settings are."""

import pytest


@pytest.fixture
def alice():
    from django_cbtools.contrib.auth.models import User

    return User.objects.create_user("alice", "alice@EXAMPLE.com", "secret")


@pytest.fixture
def root():
    from django_cbtools.contrib.auth.models import User

    return User.objects.create_superuser("root", password="secret")
