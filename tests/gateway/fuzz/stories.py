"""Requests that make sense one after the other, sent while others do something else: what single
random requests seldom come to."""

from __future__ import annotations

import base64
from urllib.parse import quote

from tests.gateway.fuzz.bodies import SYNC_FUNCTIONS, VIEW_FUNCTIONS
from tests.gateway.fuzz.grammar import JSON, Grammar
from tests.gateway.fuzz.known import DATABASE, KEYSPACES
from tests.gateway.fuzz.wire import Request

HELLO = f'{{"file":{{"data":"{base64.b64encode(b"hello " * 50_000).decode()}"}}}}'


def draw(grammar: Grammar) -> list[Request]:
    """One of the stories."""
    story = grammar.random.choice([resync, views, moves, branches, oblivion])
    return story(grammar)


def resync(grammar: Grammar) -> list[Request]:
    """Another sync function, and what it makes of the documents that are there."""
    keyspace = _keyspace(grammar)
    database = keyspace.partition(".")[0]
    function = grammar.random.choice(SYNC_FUNCTIONS[:4]).encode()
    query = f"action=start&regenerate_sequences={grammar.flag_value()}"
    return [
        Request("admin", "POST", f"/{database}/_offline", JSON, b"{}"),
        Request("admin", "PUT", f"/{keyspace}/_config/sync", {}, function),
        Request("admin", "POST", f"/{database}/_resync?{query}", JSON, b"{}"),
        Request("admin", "GET", f"/{database}/_resync", {}),
        Request("admin", "POST", f"/{database}/_online", JSON, b"{}"),
        Request("admin", "GET", f"/{keyspace}/_changes?since=0", {}),
    ]


def views(grammar: Grammar) -> list[Request]:
    """A design document that changes while it is queried, by others too."""
    keyspace = _keyspace(grammar)
    design = f"/{keyspace}/_design/{grammar.random.choice('yz')}"
    requests = []
    for stale in ("false", "update_after", "ok"):
        functions = grammar.random.choices(VIEW_FUNCTIONS[:5], k=2)
        views = grammar.object({
            name: grammar.object({"map": grammar.quoted(function), "reduce": '"_count"'}, spare=0.2)
            for name, function in zip("vw", functions, strict=True)
        })  # fmt: skip
        uid = grammar.known.uid(grammar.random)
        write = f"/{keyspace}/{quote(uid, safe='')}"
        requests += [
            Request("admin", "PUT", design, JSON, b'{"views":%s}' % views.encode()),
            Request("admin", "PUT", write, JSON, _bytes(grammar.document(uid))),
            Request("admin", "GET", f"{design}/_view/v?stale={stale}&reduce=false", {}),
            Request("admin", "GET", f"{design}/_view/w?stale={stale}&group=true", {}),
        ]
    return [*requests, Request("admin", "DELETE", design, {})]


def moves(grammar: Grammar) -> list[Request]:
    """A database goes, and another has its documents, or some of them."""
    scopes = '"scopes":{"own":{"collections":{%s}}}'
    some = [scopes % '"things":{}', scopes % '"more":{}', scopes % '"things":{},"more":{}']
    first, second, third = (grammar.random.choice(some).encode() for _ in range(3))
    other = grammar.random.choice(["third", "other"])
    body = b'{"channels":["a"],"to":"alice","grant":["a"]}'
    return [
        Request("admin", "DELETE", "/third/", {}),
        Request("admin", "DELETE", "/other/", {}),
        Request("admin", "PUT", f"/{other}/", JSON, b'{"bucket":"third",%s}' % first),
        Request("admin", "POST", f"/{other}.own.things/", JSON, body),
        Request("admin", "POST", f"/{other}.own.more/", JSON, body),
        Request("admin", "PUT", f"/{other}/_config", JSON, b"{%s}" % second),
        Request("admin", "POST", f"/{other}.own.things/", JSON, body),
        Request("admin", "POST", f"/{other}.own.more/", JSON, body),
        Request("admin", "DELETE", f"/{other}/", {}),
        Request("admin", "PUT", "/third/", JSON, b'{"bucket":"third",%s}' % third),
        Request("admin", "POST", "/third.own.more/", JSON, body),
    ]


def branches(grammar: Grammar) -> list[Request]:
    """A document with several branches, all but one of which end, and are forgotten in the end."""
    uid = grammar.text() if grammar.chance(0.1) else f"b{grammar.random.randrange(10)}"
    place = f"/{_keyspace(grammar)}/{quote(uid, safe='', errors='surrogatepass') or 'x'}"
    chains = [
        (["a"], ""), (["b", "a"], '"_deleted":true,'),
        (["c"], ""), (["d", "c"], '"_deleted":true,'),
        (["e"], ""), ([f"f{number}" for number in range(60)] + ["e"], ""), (["g", "a"], ""),
    ]  # fmt: skip
    if grammar.chance(0.3):
        grammar.random.shuffle(chains)
    requests = []
    for ids, deleted in chains:
        names = ",".join(f'"{name}"' for name in ids)
        held = HELLO if grammar.chance(0.7) else '{"file":{"stub":true}}'
        revisions = f'"_revisions":{{"start":{len(ids)},"ids":[{names}]}}'
        body = f'{{{deleted}{revisions},"_attachments":{held}}}'
        requests.append(Request("admin", "PUT", f"{place}?new_edits=false", JSON, body.encode()))
    return [*requests, Request("admin", "GET", f"{place}?open_revs=all", {})]


def oblivion(grammar: Grammar) -> list[Request]:
    """Old revisions are forgotten, and then kept again; attachments are looked through."""
    config = f"/{DATABASE}/_config"
    uid = grammar.known.uid(grammar.random)
    rev = grammar.known.rev(grammar.random, uid)
    place = f"/{DATABASE}/{quote(uid, safe='')}"
    purge = grammar.object({grammar.known.uid(grammar.random): '["*"]'})
    return [
        Request("admin", "POST", config, JSON, b'{"old_rev_expiry_seconds":0}'),
        Request("admin", "PUT", f"{place}/file?rev={quote(rev, safe='')}", {}, b"hello"),
        Request("admin", "POST", f"/{DATABASE}/_purge", JSON, _bytes(purge)),
        Request("admin", "POST", f"/{DATABASE}/_compact?type=attachment", JSON, b"{}"),
        Request("admin", "POST", config, JSON, b'{"old_rev_expiry_seconds":4000000000}'),
        Request("admin", "GET", f"{place}?rev={quote(rev, safe='')}&attachments=true", {}),
        Request("admin", "GET", f"{place}/file?rev={quote(rev, safe='')}", {}),
        Request("admin", "POST", config, JSON, b'{"old_rev_expiry_seconds":300}'),
    ]


def _keyspace(grammar: Grammar) -> str:
    return grammar.random.choices([*KEYSPACES], [*KEYSPACES.values()])[0]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
