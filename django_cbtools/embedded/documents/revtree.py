"""The tree of a document's revisions: parents, leaves, and the leaf that wins.

The rules are Sync Gateway's: a live leaf wins over a deleted one, then the higher generation, then
the higher digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django_cbtools.canonical import generation


class Node(NamedTuple):
    """A revision's parent ('' for a root), and whether it is a tombstone."""

    parent: str
    deleted: bool = False


def order(rev: str) -> tuple[int, str]:
    """The key by which revisions are compared."""
    return generation(rev), rev.partition("-")[2]


class RevisionTree:
    """The known revisions of a document, newest first."""

    def __init__(self, nodes: dict[str, Node] | None = None) -> None:
        self.nodes = nodes or {}

    @classmethod
    def loads(cls, text: str, *, deleted: bool = False) -> RevisionTree:
        """The tree from the JSON of :meth:`dumps`; ``deleted``: whether its first revision is."""
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
        """JSON: a list of ids, each the child of the next one. Other revisions are written as
        [id, parent, deleted]."""
        items: list[str | list[str | int]] = []
        revs = list(self.nodes)
        for rev, following in zip(revs, [*revs[1:], ""], strict=False):
            parent, deleted = self.nodes[rev]
            items.append(
                rev if parent == following and not deleted else [rev, parent, int(deleted)]
            )
        return json.dumps(items, separators=(",", ":"), ensure_ascii=False)

    def __contains__(self, rev: object) -> bool:
        return rev in self.nodes

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def newest(self) -> str:
        """The revision added last."""
        return next(iter(self.nodes))

    def is_deleted(self, rev: str) -> bool:
        return rev in self.nodes and self.nodes[rev].deleted

    def parent(self, rev: str) -> str:
        return self.nodes[rev].parent

    def leaves(self) -> list[str]:
        """The revisions without children, the winner first."""
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
        """A revision and its known ancestors, newest first."""
        return tuple(self._up(rev))

    def add(self, chain: Sequence[str], *, deleted: bool = False) -> None:
        """Add a revision with its history, newest first; ``deleted`` belongs to the first one.

        Revisions that are known stay as they are.
        """
        new = {}
        for rev, parent in zip(chain, [*chain[1:], ""], strict=False):
            if rev in self:
                break
            new[rev] = Node(parent, deleted and rev == chain[0])
        self.nodes = {**new, **self.nodes}

    def prune(self, limit: int) -> None:
        """Forget revisions that are ``limit`` or more above every leaf, and deleted branches that
        ended more than ``limit`` generations below the live ones."""
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
