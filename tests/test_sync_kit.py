"""The kit that tries out sync functions."""

from __future__ import annotations

import pytest

from django_cbtools.exceptions import SyncGatewayBadRequest, SyncGatewayException
from django_cbtools.function_files import FunctionFileError
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import SyncFunctionTestCase

INSPECTIONS = """function (doc, oldDoc, meta) {
  if (doc._deleted) { requireRole("managers"); return; }
  if (!doc.inspector) throw({forbidden: "an inspection has an inspector"});
  if (oldDoc) requireUser([oldDoc.inspector, "boss"]);
  if (doc.loops) while (true) {}
  if (doc.fails) doc.nothing.at.all();
  channel(["inspections", "inspector-" + doc.inspector]);
  access(doc.inspector, "inspector-" + doc.inspector);
}"""
INSPECTION = {"doc_type": "inspection", "inspector": "alice", "channels": ["x"]}


class InspectionsTest(SyncFunctionTestCase):
    source = INSPECTIONS

    def test_writing(self):
        alice, bob = self.as_user("alice"), self.as_user("bob")
        self.assertTrue(alice.can_write(INSPECTION))
        self.assertTrue(alice.can_write({**INSPECTION, "state": "done"}, old=INSPECTION))
        refused = bob.can_write(INSPECTION, old=INSPECTION)
        self.assertFalse(refused)
        self.assertEqual(refused.reason, "sg wrong user")
        refused = alice.can_write({"doc_type": "inspection"})
        self.assertEqual(repr(refused), "<alice can write: no, an inspection has an inspector>")
        self.assertEqual(repr(alice.can_write(INSPECTION)), "<alice can write: yes>")

    def test_deleting(self):
        manager = self.as_user("max", roles={"managers": ["inspections"]})
        gone = {"_id": "ins_1", "_deleted": True}
        self.assertTrue(manager.can_write(gone, old={"_id": "ins_1", **INSPECTION}))
        self.assertFalse(self.as_user("alice").can_write(gone, old=INSPECTION))

    def test_reading(self):
        self.assertTrue(self.as_user("alice").can_read(INSPECTION))
        self.assertFalse(self.as_user("bob").can_read(INSPECTION))
        self.assertTrue(self.as_user("carol", ["inspections"]).can_read(INSPECTION))
        self.assertTrue(
            self.as_user("dave", roles={"office": ["inspections"]}).can_read(INSPECTION)
        )

    def test_channels(self):
        self.assertEqual(self.routes(INSPECTION), ["inspections", "inspector-alice"])
        moved = {**INSPECTION, "inspector": "bob"}
        self.assertEqual(self.routes(moved, old=INSPECTION), ["inspections", "inspector-bob"])
        self.assertEqual(self.sync_function.grants(INSPECTION), {"alice": ["inspector-alice"]})

    def test_nothing_stays(self):
        self.routes({"_id": "ins_1", **INSPECTION})
        self.as_user("alice").can_write({"_id": "ins_1", **INSPECTION})
        self.assertEqual(SyncGateway.all_docs([], really_all=True)["rows"], [])

    def test_functions_that_fail(self):
        alice = self.as_user("alice")
        for fault in ("fails", "loops"):
            with self.assertRaises(SyncGatewayException) as failed:
                alice.can_write({**INSPECTION, fault: True})
            self.assertEqual(failed.exception.status, 500)

    def test_an_old_document_that_is_refused(self):
        with self.assertRaisesRegex(SyncGatewayException, "old document is refused"):
            self.routes(INSPECTION, old={"doc_type": "inspection"})


def test_the_projects_own(db, settings, tmp_path, sync_function):
    settings.BASE_DIR = tmp_path
    with pytest.raises(FunctionFileError, match=r"no sync_function\.js"):
        sync_function()
    (tmp_path / "sync_function.js").write_text("function (doc) { channel(doc.type); }\n")
    assert sync_function().routes({"type": "a"}) == ["a"]
    other = tmp_path / "other.js"
    other.write_text('function (doc) { channel("other"); }')
    assert sync_function(other).routes({"type": "a"}) == ["other"]
    with pytest.raises(SyncGatewayBadRequest, match="Line 2:"):
        sync_function("function (doc) {\n  channel(doc.type;\n}")


def test_a_function_of_a_collection(db, settings, tmp_path, sync_function):
    settings.SYNC_GATEWAY_BUCKET = "test_collections"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"inv": {"collections": {"a": {}, "b": {}}}}}
    settings.BASE_DIR = tmp_path
    with pytest.raises(FunctionFileError, match=r"no sync_functions/inv\.a\.js"):
        sync_function(keyspace="inv.a")
    (tmp_path / "sync_functions").mkdir()
    (tmp_path / "sync_functions/inv.a.js").write_text(INSPECTIONS)
    function = sync_function(keyspace="inv.a")
    assert function.routes(INSPECTION) == ["inspections", "inspector-alice"]
    assert function.grants(INSPECTION) == {"alice": ["inspector-alice"]}
    alice, carol = function.as_user("alice"), function.as_user("carol", ["inspections"])
    dave = function.as_user("dave", roles={"office": ["inspections"]})
    assert alice.can_write(INSPECTION)
    assert not carol.can_write(INSPECTION, old=INSPECTION)
    assert [bool(user.can_read(INSPECTION)) for user in (alice, carol, dave)] == [True] * 3
    assert not function.as_user("erin").can_read(INSPECTION)
    assert SyncGateway.get_sync_function("inv.b") == ""
