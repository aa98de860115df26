"""What django_cbtools 1.x got wrong, and this version must not: a test for each defect."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from django_cbtools.models import load_objects, query_view
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway.options import Options
from tests.sync_gateway.faults.proxy import Fault, Proxy, Script
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    GIVING_UP,
    HTTP,
    READS,
    WRITES,
    Server,
    reply,
    save_answer,
    use,
)
from tests.testapp.models import CBArticle, CBAuthor

CALLS = READS | WRITES | ADMIN_CALLS
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture(params=["in process", "over HTTP"])
def gateway(request):
    request.getfixturevalue("db" if request.param == "in process" else "gateway_by_http")


def on_both(test):
    """Run a test in process and over HTTP."""
    # The fixture is chosen at run time, and a server's threads need committed data.
    return pytest.mark.django_db(transaction=True)(pytest.mark.usefixtures("gateway")(test))


def saved(**values):
    article = CBArticle(channels=["news"], **values)
    article.save()
    return article


def uids():
    return [row["id"] for row in SyncGateway.all_docs(None, really_all=True)["rows"]]


# ------------------------------------------- `verify=False` on every call


@every_call
def test_a_stranger_with_a_certificate_of_his_own_hears_nothing(settings, stranger, call):
    with HTTP(save_answer, stranger.server()) as server:
        use(settings, server.url)
        with pytest.raises(SyncGatewayUnavailable, match=r"SYNC_GATEWAY_OPTIONS\['verify'\]"):
            call()
    assert server.accepted
    assert server.seen == []


# ------------------------------------------------------------- no timeout


@every_call
def test_a_server_that_never_answers_is_given_up(settings, call):
    given_up = []

    def listen(connection):
        # Who waits for longer than anybody should is cut off, and is not among those.
        connection.settimeout(60)
        while connection.recv(65536):
            pass
        given_up.append(connection)

    with Server(listen) as server:
        use(settings, server.url, timeout=0.1, **GIVING_UP)
        with pytest.raises(SyncGatewayUnavailable, match="SYNC_GATEWAY"):
            call()
    assert server.accepted
    assert len(given_up) == len(server.accepted)


def test_there_are_timeouts_where_the_settings_say_nothing():
    options = Options.of({})
    assert all(0 < seconds < 300 for seconds in (*options.timeout, options.deadline))


# ---------------------------------------------------------- unescaped ids

IDS = [
    "a?rev=1-x", "a#b", "a/b", "a/_local/b", "a%2Fb", "100%", "%41", "a+b", "a b", "a&b=c", "a;b",
    "é", "🍺", "a'b", 'a"b', "a\\b", "http://a", "a:b@c",
]  # fmt: skip
NAMES = ["a?x=1", "a#b", "100%", "%41", "a+b", "a b", "é", "a;b"]


@on_both
def test_an_id_is_never_another_address():
    documents = {uid: saved(uid=uid, title=f"first {uid}") for uid in ["a", "A", "b", *IDS]}
    assert sorted(uids()) == sorted(documents)
    for uid in IDS:
        article = CBArticle(uid)
        assert article.title == f"first {uid}"
        article.title = "second"
        article.save()
        documents[uid] = article
    assert [loaded.title for loaded in load_objects(IDS, CBArticle)] == ["second"] * len(IDS)
    for uid in IDS:
        SyncGateway.delete_document(uid, documents.pop(uid).rev)
        assert sorted(uids()) == sorted(documents)
    for uid, document in documents.items():
        assert CBArticle(uid).rev == document.rev


@on_both
def test_a_users_name_is_never_another_address():
    names = ["a", "A", *NAMES]
    for name in names:
        SyncGateway.put_user(name, password="secret", admin_channels=[f"of {name}"])
    for name in NAMES:
        SyncGateway.append_channels(name, ["more"])
        user = SyncGateway.get_user(name)
        assert user["name"] == name
        assert sorted(user["admin_channels"]) == sorted([f"of {name}", "more", "public"])
    for name in NAMES:
        assert SyncGateway.delete_user(name)
        names.remove(name)
        assert set(names) <= set(SyncGateway.get_users())
    for name in names:
        assert sorted(SyncGateway.get_user(name)["admin_channels"]) == [f"of {name}", "public"]


@on_both
def test_what_can_only_be_another_address_is_refused():
    for uid in ("", ".", "..", "a/../b", "_user/ann", "_config"):
        with pytest.raises(SyncGatewayBadRequest):
            SyncGateway.save_json(uid, {"n": 1})
        with pytest.raises(SyncGatewayBadRequest):
            SyncGateway.delete_document(uid, "1-a")


# -------------------------- lost or doubled writes when an answer was lost


@pytest.fixture
def line(gateway_by_http, settings):
    with Proxy(gateway_by_http.urls[0]) as line:
        settings.SYNC_GATEWAY_URL = line.url
        yield line


def lose(line, fault):
    """Do this to the next write."""
    line.choose = Script(fault, picks=lambda request: request.is_write)


every_fault = pytest.mark.parametrize(
    "fault", [Fault("all"), Fault("nothing")], ids=["arrived", "did not arrive"]
)


@every_fault
@pytest.mark.parametrize("kind", ["create", "update", "in bulk"])
def test_a_save_whose_answer_is_lost_is_done_once(line, kind, fault):
    article = CBArticle(uid="one", title="new", channels=["news"])
    if kind == "update":
        article.save()
    article.title = "changed"
    lose(line, fault)
    if kind == "in bulk":
        SyncGateway.save_documents([article])
    else:
        article.save()
    assert line.choose.is_over
    assert uids() == ["one"]
    found = CBArticle("one")
    assert (found.title, found.rev) == ("changed", article.rev)
    assert found.rev[0] == ("2" if kind == "update" else "1")
    article.save()  # no conflict with itself


@every_fault
def test_a_deletion_whose_answer_is_lost_is_done(line, fault):
    article = saved(uid="one")
    lose(line, fault)
    SyncGateway.delete_document("one", article.rev)
    assert line.choose.is_over
    assert uids() == []


# -------------------------------------------- equality that invented a uid


@on_both
def test_unsaved_documents_are_equal_to_themselves_alone():
    one, two = CBArticle(title="same"), CBArticle(title="same")
    assert one == one
    assert one != two
    assert one.uid is two.uid is None
    with pytest.raises(TypeError, match="hashable"):
        hash(one)
    assert one.uid is None
    article = saved()
    assert article == CBArticle(article.uid)
    assert len({article, CBArticle(article.uid)}) == 1


# ------------------------------------------------------------------- users


@on_both
def test_a_callers_list_of_channels_is_left_alone():
    for put in (
        lambda given: SyncGateway.put_user("ann", password="secret", admin_channels=given),
        lambda given: SyncGateway.append_channels("ann", given),
        lambda given: SyncGateway.remove_channels("ann", given),
    ):
        channels = ["news"]
        put(channels)
        assert channels == ["news"]


@on_both
def test_channels_of_a_disabled_user_do_not_enable_him():
    SyncGateway.put_user("ann", password="secret", disabled=True)
    SyncGateway.append_channels("ann", ["news"])
    assert SyncGateway.get_user("ann")["disabled"] is True
    SyncGateway.remove_channels("ann", ["news"])
    assert SyncGateway.get_user("ann")["disabled"] is True


# ------------------------------------------------------------------ loading


@on_both
def test_a_missing_document_is_said_to_be_missing():
    tombstone = saved()
    SyncGateway.delete_document(tombstone.uid, tombstone.rev)
    for uid in ("atl_missing", tombstone.uid):
        with pytest.raises(CBArticle.DoesNotExist) as caught:
            CBArticle(uid)
        assert isinstance(caught.value, SyncGatewayException)
        with pytest.raises(CBArticle.DoesNotExist):
            CBArticle().load(uid)


@on_both
def test_a_document_of_another_class_is_not_filled_in():
    author = CBAuthor(name="Ann", channels=["news"])
    author.save()
    article = CBArticle(title="mine")
    with pytest.raises(CBArticle.DoesNotExist, match="'author'"):
        article.load(author.uid)
    assert article.title == "mine"
    assert load_objects([author.uid], CBArticle) == []


@on_both
def test_keys_that_the_model_does_not_know_survive():
    phones = {"read_by": ["ann"], "nested": {"n": [1, {"m": None}]}, "ünï": 1.5}
    article = saved(title="one")
    SyncGateway.save_json(article.uid, article.to_dict() | {"_rev": article.rev} | phones)
    loaded = CBArticle(article.uid)
    loaded.title = "two"
    loaded.save()
    loaded.delete()
    (row,) = SyncGateway.all_docs([article.uid])["rows"]
    assert {key: row["doc"][key] for key in phones} == phones
    assert row["doc"]["title"] == "two"


# ------------------------------------------------------------- generic views


@on_both
@pytest.mark.parametrize("page", ["", "edit/", "delete/"])
def test_a_page_of_a_missing_document_is_404(client, page):
    article = saved()
    assert client.get(f"/articles/{article.uid}/{page}").status_code == 200
    assert client.get(f"/articles/atl_missing/{page}").status_code == 404


# ------------------------------------------------- errors that were returned

REFUSED = {
    "save_json": lambda: SyncGateway.save_json("a", {}),
    "save_document": lambda: SyncGateway.save_document(CBArticle(uid="a", channels=["news"])),
    "delete_document": lambda: SyncGateway.delete_document("a", "1-a"),
    "all_docs": lambda: SyncGateway.all_docs(["a"]),
    "really all_docs": lambda: SyncGateway.all_docs(None, really_all=True),
    "put_user": lambda: SyncGateway.put_user("ann", password="secret"),
    "get_user": lambda: SyncGateway.get_user("ann"),
    "get_users": SyncGateway.get_users,
    "change_username": lambda: SyncGateway.change_username("ann", "bob", "secret"),
    "delete_user": lambda: SyncGateway.delete_user("ann"),
    "create_session": lambda: SyncGateway.create_session("ann"),
    "append_channels": lambda: SyncGateway.append_channels("ann", ["news"]),
    "remove_channels": lambda: SyncGateway.remove_channels("ann", ["news"]),
    "put_admin_user": SyncGateway.put_admin_user,
    "put_guest_user": SyncGateway.put_guest_user,
}


@pytest.mark.parametrize("status", [400, 401, 403, 418, 500])
def test_an_error_answer_is_raised(settings, status):
    answer = reply({"error": "its word", "reason": "its reason"}, status)
    with HTTP(lambda request: answer) as gateway:
        use(settings, gateway.url)
        for name, call in REFUSED.items():
            with pytest.raises(SyncGatewayException) as caught:
                call()
            assert caught.value.status == status, name
            assert (caught.value.error, caught.value.reason) == ("its word", "its reason"), name


# ------------------------------------------------------------- views' folder


@on_both
@pytest.mark.parametrize(
    "content", [b"function (doc { emit(", b" ", b"'\xff'"], ids=["broken", "empty", "unreadable"]
)
def test_a_half_broken_folder_of_views_is_not_passed_over(settings, tmp_path, content):
    settings.BASE_DIR = tmp_path
    (tmp_path / "couchbase_views").mkdir()
    (tmp_path / "couchbase_views" / "fine.js").write_text("function (doc) { emit(1); }")
    (tmp_path / "couchbase_views" / "other.js").write_bytes(content)
    with pytest.raises(CommandError, match="other") as caught:
        call_command("create_cb_views", verbosity=0)
    assert caught.value.returncode != 0
    with pytest.raises(SyncGatewayNotFound):
        query_view("fine", 1)  # half of a folder is not deployed
