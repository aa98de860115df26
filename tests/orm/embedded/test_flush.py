"""What is emptied with which tables."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection

from django_cbtools.sync_gateway import SyncGateway

from ..models import Task


@pytest.mark.django_db
def test_one_table() -> None:
    sql = connection.ops.sql_flush(no_style(), [Group._meta.db_table])
    assert sql == ['DELETE FROM "auth_group";']


@pytest.mark.django_db
def test_no_tables() -> None:
    assert connection.ops.sql_flush(no_style(), []) == []


@pytest.mark.django_db(transaction=True)
def test_all_tables() -> None:
    Group.objects.create(name="writers")
    Task(name="write", channels=["c"]).save()
    SyncGateway.put_user("ann", password="secret")
    call_command("flush", interactive=False, verbosity=0)
    assert not Group.objects.exists()
    assert not Task.objects.exists()
    assert SyncGateway.get_users() == []
