"""Documents are models as any other, and migrations do not know them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import django
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState

from django_cbtools.models import CouchbaseModel
from tests.testapp.models import CBRegistered

#: Where Django asks for the models of all apps, or of one; what it does with documents there.
ASKED = {
    # The registry itself.
    "apps/config.py": 1,
    "apps/registry.py": 5,
    # Migrations: django_cbtools.migrating leaves documents out.
    "db/migrations/state.py": 2,
    # Of the models that migrations know: django_cbtools.permissions makes what documents need.
    "contrib/auth/management/__init__.py": 1,
    "contrib/contenttypes/management/__init__.py": 1,
    "contrib/auth/migrations/0011_update_proxy_permissions.py": 1,
    # makemigrations asks which databases an app's models are in: routers answer for documents.
    "core/management/commands/makemigrations.py": 1,
    # System checks, of documents too.
    "contrib/auth/checks.py": 2,
    "contrib/contenttypes/checks.py": 4,
    "core/checks/model_checks.py": 2,
    "db/models/fields/related.py": 4,
    # Relations, of documents too.
    "db/models/options.py": 1,
    # What is shown: documents too.
    "contrib/admindocs/views.py": 1,
    "contrib/gis/sitemaps/kml.py": 1,
    "core/management/commands/shell.py": 1,
    # Tables, of models that are managed.
    "db/backends/base/creation.py": 1,
    "db/utils.py": 1,
    "core/management/commands/sqlsequencereset.py": 1,
    # Fixtures, of documents too.
    "core/serializers/__init__.py": 1,
    "core/management/commands/dumpdata.py": 1,
}


def test_all_places_where_django_asks_for_models_are_known():
    """Where a new Django asks elsewhere, somebody has to say what becomes of documents there."""
    place = Path(django.__file__).parent
    found = Counter[str]()
    for file in place.rglob("*.py"):
        count = len(re.findall(r"\bget_models\(", file.read_text(encoding="utf-8")))
        if count:
            found[str(file.relative_to(place))] = count
    assert dict(found) == ASKED


def test_no_document_is_taken_for_an_automatic_table():
    found = [model for model in apps.get_models() if issubclass(model, CouchbaseModel)]
    assert found
    assert not any(model._meta.auto_created for model in found)


@pytest.mark.parametrize("label", ["orm", "testapp"])
def test_migrations_know_no_documents(label):
    """Whether their app has migrations or not."""
    hidden = {
        model._meta.model_name
        for model in apps.get_app_config(label).get_models()
        if issubclass(model, CouchbaseModel) and not model.in_migrations
    }
    assert hidden
    now = {name for app, name in ProjectState.from_apps(apps).models if app == label}
    assert now
    assert not hidden & now
    real = ProjectState(real_apps={label}).apps.get_app_config(label).get_models()
    assert not hidden & {model._meta.model_name for model in real}


def test_migrations_know_the_key_of_a_document():
    """Of those that they know: nothing that is the library's own is in their files."""
    known = ModelState.from_model(CBRegistered)
    assert (list(known.fields), known.bases) == (["uid"], (models.Model,))
    assert known.options["managed"] is False


@pytest.mark.django_db
def test_older_migrations_know_more():
    call_command("makemigrations", "testapp", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_relations_to_documents_have_no_constraint():
    """A constraint to what is in no table is one that no database can keep."""
    key, related = models.AutoField(primary_key=True), "testapp.CBRegistered"
    fields = [
        ("id", key),
        ("one", models.ForeignKey(related, models.CASCADE, related_name="+")),
        ("other", models.ForeignKey("testapp.Bookmark", models.CASCADE, related_name="+")),
        ("itself", models.ForeignKey("self", models.CASCADE, related_name="+")),
        ("many", models.ManyToManyField(related, related_name="+")),
    ]
    state = ProjectState.from_apps(apps)
    state.add_model(ModelState("testapp", "Loan", fields))
    loan = state.apps.get_model("testapp", "Loan")
    with connection.schema_editor(collect_sql=True) as editor:
        editor.create_model(loan)
    sql = " ".join(editor.collected_sql)
    assert set(re.findall(r'REFERENCES "(\w+)"', sql)) == {"testapp_bookmark", "testapp_loan"}
    # What is declared stays: no migration is made of it.
    assert state.models["testapp", "loan"].fields["one"].db_constraint is True
