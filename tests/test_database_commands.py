"""Commands that make the gateway's database, and deploy its sync functions."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from django_cbtools.sync_gateway import SyncGateway, SyncGatewayUnavailable
from tests.testapp.models import CBArticle

pytestmark = pytest.mark.django_db(transaction=True)

BY_TITLE = 'function (doc) { channel("title-" + doc.title); }'


@pytest.fixture(autouse=True)
def project(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    return tmp_path


def test_a_database_is_made_and_changed(project, settings, capsys):
    settings.SYNC_GATEWAY_BUCKET = "test_made"
    settings.SYNC_GATEWAY_DATABASE = {"revs_limit": 100}
    (project / "sync_function.js").write_text(BY_TITLE + "\n")
    (project / "import_filter.js").write_text("function (doc) { return true; }")
    call_command("create_sg_database", "--dry-run")
    shown = json.loads(capsys.readouterr().out)
    assert shown["revs_limit"] == 100
    assert shown["sync"] == BY_TITLE
    call_command("create_sg_database")
    call_command("create_sg_database")
    assert "up to date" in capsys.readouterr().out
    settings.SYNC_GATEWAY_DATABASE = {"revs_limit": 200}
    (project / "sync_function.js").write_text("function (doc) {}")
    call_command("create_sg_database")
    assert "changed (revs_limit, sync)" in capsys.readouterr().out
    config = SyncGateway.get_config()
    assert (config["revs_limit"], config["bucket"]) == (200, "test_made")
    assert SyncGateway.get_sync_function() == "function (doc) {}"
    assert config["import_filter"] == "function (doc) { return true; }"


def test_a_configuration_that_is_refused(settings):
    settings.SYNC_GATEWAY_DATABASE = {"nope": 1}
    with pytest.raises(CommandError, match=r"is as it was.*nope"):
        call_command("create_sg_database")


def test_collections(project, settings, capsys):
    settings.SYNC_GATEWAY_BUCKET = "test_collections"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"inv": {"collections": {"a": {}, "b": {}}}}}
    folder = project / "sync_functions"
    folder.mkdir()
    (folder / "inv.a.js").write_text(BY_TITLE)
    call_command("create_sg_database")
    assert SyncGateway.get_sync_function("inv.a") == BY_TITLE
    assert SyncGateway.get_sync_function("inv.b") == ""
    (folder / "inv.b.js").write_text(BY_TITLE)
    call_command("deploy_sync_function")
    assert SyncGateway.get_sync_function("inv.b") == BY_TITLE
    (folder / "inv.c.js").write_text(BY_TITLE)
    with pytest.raises(CommandError, match=r"no collection inv\.c"):
        call_command("create_sg_database")
    (folder / "inv.c.js").rename(folder / "inv.js")
    with pytest.raises(CommandError, match=r"<scope>.<collection>\.js"):
        call_command("deploy_sync_function")


def test_a_sync_function_is_deployed(project, capsys):
    with pytest.raises(CommandError, match=r"no sync_function\.js"):
        call_command("deploy_sync_function")
    old = CBArticle(title="A", channels=["a"])
    old.save()
    file = project / "sync_function.js"
    file.write_text(BY_TITLE)
    call_command("deploy_sync_function", "--dry-run")
    said = capsys.readouterr().out
    assert f"+{BY_TITLE}" in said
    assert SyncGateway.get_sync_function() == ""
    call_command("deploy_sync_function")
    assert "--resync" in capsys.readouterr().out
    assert SyncGateway.get_sync_function() == BY_TITLE
    call_command("deploy_sync_function", "--resync")
    said = capsys.readouterr().out
    assert "sync_function.js: up to date." in said
    assert "Resync: 1 documents, 1 changed." in said
    assert SyncGateway.get_database()["state"] == "Online"
    call_command("deploy_sync_function")
    assert "--resync" not in capsys.readouterr().out
    for words in (["create_sg_database"], ["deploy_sync_function", "--resync"]):
        call_command(*words, verbosity=0)
    assert capsys.readouterr().out == ""


def test_one_that_does_not_compile(project):
    (project / "sync_function.js").write_text(BY_TITLE)
    call_command("deploy_sync_function")
    (project / "sync_function.js").write_text("function (doc) {\n  channel(doc.title;\n}\n")
    with pytest.raises(CommandError, match=r"the database is as it was(?s:.*)Line 2:"):
        call_command("deploy_sync_function")
    assert SyncGateway.get_sync_function() == BY_TITLE
    (project / "sync_function.js").write_text(" \n")
    with pytest.raises(CommandError, match=r"is empty"):
        call_command("deploy_sync_function")


@pytest.mark.parametrize("command", ["deploy_sync_function", "create_sg_database"])
def test_one_that_does_not_end(project, command):
    (project / "sync_function.js").write_text(BY_TITLE)
    call_command(command)
    (project / "sync_function.js").write_text(
        'function (doc) { while (doc.doc_type == "article") {} }'
    )
    with pytest.raises(CommandError, match=r"as it was\. For a new .*'article': .* timed out"):
        call_command(command)
    assert SyncGateway.get_sync_function() == BY_TITLE


@pytest.mark.parametrize("command", ["deploy_sync_function", "create_sg_database"])
def test_one_that_refuses_the_site(project, command, settings, capsys):
    file = project / "sync_function.js"
    file.write_text(
        "function (doc) { if (doc.doc_type == 'article') { requireUser('site'); } channel('c'); }"
    )
    for user, told in (
        ("", "Set SYNC_GATEWAY_USER"),
        ("other", "If it is to, let 'other'"),
        ("site", None),
    ):
        settings.SYNC_GATEWAY_USER = user
        file.write_text(file.read_text() + " ")
        SyncGateway.put_sync_function(BY_TITLE)
        call_command(command)
        err = capsys.readouterr().err
        assert (told is None) == (err == "")
        if told:
            assert (
                f"does not let your site write a new document of doc_type 'article'. {told}" in err
            )


def test_one_that_refuses_all(project):
    (project / "sync_function.js").write_text("function (doc) { throw({forbidden: doc.x.y}); }")
    call_command("deploy_sync_function")
    assert "forbidden" in SyncGateway.get_sync_function()


def test_the_state_of_the_database(project, settings, capsys):
    settings.SYNC_GATEWAY_BUCKET = "test_state"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"inv": {"collections": {"a": {}, "b": {}}}}}
    call_command("sg_database_state")
    assert capsys.readouterr().out == "Database 'test_state': Online.\n"
    SyncGateway.in_keyspace("inv.a").save_json("d", {})
    call_command("sg_database_state", "--offline")
    assert "Offline" in capsys.readouterr().out
    with pytest.raises(SyncGatewayUnavailable):
        SyncGateway.in_keyspace("inv.a").all_docs(["d"])
    call_command("sg_database_state", "--online")
    assert "Online" in capsys.readouterr().out
    for keyspaces, count in (([], 1), (["inv.b"], 0)):
        call_command("sg_database_state", "--resync", *keyspaces)
        assert capsys.readouterr().out.startswith(f"Resync: {count} documents, 0 changed.")
    for arguments in (["--resync", "inv.c"], ["--resync", "a b"], ["--stop-resync"]):
        with pytest.raises(CommandError):
            call_command("sg_database_state", *arguments)
    assert SyncGateway.database_state() == "Online"
