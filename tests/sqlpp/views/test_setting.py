"""COUCHBASE_VIEWS: what query_view and the others ask, and what they say where they cannot."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from django_cbtools import conf
from django_cbtools.checks.views import check_answers, check_views
from django_cbtools.models import aquery_view, query_objects, query_view, view_rows
from django_cbtools.query import STALE_OK, STALE_UPDATE_BEFORE, Query
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from tests.query_service.services import body
from tests.sync_gateway.scripted import HTTP, reply
from tests.testapp.models import CBArticle

BY_AUTHOR = (
    "SELECT RAW [META(`d`).id, `d`.`author_uid`, NULL, [1]] FROM `test_documents` AS `d` WHERE "
    "(IFMISSINGORNULL(`d`.`st_deleted`, FALSE) IN [FALSE, 0, ''] AND `d`.`doc_type` = 'article') "
    "AND META(`d`).id NOT LIKE '\\\\_sync:%' "
    "AND CASE WHEN `d`.`author_uid` IS MISSING AND `d`.`author` LIKE 'aut\\\\_%' THEN `d`.`author` "
    "ELSE CASE WHEN ISSTRING(`d`.`author_uid`) THEN `d`.`author_uid` END END = $1"
)


class Service(HTTP):
    """It has one answer to all that it is asked."""

    def __init__(self, *rows, status=200, **members):
        self.asked = []
        self._reply = reply(body(*rows, **members), status)
        super().__init__(self.answer)

    def answer(self, request):
        self.asked.append(request.json)
        statement = request.json.get("statement", "")
        if statement.startswith("PREPARE"):
            self.asked[-1]["statement"] = statement.partition(" AS ")[2]
        return self._reply


@pytest.fixture
def by_sqlpp(couchbase_alias, settings, tmp_path):
    """Have views be asked of a service."""
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    settings.SYNC_GATEWAY_BUCKET = "test_documents"
    settings.COUCHBASE_VIEWS = "sqlpp"
    settings.COUCHBASE_STALE = None
    settings.BASE_DIR = tmp_path
    (tmp_path / "couchbase_views").mkdir()
    return couchbase_alias


def put(tmp_path, **views):
    for name, text in views.items():
        (tmp_path / "couchbase_views" / f"{name}.js").write_text(text)


def test_rows(by_sqlpp):
    with Service(*[[uid, "aut_1", None, [1]] for uid in ("b", "a")]) as service:
        by_sqlpp(service.url)
        assert query_view("testapp/by_author", "aut_1") == ["a", "b"]
        assert async_to_sync(aquery_view)("testapp/by_author", "aut_1") == ["a", "b"]
        (asked, *_) = service.asked
    assert (asked["statement"], asked["args"], asked["readonly"]) == (BY_AUTHOR, ["aut_1"], True)


@pytest.mark.parametrize(
    ("stale", "expected"),
    [(False, "request_plus"), (STALE_UPDATE_BEFORE, "request_plus"), (STALE_OK, "not_bounded"),
     ("update_after", "not_bounded"), (None, "not_bounded")],
)  # fmt: skip
def test_staleness_and_time(by_sqlpp, stale, expected):
    asked = {} if stale is None else {"stale": stale}
    with Service() as service:
        by_sqlpp(service.url)
        assert view_rows("testapp/by_author", Query(reduce=False, timeout=7, **asked)) == []
    assert service.asked[0]["scan_consistency"] == expected
    assert service.asked[0]["timeout"] == "7000ms"


def test_a_reduce_is_computed_by_the_service(by_sqlpp):
    rows = [["aut_2", [1, 1, None, None, None, None]], ["aut_1", [3, 3, None, None, None, None]]]
    with Service(*rows) as service:
        by_sqlpp(service.url)
        found = view_rows("testapp/by_author", Query(group=True, descending=True))
    assert [(row.id, row.key, row.value) for row in found] == [("", "aut_2", 1), ("", "aut_1", 3)]
    assert service.asked[0]["statement"].endswith("GROUP BY r[1]")


def test_a_limit_of_one_key_is_the_services(by_sqlpp):
    with Service(["b", "aut_1", None, [1]]) as service:
        by_sqlpp(service.url)
        query = Query(key="aut_1", reduce=False, limit=2, skip=1, descending=True)
        assert view_rows("testapp/by_author", query) == []
    assert service.asked[0]["statement"].endswith("ORDER BY r[0] DESC, r[3] DESC LIMIT 3")


def test_nobody_is_asked_where_there_can_be_no_row(by_sqlpp):
    by_sqlpp()
    assert query_view("by_channel", "no array") == []
    assert query_view("testapp/by_author", None, Query(keys=[])) == []
    assert view_rows("testapp/by_author", Query(limit=0, reduce=False)) == []


def test_objects_come_from_the_gateway(by_sqlpp, monkeypatch):
    document = {"doc_type": "article", "title": "A", "channels": ["c"]}
    monkeypatch.setattr(
        SyncGateway,
        "bulk_get",
        lambda uids: [{"id": uid, "value": {"rev": "1-a"}, "doc": document} for uid in uids],
    )
    with Service(["a", "aut_1", None, [1]]) as service:
        by_sqlpp(service.url)
        (article,) = query_objects("testapp/by_author", "aut_1", CBArticle)
    assert (article.uid, article.title) == ("a", "A")


def test_a_view_of_another_shape(by_sqlpp, tmp_path):
    by_sqlpp()
    put(tmp_path, odd="function (doc) {\n  emit(Object.keys(doc), null);\n}")
    with pytest.raises(
        SyncGatewayBadRequest,
        match=r"cannot answer view django_cbtools/odd.* line 2 .*Object\.keys\(doc\).*a QuerySet",
    ):
        view_rows("odd")
    with pytest.raises(CommandError, match=r"django_cbtools/odd, line 2: `Object\.keys"):
        call_command("create_cb_views")
    (message,) = check_answers()
    assert (message.id, "django_cbtools/odd" in message.msg) == ("cbtools.W017", True)


def test_a_reduce_of_its_own(by_sqlpp, tmp_path):
    put(tmp_path, v="function (doc) { emit(doc.a, 1); }", v_reduce="function (k, v) { return 1; }")
    with Service(["a", "k", 1, [1]]) as service:
        by_sqlpp(service.url)
        with pytest.raises(SyncGatewayBadRequest, match=r"reduce is a function.*reduce=False"):
            view_rows("v")
        assert query_view("v", None, Query(reduce=False)) == ["a"]


def test_a_view_that_is_not_there(by_sqlpp):
    by_sqlpp()
    with pytest.raises(SyncGatewayNotFound, match="no view testapp/none"):
        query_view("testapp/none", "k")


def test_bad_parameters(by_sqlpp):
    by_sqlpp()
    with pytest.raises(SyncGatewayBadRequest, match="group=true"):
        view_rows("testapp/by_author", Query(keys=["a"]))
    with pytest.raises(SyncGatewayBadRequest, match="limit cannot be -1"):
        view_rows("testapp/by_author", Query(limit=-1))
    with pytest.raises(SyncGatewayBadRequest, match="keys must be a list"):
        view_rows("testapp/by_author", Query(keys="a", reduce=False))


def test_a_service_that_fails(by_sqlpp):
    by_sqlpp()  # nobody listens
    with pytest.raises(SyncGatewayUnavailable, match="View testapp/by_author, asked by SQL"):
        query_view("testapp/by_author", "k")


def test_a_service_that_refuses(by_sqlpp):
    error = {"code": 3000, "msg": "syntax error"}
    with Service(status=400, errors=[error]) as service:
        by_sqlpp(service.url)
        with pytest.raises(SyncGatewayBadRequest, match="syntax error"):
            query_view("testapp/by_author", "k")


def test_create_cb_views_has_nothing_to_deploy(by_sqlpp, capsys):
    by_sqlpp()
    call_command("create_cb_views")
    assert capsys.readouterr().out == "SQL++ answers 5 views: nothing is deployed.\n"


def test_settings_that_cannot_be(db, settings):
    settings.COUCHBASE_VIEWS = "sqlpp"
    with pytest.raises(ImproperlyConfigured, match="does not ask a query service"):
        query_view("by_type", "article")
    settings.COUCHBASE_VIEWS = "n1ql"
    with pytest.raises(ImproperlyConfigured, match="COUCHBASE_VIEWS cannot be 'n1ql'"):
        query_view("by_type", "article")
    assert [message.id for message in check_views()] == ["cbtools.E022"]
    assert check_answers() == []


def test_what_is_missing_is_said_by_checks(by_sqlpp, monkeypatch):
    by_sqlpp()
    assert check_views() == check_answers() == []
    installed = {"tree_sitter": None}
    monkeypatch.setattr(
        "django_cbtools.checks.views.find_spec", lambda name: installed.get(name, True)
    )
    assert [message.id for message in check_views()] == ["cbtools.E022"]
    installed = {"py_mini_racer": None}
    assert [message.id for message in check_answers()] == ["cbtools.W016"]


def test_tests_ask_the_gateway_that_stands_in(by_sqlpp):
    by_sqlpp(NAME="news")
    assert not conf.uses_sqlpp_views()
