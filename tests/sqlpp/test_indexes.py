"""Indexes of documents at Couchbase Server: how they are made, and which queries they serve."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections, models
from django.db.models import Count, F, Q
from django.db.models.functions import Lower

from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    EmbeddedListField,
    ListField,
    indexes,
)
from tests.query_service.services import body
from tests.sync_gateway.scripted import HTTP, reply

from .recorded import recorded


class Part(CouchbaseNestedModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    weight = models.FloatField()


class Machine(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        indexes = [
            models.Index(fields=["country", "-height"], name="m_height"),
            models.Index(Lower("name"), name="m_lower"),
            models.Index("country", F("name").desc(), name="m_name"),
            models.Index(fields=["name"], name="m_drafts", condition=Q(is_draft=True)),
        ]

    doc_type = "machine"

    name = models.CharField(max_length=40)
    country = models.CharField(max_length=2, db_index=True)
    height = models.FloatField(null=True)
    code = models.CharField(max_length=9, db_column="the code's 100%", unique=True)
    is_draft = models.BooleanField(default=False)
    made = models.DateTimeField(null=True, db_index=True)
    tags = ListField(models.CharField(max_length=9))
    parts = EmbeddedListField(Part)


MACHINES = Machine.objects.all()
#: They are of no use on SQLite.
ARRAYS = [
    models.Index(fields=["tags"], name="by_tag"),
    models.Index(fields=["channels"], name="by_channel"),
    models.Index("parts__weight", name="by_weight"),
]


@pytest.fixture(autouse=True)
def one_class(monkeypatch):
    """Indexes are those of one class, whatever else there is."""
    monkeypatch.setattr(indexes, "_registered", {Machine: ARRAYS})
    monkeypatch.setattr(indexes, "documents", lambda: [Machine])


@pytest.fixture
def nobody(couchbase_alias, settings):
    """A query service that is not asked for anything."""
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    couchbase_alias()


@pytest.fixture
def server(request, couchbase_alias, settings):
    """The query service, as it was recorded for the test."""
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    name = re.sub("[^a-z_]+", "_", request.node.name.lower()).strip("_")
    with recorded(name) as server:
        couchbase_alias(server.url)
        yield server


def run(capsys, **options):
    call_command("create_cb_indexes", **options)
    return capsys.readouterr().out


def names():
    with connections["server"].cursor() as cursor:
        cursor.execute("SELECT RAW [i.name] FROM system:indexes AS i ORDER BY i.name")
        return [name for (name,) in cursor.fetchall()]


# ------------------------------------------------------------------- the command

KEYS = {
    "documents": "TOSTRING(META().id)",
    "m_height": "CASE WHEN ISSTRING(`country`) THEN `country` END, "
    "IFMISSING(IFNANORINF(`height`, NULL), NULL) DESC",
    "m_lower": "(LOWER(CASE WHEN ISSTRING(`name`) THEN `name` END))",
    "m_name": "CASE WHEN ISSTRING(`country`) THEN `country` END, "
    "CASE WHEN ISSTRING(`name`) THEN `name` END DESC",
    "m_drafts": "CASE WHEN ISSTRING(`name`) THEN `name` END",
    "by_tag": "DISTINCT ARRAY CASE WHEN ISSTRING(e) THEN e END FOR e IN "
    "CASE WHEN ISARRAY(`tags`) THEN `tags` END END",
    "by_channel": "DISTINCT ARRAY ENCODE_JSON(e) FOR e IN (CASE WHEN ISARRAY(IFMISSING(`channels`, "
    "NULL)) THEN IFMISSING(`channels`, NULL) END) END",
    "by_weight": "(DISTINCT ARRAY IFMISSING(IFNANORINF(cbtools_e.`weight`, NULL), NULL) FOR "
    "cbtools_e IN CASE WHEN ISARRAY(`parts`) THEN `parts` END END)",
    "testapp_mac_the_cod": "CASE WHEN ISSTRING(`the code's 100%`) THEN `the code's 100%` END",
    "testapp_mac_made": "CASE WHEN `made` >= '0001-01-02' AND SUBSTR(`made`, 4, 1) = '-' THEN "
    "STR_TO_UTC(`made`, '', '2006-01-02T15:04:05.000000Z') END",
}
_CREATE = re.compile(
    r"create (cbtools_ix_(\w+?)(?:_\w{6}_idx)?_\w{10})(?: of testapp.Machine)?: CREATE INDEX `\1` "
    r"IF NOT EXISTS ON `test_documents`\(`doc_type`, (.*), IFMISSINGORNULL\(`st_deleted` = TRUE, "
    r"FALSE\)\)"
    r'(?: WHERE (.*))? WITH \{"defer_build": true\}'
)


def test_statements(server, capsys):
    *created, build = run(capsys, dry_run=True).splitlines()
    found = [_CREATE.fullmatch(line).groups() for line in created]
    assert {short: keys for _, short, keys, _ in found} == KEYS
    conditions = {short: condition for _, short, _, condition in found}
    # None has what the gateway keeps for itself.
    assert conditions.pop("documents") == (own := r"META().id NOT LIKE '\\_sync:%'")
    assert conditions.pop("m_drafts") == (
        f"`doc_type` = 'machine' AND {own} "
        "AND CASE WHEN ISBOOLEAN(`is_draft`) THEN `is_draft` END = true"
    )
    assert set(conditions.values()) == {f"`doc_type` = 'machine' AND {own}"}
    made = ", ".join(f"`{name}`" for name, *_ in found)
    assert build.endswith(f": BUILD INDEX ON `test_documents`({made})")
    assert names() == []


def test_indexes_are_made_once(server, capsys):
    assert run(capsys) == f"{len(KEYS)} indexes are made, 0 dropped.\n"
    made = names()
    assert len(made) == len(KEYS)
    assert run(capsys) == "0 indexes are made, 0 dropped.\n"
    assert run(capsys, dry_run=True) == ""
    assert names() == made


def test_changed_index_is_another_one(server, capsys, settings):
    """It is there before the former one is dropped."""
    settings.COUCHBASE_INDEXES = {"testapp.Machine": [models.Index(fields=["height"], name="it")]}
    with connections["server"].cursor() as cursor:
        cursor.execute("CREATE INDEX somebody_elses ON `test_documents`(x)")
    run(capsys)
    settings.COUCHBASE_INDEXES = {"testapp.Machine": [models.Index(fields=["-height"], name="it")]}
    lines = run(capsys, dry_run=True).splitlines()
    assert [line.split()[0] for line in lines] == ["create", "build", "drop"]
    assert lines[0].split()[1] != lines[2].split()[1].rstrip(":")
    assert run(capsys) == "1 index is made, 1 dropped.\n"
    settings.COUCHBASE_INDEXES = {}
    assert run(capsys) == "0 indexes are made, 1 dropped.\n"
    assert "somebody_elses" in names()


def test_an_index_that_was_not_built_is_built(server, capsys):
    (first, *_) = run(capsys, dry_run=True).splitlines()
    with connections["server"].cursor() as cursor:
        cursor.execute(first.split(": ", 1)[1])
    assert "BUILD INDEX ON `test_documents`(`cbtools_ix_documents_" in run(capsys, dry_run=True)
    assert run(capsys) == f"{len(KEYS) - 1} indexes are made, 0 dropped.\n"
    assert run(capsys, dry_run=True) == ""


def test_no_such_keyspace(couchbase_alias, settings):
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    message = r"no keyspace `test_documents`.`shop`.`nowhere` at .* Look at NAME in DATABASES"
    with recorded("test_no_such_keyspace") as server:
        couchbase_alias(server.url, NAME="test_documents.shop.nowhere")
        with pytest.raises(CommandError, match=message):
            call_command("create_cb_indexes", verbosity=0)


def test_progress_until_all_are_online(couchbase_alias, settings, monkeypatch):
    states = [["deferred", "building"], ["building", "building"], ["building"], []]

    def answer(request):
        # What is asked again is asked by the name of its plan.
        statement = request.json.get("statement", "i.state != 'online'")
        if "i.state != 'online'" in statement:
            rows = [[f"cbtools_ix_{n}", state] for n, state in enumerate(states.pop(0))]
            return reply(body(*rows))
        return reply(body([1])) if "keyspaces" in statement else reply(body())

    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    monkeypatch.setattr("django_cbtools.management.commands.create_cb_indexes._PAUSE", 0)
    with HTTP(answer) as server:
        couchbase_alias(server.url)
        call_command("create_cb_indexes", verbosity=0)
    assert states == []


@pytest.mark.parametrize(("index", "message"), [
    (models.Index(fields=["tags", "channels"], name="two"), "has 2 arrays"),
    (models.Index(fields=["parts"], name="objects"), r"'parts' in it.*models.Index\('parts__<f"),
    (models.Index(fields=["extra"], name="all"), "cannot have 'extra' in it"),
])  # fmt: skip
def test_what_cannot_be_an_index(nobody, settings, index, message):
    settings.COUCHBASE_INDEXES = {"testapp.Machine": [index]}
    with pytest.raises(CommandError, match=message):
        call_command("create_cb_indexes", verbosity=0)


# -------------------------------------------------------------------- their use

USED = {
    "documents": MACHINES.order_by("pk"),
    "m_height": MACHINES.filter(country="NO").order_by("-height"),
    "m_lower": MACHINES.annotate(lower=Lower("name")).filter(lower="a"),
    "m_name": MACHINES.filter(country="NO").order_by("-name"),
    "m_drafts": MACHINES.filter(is_draft=True, name="x"),
    "by_tag": MACHINES.filter(tags__contains=["a", "b"]),
    "by_tag ": MACHINES.filter(tags__overlap=["a", "b"]),
    "by_tag  ": MACHINES.filter(tags__startswith="a"),
    "by_channel": MACHINES.filter(channels__contains="c"),
    "by_weight": MACHINES.filter(parts__weight__gt=3),
    "testapp_mac_the_cod": Machine.all_objects.filter(code__in=["a", "b"]),
    "testapp_mac_made": MACHINES.order_by("made"),
    "m_": MACHINES.values("country").annotate(n=Count("pk")).order_by(),
}


#: Those whose index finds no more documents than are asked for.
LIMITED = (
    "m_height", "m_lower", "m_name", "m_drafts", "by_channel", "by_weight",
    "testapp_mac_the_cod", "testapp_mac_made",
)  # fmt: skip


def test_indexes_are_used(server):
    call_command("create_cb_indexes", verbosity=0)
    for name, queryset in USED.items():
        plan = queryset.explain()
        assert f"index cbtools_ix_{name.strip()}" in plan, plan
        assert "\nOrder" not in plan
    for name in LIMITED:
        plan = USED[name][:3].explain()
        assert ", limit 3" in plan.split("Fetch")[0], plan


def test_prepared_statements_use_an_index_with_a_condition(server):
    call_command("create_cb_indexes", verbosity=0)
    (sql, params) = USED["m_drafts"].query.get_compiler(connection=connections["server"]).as_sql()
    assert params == ("x",)
    statement = sql % "$1"
    with connections["server"].cursor() as cursor:
        cursor.execute(f"PREPARE p AS {statement}")
        cursor.execute("SELECT RAW [p.statement] FROM system:prepareds AS p WHERE p.name = 'p'")
        assert cursor.fetchall()
        cursor.execute(f"EXPLAIN {statement}")
        assert "cbtools_ix_m_drafts" in str(cursor.fetchall())


def test_any_element_is_false_where_there_is_no_array(nobody):
    """Only where it counts whether a condition is true may it be NULL."""
    compiler = MACHINES.exclude(tags__startswith="a").query.get_compiler(
        connection=connections["server"]
    )
    assert "NOT (IFMISSINGORNULL(ANY cbtools_e IN" in compiler.as_sql()[0]


def test_a_relation_is_followed_by_keys(nobody):
    """An index that has all that is asked for would be searched for each document."""
    from tests.testapp.models import CBArticle

    compiler = CBArticle.objects.order_by("author__name").query.get_compiler(
        connection=connections["server"]
    )
    sql = compiler.as_sql()[0]
    assert " JOIN `test_documents` AS `testapp_cbauthor` ON (META(`testapp_cbauthor`).id = " in sql
    assert " AND META(`testapp_cbauthor`).cas IS NOT NULL)" in sql
    assert "ORDER BY IFMISSING(CASE WHEN ISSTRING(`testapp_cbauthor`.`name`)" in sql


# ---------------------------------------------------------------- none that serves


def test_error_names_the_index_to_declare(server):
    queryset = MACHINES.filter(name="x", height__gt=3, is_draft=False, pk__gt="a").order_by("-made")
    with pytest.raises(OperationalError) as caught:
        list(queryset)
    assert (
        "Declare models.Index(fields=['is_draft', 'name', 'height', '-made']) in the Meta of "
        "testapp.Machine, or in COUCHBASE_INDEXES." in str(caught.value)
    )
    assert caught.value.__cause__.code == 4000


@pytest.mark.parametrize("debug", [True, False])
def test_warning_of_scans_in_debug(server, settings, caplog, debug):
    with connections["server"].cursor() as cursor:
        cursor.execute("CREATE PRIMARY INDEX ON `test_documents`")
    settings.DEBUG = debug
    with caplog.at_level(logging.WARNING, "django_cbtools.backends"):
        for name in "xyz":
            assert list(MACHINES.filter(name=name)) == []
    assert len(caplog.records) == debug
    if debug:
        assert "Declare models.Index(fields=['name'])" in caplog.text


def test_explain(server):
    call_command("create_cb_indexes", verbosity=0)
    plan = MACHINES.filter(country="NO").order_by("-height")[:5].explain().splitlines()
    assert plan[0].startswith("IndexScan3, index cbtools_ix_m_height_")
    assert "in the query's order" in plan[0]
    assert plan[0].endswith(
        'where `doc_type` = "machine" and case when is_string(`country`) then `country` end = $1 '
        "and ifmissingornull((`st_deleted` = true), false) = false"
    )
    assert '"#operator": "IndexScan3"' in MACHINES.explain(format="json")
