"""Documents with versions by django-reversion; run by test_habits.py, as habits.py is."""

from __future__ import annotations

import pytest
import reversion
from django.contrib.admin.utils import quote
from django.core.files.base import ContentFile
from django.urls import reverse
from reversion.models import Version

from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.sync_gateway import SyncGateway

from .models import Recipe, Step
from .pages import filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def recipe():
    """A recipe in its second version; one step is in the first alone."""
    recipe = Recipe(title="a", slugs=["x", "y"], extra={"k": 1}, channels=["c"])
    with reversion.create_revision():
        recipe.save()
        Step(recipe=recipe, text="one", channels=["c"]).save()
    with reversion.create_revision():
        recipe.title = "b"
        recipe.save()
        reversion.set_comment("renamed")
    return recipe


def versions(document):
    return Version.objects.get_for_object(document)


def test_versions_have_all_that_a_document_has(recipe):
    second, first = versions(recipe)
    assert (second.object, second.revision.comment) == (recipe, "renamed")
    assert [each.field_dict["title"] for each in (first, second)] == ["a", "b"]
    assert first.field_dict["slugs"] == ["x", "y"]
    assert first.field_dict["extra"] == {"k": 1}
    # The second revision has the steps too, since the recipe is registered with them.
    assert [each.revision for each in versions(recipe.steps.get())] == [
        second.revision,
        first.revision,
    ]


def test_a_version_is_restored_on_the_revision_that_is_stored(recipe):
    versions(recipe)[1].revert()
    stored = Recipe(recipe.uid)
    assert (stored.title, stored.slugs, stored.extra) == ("a", ["x", "y"], {"k": 1})
    assert stored.rev.startswith("3-")
    with pytest.raises(SyncGatewayConflict):
        recipe.save()


def test_what_was_added_since_goes_with_its_revision(recipe):
    Step(recipe=recipe, text="two", channels=["c"]).save()
    versions(recipe)[1].revision.revert(delete=True)
    assert Recipe(recipe.uid).title == "a"
    assert [each.text for each in recipe.steps.all()] == ["one"]


@pytest.mark.parametrize("delete", [Step.delete, Step.hard_delete])
def test_a_deleted_document_is_recovered(recipe, delete):
    step = recipe.steps.get()
    delete(step)
    [version] = Version.objects.get_deleted(Step)
    version.revert()
    assert recipe.steps.get() == step
    assert not Version.objects.get_deleted(Step)


def test_a_version_has_attachments_by_name(recipe, caplog):
    def put(name):
        rev = Recipe(recipe.uid).rev
        SyncGateway.put_attachment(recipe.uid, name, ContentFile(b"text"), "text/plain", rev)

    put("kept")
    put("lost")
    with reversion.create_revision():
        Recipe(recipe.uid).save()
    SyncGateway.delete_attachment(recipe.uid, "lost", Recipe(recipe.uid).rev)
    versions(recipe)[0].revert()
    assert list(Recipe(recipe.uid).extra["_attachments"]) == ["kept"]
    assert "without its attachment 'lost'" in caplog.text


def test_the_same_once_more_is_no_version(recipe):
    reversion.unregister(Recipe)
    # These are new with each save.
    reversion.register(Recipe, exclude=["rev", "updated"], ignore_duplicates=True)
    try:
        for _ in range(3):
            with reversion.create_revision():
                recipe.save()
        assert len(versions(recipe)) == 2
    finally:
        reversion.unregister(Recipe)
        reversion.register(Recipe, follow=["steps"])


def test_the_admin_shows_restores_and_recovers_versions(admin_client):
    def page(name, *arguments):
        return reverse(f"admin:habits_recipe_{name}", args=[quote(each) for each in arguments])

    def send(url, **values):
        response = admin_client.post(url, filled(admin_client.get(url)) | values)
        assert response.status_code == 302, response.context["errors"]

    def stored():
        recipe = Recipe.objects.get()
        return recipe.title, [each.text for each in recipe.steps.all()]

    one = {"steps-0-text": "one", "steps-0-channels": "c"}
    send(page("add"), title="a", slugs="x", channels="c", **one)
    recipe = Recipe.objects.get()
    send(page("change", recipe.uid), **{"title": "b", "steps-0-text": "two"})
    history = admin_client.get(page("history", recipe.uid)).context["action_list"]
    assert [each["revision"].user.username for each in history] == ["admin", "admin"]
    first = history[0]["url"]
    rev = Recipe(recipe.uid).rev
    assert filled(admin_client.get(first))["title"] == "a"
    assert (Recipe(recipe.uid).rev, stored()) == (rev, ("b", ["two"]))  # looking changes nothing
    send(first)
    assert stored() == ("a", ["one"])
    admin_client.post(page("delete", recipe.uid), {"post": "yes"})
    assert not Recipe.objects.exists()
    [deleted] = admin_client.get(page("recoverlist")).context["deleted"]
    send(page("recover", deleted.pk))
    assert Recipe.objects.get() == recipe
