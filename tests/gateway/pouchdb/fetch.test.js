// The fetch wrapper alone, with a server that answers what Sync Gateway 4.2 does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { runInNewContext } from "node:vm";

import syncGatewayFetch from "../../../django_cbtools/static/django_cbtools/sync_gateway_fetch.js";

const FILE = new URL(
  "../../../django_cbtools/static/django_cbtools/sync_gateway_fetch.js", import.meta.url,
);
const CV = "18e9e84143460000@OdHLqg/MIdT9jcVZm+tjMQ";

/** A document as the gateway sends it, or as PouchDB is to see it. */
const doc = (sent) => ({
  _id: "d",
  _rev: "1-a",
  ...(sent && { _cv: CV }),
  nested: { _cv: "the document's own" },
  rows: [{ doc: { _cv: "the document's own" } }],
  results: [{ doc: { _cv: "the document's own" } }],
});

const ANSWERS = {
  "a document": doc,
  "open_revs": (sent) => [{ ok: doc(sent) }, { missing: "9-a" }, { ok: doc(sent) }],
  "_bulk_get": (sent) => ({
    results: [
      { id: "d", docs: [{ ok: doc(sent) }] },
      { id: "none", docs: [{ error: { id: "none", error: "not_found" } }] },
    ],
  }),
  "_all_docs": (sent) => ({
    rows: [
      { key: "d", id: "d", value: { rev: "1-a", cv: CV }, doc: doc(sent) },
      { key: "d", id: "d", value: { rev: "1-a" } },
      { key: "none", error: "not_found", status: 404 },
    ],
    total_rows: 1,
  }),
  "_changes": (sent) => ({
    results: [
      { seq: 1, id: "d", changes: [{ rev: "1-a" }], doc: doc(sent) },
      { seq: "2:1", id: "_user/alice", changes: [] },
      { seq: 3, id: "e", deleted: true, changes: [{ rev: "2-b" }], doc: null },
    ],
    last_seq: "3",
  }),
  "a write": () => ({ id: "d", ok: true, rev: "1-a", cv: CV }),
  "_bulk_docs": () => [{ id: "d", rev: "1-a", cv: CV }, { id: "e", error: "conflict", status: 409 }],
  "_revs_diff": () => ({ d: { missing: ["1-a"], possible_ancestors: [] } }),
  "the database": () => ({ db_name: "db", update_seq: 5, results: "no list" }),
  "an empty object": () => ({}),
  "an empty list": () => [],
  "null": () => null,
  "a number": () => 5,
  "a text": () => "_cv",
};

let server, base;

before(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url, "http://x");
    const send = (status, type, body) => {
      response.writeHead(status, { "Content-Type": type, Etag: '"1-a"' });
      response.end(body);
    };
    const name = url.searchParams.get("answer");
    if (name) {
      send(200, "application/json", JSON.stringify(ANSWERS[name](true)));
    } else if (url.pathname === "/moved") {
      response.writeHead(302, { Location: "/?answer=a%20document" }).end();
    } else if (url.pathname === "/error") {
      send(409, "application/json", '{"error": "conflict", "reason": "Document exists"}');
    } else if (url.pathname === "/broken") {
      send(200, "application/json", '{"_id": ');
    } else if (url.pathname === "/longpoll") {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.write("\n\n"); // heartbeats
      response.end(JSON.stringify(ANSWERS._changes(true)));
    } else if (url.pathname === "/waits") {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.write("\n");
    } else if (url.pathname === "/echo") {
      const { method, headers } = request;
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
        const body = Buffer.concat(chunks).toString();
        send(201, "application/json", JSON.stringify({ method, login: headers.authorization, body }));
      });
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

async function streamed(response) {
  const chunks = [];
  for await (const chunk of response.body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const urlOf = (name) => `${base}/?answer=${encodeURIComponent(name)}`;

for (const [name, answer] of Object.entries(ANSWERS)) {
  test(`json() of ${name} has no version of a document`, async () => {
    const response = await syncGatewayFetch(urlOf(name));
    assert.deepEqual(await response.json(), answer(false));
  });

  test(`${name} is otherwise as it was sent`, async () => {
    const sent = JSON.stringify(answer(true));
    const read = async (how) => how(await syncGatewayFetch(urlOf(name)));
    assert.equal(await read((r) => r.text()), sent);
    assert.equal(Buffer.from(await read((r) => r.arrayBuffer())).toString(), sent);
    assert.equal(await read(async (r) => (await r.blob()).text()), sent);
    assert.equal((await read(streamed)).toString(), sent);
  });
}

test("the answer is fetch's own", async () => {
  const response = await syncGatewayFetch(`${base}/moved`);
  assert.ok(response instanceof Response);
  assert.equal(response.ok, true);
  assert.equal(response.status, 200);
  assert.equal(response.redirected, true);
  assert.equal(response.url, urlOf("a document"));
  assert.equal(response.headers.get("etag"), '"1-a"');
  assert.equal(response.bodyUsed, false);
  assert.equal((await response.json())._cv, undefined);
  assert.equal(response.bodyUsed, true);
  await assert.rejects(response.json(), TypeError);
});

test("HEAD has no body, and none is read", async () => {
  const response = await syncGatewayFetch(urlOf("a document"), { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
});

test("an error is an answer", async () => {
  const response = await syncGatewayFetch(`${base}/error`);
  assert.equal(response.ok, false);
  assert.equal(response.status, 409);
  assert.deepEqual(await response.json(), { error: "conflict", reason: "Document exists" });
});

test("what is no JSON is refused as fetch does", async () => {
  await assert.rejects((await syncGatewayFetch(`${base}/broken`)).json(), SyntaxError);
});

test("a long poll's heartbeats are no harm", async () => {
  const response = await syncGatewayFetch(`${base}/longpoll`);
  assert.deepEqual(await response.json(), ANSWERS._changes(false));
});

test("an answer is there before its body is, and a request can be given up", async () => {
  const controller = new AbortController();
  const response = await syncGatewayFetch(`${base}/waits`, { signal: controller.signal });
  assert.equal(response.status, 200);
  controller.abort();
  await assert.rejects(response.json(), { name: "AbortError" });
});

test("what cannot be reached is fetch's error", async () => {
  await assert.rejects(syncGatewayFetch("http://127.0.0.1:1/"), TypeError);
});

test("options are handed on", async () => {
  const response = await syncGatewayFetch(`${base}/echo`, {
    method: "PUT",
    headers: { Authorization: "Basic YTpi" },
    body: JSON.stringify({ _cv: CV }),
  });
  assert.deepEqual(await response.json(), {
    method: "PUT", login: "Basic YTpi", body: `{"_cv":"${CV}"}`,
  });
});

test("another fetch can be used", async () => {
  const asked = [];
  const other = (...args) => {
    asked.push(args);
    return Promise.resolve(new Response(JSON.stringify(doc(true))));
  };
  const response = await syncGatewayFetch.using(other)("/d", { method: "GET" });
  assert.deepEqual(await response.json(), doc(false));
  assert.deepEqual(asked, [["/d", { method: "GET" }]]);
});

test("as a script, it is a global", () => {
  const page = {};
  runInNewContext(readFileSync(FILE, "utf8"), page);
  assert.equal(typeof page.syncGatewayFetch, "function");
  assert.equal(typeof page.syncGatewayFetch.using, "function");
});
