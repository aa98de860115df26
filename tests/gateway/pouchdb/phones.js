// Phones with PouchDB, for tests in Python: a call is a line of JSON on standard input, its answer
// one on standard output. A phone has a `local` and a `remote` database.

import { Agent } from "node:http";
import { createInterface } from "node:readline";

import PouchDB from "pouchdb-core";
import http from "pouchdb-adapter-http";
import memory from "pouchdb-adapter-memory";
import replication from "pouchdb-replication";

import syncGatewayFetch from "../../../django_cbtools/static/django_cbtools/sync_gateway_fetch.js";

PouchDB.plugin(http).plugin(memory).plugin(replication);

// Connections are kept, as browsers keep them. (Without an agent, what PouchDB fetches with in Node
// asks for each to be closed, and then uses it again where a server does not confirm that.)
const agent = new Agent({ keepAlive: true });
const fetch = (url, options) => PouchDB.fetch(url, { ...options, agent });

const phones = {};

class Phone {
  /** `auth`: {username, password}, or null; `plain`: without what takes `_cv` away. */
  constructor(name, url, auth, plain) {
    this.local = new PouchDB(name, { adapter: "memory" });
    this.remote = new PouchDB(url, {
      fetch: plain ? fetch : syncGatewayFetch.using(fetch),
      ...(auth && { auth }),
    });
  }

  /** What happens from now on, up to the end or an error, one after the other. */
  follow(emitter, ...names) {
    this.emitter = emitter;
    this.events = [];
    this.waiting = [];
    for (const name of names) {
      emitter.on(name, (value) => this.happened(name, value));
    }
    emitter.on("error", (error) => this.happened("error", told(error)));
  }

  happened(...event) {
    this.waiting.length ? this.waiting.shift()(event) : this.events.push(event);
  }

  live(options) {
    const sync = this.local.sync(this.remote, { live: true, retry: true, ...options });
    this.follow(sync, "change", "denied", "paused", "complete");
    for (const half of [sync.push, sync.pull]) {
      // It tries again, for ever.
      half.on("paused", (error) => error && this.happened("error", told(error)));
    }
  }

  watch(options) {
    const changes = this.remote.changes({ live: true, ...options });
    this.follow(changes, "change", "complete");
  }

  event() {
    return this.events.shift() ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  cancel() {
    this.emitter?.cancel();
  }

  /** `direction`: "to" or "from" the remote database. */
  async replicate(direction, options) {
    const denied = [];
    const running = this.local.replicate[direction](this.remote, options);
    running.on("denied", (error) => denied.push(told(error)));
    return { ...(await running), denied };
  }
}

const told = ({ name, status, message, reason, result }) => ({
  name, status, message, reason, result,
});

async function answer({ phone, database, method, args }) {
  if (method === "open") {
    phones[phone] = new Phone(phone, ...args);
    return null;
  }
  if (method === "log in") {
    const [url, login] = args;
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(login) });
    return response.status;
  }
  if (method === "throw away") {
    await throwAway();
    return null;
  }
  const target = database ? phones[phone][database] : phones[phone];
  return (await target[method](...args)) ?? null;
}

async function throwAway() {
  for (const [name, phone] of Object.entries(phones)) {
    phone.cancel();
    await Promise.all([phone.local.close(), phone.remote.close()]);
    delete phones[name];
  }
}

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const call = JSON.parse(line);
  answer(call)
    .then((value) => ({ value }), (error) => ({ error: told(error) }))
    .then((reply) => process.stdout.write(JSON.stringify(reply) + "\n"));
});
input.on("close", () => Object.values(phones).forEach((phone) => phone.cancel()));
