"""The tree of a document's revisions: parents, leaves, and the leaf that wins.

The rules are Sync Gateway's: a live leaf wins over a deleted one, then the higher generation, then
the higher digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django_cbtools.canonical import generation

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Node(NamedTuple):
    """A revision's parent ('' for a root), and whether it is a tombstone."""

    parent: str
    deleted: bool = False


def order(rev: str) -> tuple[int, str]:
    """Return the key by which revisions are compared: the generation, then the digest."""
    return generation(rev), rev.partition("-")[2]


class RevisionTree:
    """The known revisions of a document, newest first."""

    def __init__(self, nodes: dict[str, Node] | None = None) -> None:
        self.nodes = nodes or {}

    @classmethod
    def loads(cls, text: str, *, deleted: bool = False) -> RevisionTree:
        """Return the tree that :meth:`dumps` wrote as JSON.

        ``deleted`` says whether the first revision is a tombstone.
        """
        items = json.loads(text)
        nodes = {}
        for item, following in zip(items, [*items[1:], ""], strict=False):
            if isinstance(item, str):
                nodes[item] = Node(following if isinstance(following, str) else following[0])
            else:
                nodes[item[0]] = Node(item[1], item[2])
        if deleted and items and isinstance(items[0], str):
            nodes[items[0]] = nodes[items[0]]._replace(deleted=True)
        return cls(nodes)

    def dumps(self) -> str:
        """Return the tree as JSON: a list of revision ids, each the child of the next one.

        A revision with another parent, or a tombstone, is written as ``[id, parent, deleted]``.
        """
        items: list[str | list[str | int]] = []
        revs = list(self.nodes)
        for rev, following in zip(revs, [*revs[1:], ""], strict=False):
            parent, deleted = self.nodes[rev]
            items.append(
                rev if parent == following and not deleted else [rev, parent, int(deleted)]
            )
        return _encode(items)

    def __contains__(self, rev: object) -> bool:
        return rev in self.nodes

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def newest(self) -> str:
        """The revision that was added last."""
        return next(iter(self.nodes))

    def is_deleted(self, rev: str) -> bool:
        return rev in self.nodes and self.nodes[rev].deleted

    def parent(self, rev: str) -> str:
        return self.nodes[rev].parent

    def leaves(self) -> list[str]:
        """Return the revisions without children, the winner first."""
        if len(self.nodes) == 1:
            return list(self.nodes)
        parents = {node.parent for node in self.nodes.values()}
        return sorted(
            (rev for rev in self.nodes if rev not in parents),
            key=lambda rev: (not self.nodes[rev].deleted, order(rev)),
            reverse=True,
        )

    def is_leaf(self, rev: str) -> bool:
        return rev in self and all(node.parent != rev for node in self.nodes.values())

    def _up(self, rev: str) -> Iterator[str]:
        while rev in self.nodes:
            yield rev
            rev = self.nodes[rev].parent

    def history(self, rev: str) -> tuple[str, ...]:
        """Return a revision and its known ancestors, newest first."""
        return tuple(self._up(rev))

    def add(self, chain: Sequence[str], *, deleted: bool = False) -> None:
        """Add a revision and its ancestors.

        ``chain`` are their ids, newest first. ``deleted`` says whether the first one is a
        tombstone. Revisions that the tree already has are not changed.
        """
        new = {}
        for rev, parent in zip(chain, [*chain[1:], ""], strict=False):
            if rev in self:
                break
            new[rev] = Node(parent, deleted and rev == chain[0])
        self.nodes = {**new, **self.nodes}

    def prune(self, limit: int) -> None:
        """Forget old revisions.

        These are the revisions that are ``limit`` or more generations away from every leaf, and
        deleted branches that ended more than ``limit`` generations before the live ones.
        """
        if len(self) <= limit:
            return
        leaves = self.leaves()
        kept = {rev for leaf in leaves for rev in _first(self._up(leaf), limit)}
        alive = [generation(leaf) for leaf in leaves if not self.nodes[leaf].deleted]
        if alive:
            for leaf in leaves:
                if self.nodes[leaf].deleted and generation(leaf) < min(alive) - limit:
                    kept.difference_update(self._up(leaf))
        self.nodes = {
            rev: node if node.parent in kept else node._replace(parent="")
            for rev, node in self.nodes.items()
            if rev in kept
        }


def _first(revs: Iterable[str], count: int) -> Iterator[str]:
    return (rev for _, rev in zip(range(count), revs, strict=False))
