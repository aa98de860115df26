"""`manage.py replicate`: its options, what it says, and what it refuses."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from .sides import PASSWORD, data


@pytest.fixture
def command(pair, monkeypatch):
    """A function that runs the command: what it prints, and what it says of errors."""
    monkeypatch.setenv("SYNC_GATEWAY_REMOTE_PASSWORD", PASSWORD)
    monkeypatch.setenv("SYNC_GATEWAY_REMOTE_USER", "rep")

    def run(*arguments, url=f"{pair.url}/theirs"):
        output, errors = io.StringIO(), io.StringIO()
        where = [url] if url else []
        try:
            call_command("replicate", *where, *arguments, stdout=output, stderr=errors)
        finally:
            run.said = output.getvalue() + errors.getvalue()
            assert PASSWORD not in run.said
        return output.getvalue(), errors.getvalue()

    run.host = pair.url.partition("://")[2]
    return run


def test_what_it_says(pair, command):
    pair.theirs.put("t", _attachments={"x": data(b"x")})
    pair.theirs.put("u", channels=["b"])
    pair.ours.put("o")
    output, errors = command("--pull", "--push", "--channels", "a,c")
    assert output.splitlines() == [
        f"Replicating with ws://rep@{pair.url.partition('://')[2]}/theirs. Ctrl-C stops it.",
        "1 document and 1 attachment are pulled; 0 conflicts are resolved, 0 documents removed, "
        "0 refused.",
        "1 document and 0 attachments are pushed; 0 conflicts are resolved, 0 documents removed, "
        "0 refused.",
    ]
    assert errors == ""
    assert command("--pull", "--doc-ids", "u", "--verbosity", "0") == ("", "")
    assert set(pair.ours.documents()) == {"o", "t", "u"}


def test_what_is_refused_is_named(pair, command):
    rev = pair.theirs.put("d")
    command("--pull", "--once")
    pair.theirs.put("d", rev=rev, n=1)
    mine = pair.ours.put("d", rev=rev, n=2)
    with pytest.raises(CommandError, match="1 revision was refused: see above"):
        command("--push")
    assert f"d was not replicated at {mine}: 409 Document revision conflict" in command.said
    command("--pull", "--push", "--conflicts", "localWins")
    assert pair.assert_equal()["d"]["n"] == 2


def test_settings_and_a_new_beginning(pair, command, settings, monkeypatch):
    settings.SYNC_GATEWAY_REMOTE = {
        "url": f"{pair.url}/theirs", "user": "rep", "password": PASSWORD
    }  # fmt: skip
    monkeypatch.delenv("SYNC_GATEWAY_REMOTE_PASSWORD")
    monkeypatch.delenv("SYNC_GATEWAY_REMOTE_USER")
    pair.theirs.put("t")
    assert "1 document and" in command("--pull", url=None)[0]
    pair.ours.ask("POST", "/_purge", {"t": ["*"]})
    assert "0 documents" in command("--pull", url=None)[0].splitlines()[1]
    assert "1 document and" in command("--pull", "--reset", url=None)[0]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Give --pull, --push, or both"),
        (["--pull", "--once", "--continuous"], "Give --once or --continuous, not both"),
        (["--pull", "--continuous", "--doc-ids", "a"], "Gateways do not allow --doc-ids"),
        (["--pull", "--database", "plain"], "There is no embedded gateway to replicate"),
        (["--pull", "--collections", "s.none"], "There is no collection s.none. Name coll"),
        (["--pull", "--cafile", "/nowhere"], None),
    ],
)  # fmt: skip
def test_what_it_refuses(command, arguments, problem):
    if problem is None:  # it is not looked at without TLS
        command(*arguments)
        with pytest.raises(CommandError, match="No such file"):
            command(*arguments, url="wss://127.0.0.1:9/db")
        return
    with pytest.raises(CommandError, match=problem):
        command(*arguments)


def test_addresses(command):
    with pytest.raises(CommandError, match="Give the address of the other gateway"):
        command("--pull", url=None)
    with pytest.raises(CommandError, match="must begin with ws://") as caught:
        command("--pull", url="ftp://rep:other-secret@127.0.0.1/db")
    assert "other-secret" not in str(caught.value)
    with pytest.raises(CommandError, match=r"401 .*the user, the password and the name") as caught:
        command("--pull", url=f"ws://rep:other-secret@{command.host}/theirs")
    assert "other-secret" not in str(caught.value)
    assert "401" not in command.said  # which is told once
