"""The tree of revisions as it is stored, ordered and pruned."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.embedded.documents.revtree import Node, RevisionTree

#: What a replicator may bring is any text.
DIGESTS = st.text('ab-"\\é<\u2028 ', min_size=1, max_size=3) | st.sampled_from(["1-a", "[", "\n"])


@st.composite
def trees(draw):
    """Branches of any form, in any order of writing."""
    tree = RevisionTree()
    for _ in range(draw(st.integers(0, 6))):
        base = draw(st.sampled_from(["", *tree.nodes]))
        new = draw(st.lists(DIGESTS, min_size=1, max_size=4))
        start = int(base.partition("-")[0]) if base else draw(st.integers(0, 12))
        chain = [f"{start + place}-{digest}" for place, digest in enumerate(new, 1)][::-1]
        if not any(rev in tree for rev in chain):
            tree.add([*chain, *([base] if base else [])], deleted=draw(st.booleans()))
    return tree


@given(trees())
def test_stored_and_read_again(tree):
    text = tree.dumps()
    again = RevisionTree.loads(text)
    # In their order too: the first is the one that was written last.
    assert list(again.nodes.items()) == list(tree.nodes.items())
    assert again.dumps() == text


@pytest.mark.parametrize("deleted", [True, False])
def test_list_of_an_earlier_version(deleted):
    """It says of no revision that it is a tombstone; the document knows of its current one."""
    tree = RevisionTree.loads('["3-c", "2-b", "1-a"]', deleted=deleted)
    assert tree.nodes == {"3-c": Node("2-b", deleted), "2-b": Node("1-a"), "1-a": Node("")}
    assert RevisionTree.loads(tree.dumps(), deleted=deleted).nodes == tree.nodes


def test_a_branch_that_wins_beside_a_tombstone_is_none():
    """Whatever the document is, what is written says for itself."""
    tree = RevisionTree.loads('["2-b", "1-a"]')
    tree.add(["3-c", "2-b"], deleted=True)
    tree.add(["1-x"])
    tree = RevisionTree.loads(tree.dumps(), deleted=False)
    assert [rev for rev in tree.nodes if tree.is_deleted(rev)] == ["3-c"]


def test_only_the_revision_that_is_added_is_a_tombstone():
    tree = RevisionTree()
    tree.add(["3-c", "2-b", "1-a"], deleted=True)
    assert [rev for rev in tree.nodes if tree.is_deleted(rev)] == ["3-c"]


def test_a_history_without_branches_is_a_list_of_ids():
    """As short as can be: it is read and written with every edit."""
    tree = RevisionTree()
    tree.add(["3-c", "2-b", "1-a"])
    assert tree.dumps() == '["3-c","2-b","1-a"]'
    tree.add(["4-d", "3-c"], deleted=True)
    assert json.loads(tree.dumps()) == [["4-d", "3-c", 1], "3-c", "2-b", "1-a"]


@given(trees())
def test_leaves(tree):
    leaves = tree.leaves()
    assert {rev for rev in tree.nodes if tree.is_leaf(rev)} == set(leaves)
    assert set(leaves) == set(tree.nodes) - {node.parent for node in tree.nodes.values()}
    assert all(any(rev in tree.history(leaf) for leaf in leaves) for rev in tree.nodes)


@pytest.mark.parametrize(("winner", "others"), [
    ("2-a", ["1-z"]),
    ("10-a", ["9-z"]),
    ("2-b", ["2-a"]),
    ("2-ab", ["2-a"]),
    ("1-a", ["!9-z"]),
    ("!10-a", ["!9-z"]),
    ("!2-b", ["!2-a", "!1-c"]),
    ("2-a-b", ["2-a"]),
])  # fmt: skip
def test_winner(winner, others):
    """Alive before dead (!), then the higher generation, then the higher digest."""
    for order in ([winner, *others], [*others, winner]):
        tree = RevisionTree()
        for rev in order:
            tree.add([rev.lstrip("!")], deleted=rev.startswith("!"))
        assert tree.leaves()[0] == winner.lstrip("!")


@given(trees(), st.integers(1, 6))
def test_pruned(tree, limit):
    before = dict(tree.nodes)
    leaves = tree.leaves()
    depths = {
        rev: min(tree.history(leaf).index(rev) for leaf in leaves if rev in tree.history(leaf))
        for rev in before
    }
    generations = {leaf: int(leaf.partition("-")[0]) for leaf in leaves}
    alive = [generations[leaf] for leaf in leaves if not before[leaf].deleted]
    over = {
        leaf
        for leaf in leaves
        if alive and before[leaf].deleted and generations[leaf] < min(alive) - limit
    }
    tree.prune(limit)
    if len(before) <= limit:
        assert tree.nodes == before
        return
    assert set(tree.leaves()) == set(leaves) - over
    for rev, node in tree.nodes.items():
        assert depths[rev] < limit
        # What remains keeps its place.
        assert node.deleted == before[rev].deleted
        assert node.parent == (before[rev].parent if before[rev].parent in tree else "")
    for rev in before.keys() - tree.nodes.keys():
        assert depths[rev] >= limit or any(
            rev in RevisionTree(before).history(leaf) for leaf in over
        )
    assert list(tree.nodes) == [rev for rev in before if rev in tree]


def test_a_branch_that_ended_long_ago_is_forgotten():
    tree = RevisionTree()
    tree.add(["2-dead", "1-dead"], deleted=True)
    tree.add(["5-a", "4-a", "3-a"])
    tree.prune(3)
    assert set(tree.leaves()) == {"5-a", "2-dead"}
    tree.add(["6-a", "5-a"])
    tree.prune(3)
    assert list(tree.nodes) == ["6-a", "5-a", "4-a"]
