// The notes of one user on this device, and their way to the gateway and back.
//
// Notes are in a PouchDB of this user alone, so all works without a network. Where there is one,
// they are synced. It tells of changes by the event "change", and by "logout" that this user may
// not see them any more.

"use strict";

const cookie = (name) => document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1] ?? "";

/** At most as long, in milliseconds, until the network is tried again. */
const PAUSE = 5000;

class NoteStore extends EventTarget {
  /** "waiting" for the network, "syncing", "synced", or "refused" where somebody else was first */
  state = "syncing";
  #session = null;
  #sync = null;
  #timer = 0;

  /** `user` is what offlineUser() says. */
  constructor(user, { gateway, session }) {
    super();
    this.user = user;
    this.sessionUrl = session;
    this.local = new PouchDB(`fieldnotes-${user}`);
    this.remote = new PouchDB(new URL(gateway, location).href, {
      fetch: (url, options) => this.#fetch(url, options),
      skip_setup: true,
    });
    this.local.changes({ since: "now", live: true }).on("change", () => this.#tell());
    this.start();
  }

  /** Begin to sync, or try again at once. */
  async start() {
    this.stop();
    try {
      if (!this.channel) await this.#begun();
    } catch {
      this.#is("waiting");
      this.#timer = setTimeout(() => this.start(), PAUSE);
      return;
    }
    this.#follow();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#sync?.cancel();
    this.#sync = null;
  }

  #follow() {
    const options = {
      live: true,
      retry: true,
      style: "main_only", // the gateway takes no second branch of a note
      back_off_function: (delay) => Math.min(2 * delay || 500, PAUSE),
      push: { checkpoint: "source" },
      // Its own notes, and none of the many documents that are for everybody.
      pull: {
        checkpoint: "target",
        filter: "sync_gateway/bychannel",
        query_params: { channels: this.channel },
      },
    };
    const sync = (this.#sync = this.local.sync(this.remote, options));
    let isReached = false;
    let isRefused = false;
    const tell = () => this.#is(!isReached ? "waiting" : isRefused ? "refused" : "synced");
    sync.pull.on("paused", (error) => {
      isReached = !error;
      tell();
    });
    sync.push.on("active", () => isReached && !isRefused && this.#is("syncing"));
    sync.push.on("change", ({ docs }) => docs.forEach((doc) => this.#remember(doc._id, false)));
    sync.push.on("paused", (error) => {
      isRefused = error?.status === 409; // somebody else was first
      tell();
    });
    // It ends where the gateway refuses this user, whose session of the site may be over.
    sync.on("error", () => {
      this.#is("waiting");
      this.#timer = setTimeout(() => this.start(), PAUSE);
    });
  }

  #is(state) {
    this.state = state;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  /** What PouchDB asks the gateway with: in the name of this user, or not at all. */
  async #fetch(url, options) {
    const response = await this.#ask(url, options);
    if (response.status !== 401) return response;
    this.#session = null; // it has expired
    return this.#ask(url, options);
  }

  async #ask(url, options) {
    await this.#begun();
    this.#isStillMe();
    // The gateway's answer is made of parts, which PouchDB does not read: it asks one by one then.
    if (url.includes("/_bulk_get?")) return new Response("{}", { status: 406 });
    return syncGatewayFetch(url, options);
  }

  async #begun() {
    try {
      await (this.#session ??= this.#begin());
    } catch (error) {
      this.#session = null;
      throw error;
    }
  }

  /** The site gives whoever is logged in a session of the gateway, as a cookie. */
  async #begin() {
    const headers = { "X-CSRFToken": cookie("csrftoken") };
    const response = await fetch(this.sessionUrl, { method: "POST", headers });
    this.#isStillMe();
    if (!response.ok) throw new Error(`There is no session: ${response.status}`);
    localStorage[`fieldnotes-channel-${this.user}`] = (await response.json()).name;
  }

  /** The channel of this user, whose name the site says the first time. */
  get channel() {
    return localStorage[`fieldnotes-channel-${this.user}`];
  }

  #isStillMe() {
    if (offlineUser() === this.user) return;
    this.stop();
    this.dispatchEvent(new Event("logout"));
    throw new Error("Another user is logged in.");
  }

  /** Which notes have not been sent: kept, as the notes themselves are. */
  get unsent() {
    return new Set(JSON.parse(localStorage[`fieldnotes-unsent-${this.user}`] ?? "[]"));
  }

  #remember(id, isUnsent) {
    const unsent = this.unsent;
    isUnsent ? unsent.add(id) : unsent.delete(id);
    localStorage[`fieldnotes-unsent-${this.user}`] = JSON.stringify([...unsent]);
    this.#tell();
  }

  /** All notes, the newest first. One that was changed twice has its other `versions`. */
  async all() {
    const ids = { startkey: "note_", endkey: "note_\uffff" };
    const { rows } = await this.local.allDocs({ ...ids, include_docs: true, conflicts: true });
    const notes = rows.map(({ doc }) => doc).filter(({ doc_type }) => doc_type === "note");
    for (const note of notes) {
      const revs = note._conflicts ?? [];
      note.versions = await Promise.all(revs.map((rev) => this.local.get(note._id, { rev })));
    }
    return notes
      .filter((note) => !note.st_deleted || note.versions.length)
      .sort((a, b) => String(b.written).localeCompare(String(a.written)));
  }

  /** Save what a person has entered; `photos` are blobs. `note` is the one that was changed. */
  async save(note, changes, photos = []) {
    if (!this.channel) throw new Error("The first note needs a network.");
    const now = new Date().toISOString();
    const { versions, _conflicts, ...saved } = note ?? {
      _id: `note_${crypto.randomUUID()}`,
      doc_type: "note",
      channels: [this.channel],
      written: now,
      created: now,
      st_deleted: false,
    };
    Object.assign(saved, changes, { updated: now });
    for (const photo of photos) {
      const name = `photo-${crypto.randomUUID()}.jpg`;
      (saved._attachments ??= {})[name] = { content_type: photo.type, data: photo };
    }
    // Where another version has arrived meanwhile, this one is put beside it.
    await this.local.put(saved, { force: true });
    this.#remember(saved._id, true);
  }

  photo(note, name) {
    return this.local.getAttachment(note._id, name, { rev: note._rev });
  }

  /**
   * Go on with one text of a note that was changed twice (null: with its deletion), and all photos
   * of both. The gateway has one version, and takes only what was made of that. So the others are
   * removed here.
   */
  async resolve(id, text) {
    const { _rev } = await this.remote.get(id);
    const note = await this.local.get(id, { conflicts: true });
    const revs = [note._rev, ...(note._conflicts ?? [])];
    const read = (rev) => this.local.get(id, { rev, attachments: true, binary: true });
    const versions = await Promise.all(revs.map(read));
    const theirs = versions.find((version) => version._rev === _rev);
    if (!theirs) throw new Error("There is a newer version, which is on its way.");
    const photos = Object.assign({}, ...versions.map(({ _attachments }) => _attachments));
    const updated = new Date().toISOString();
    this.#remember(id, true);
    const chosen = { text: text ?? theirs.text, st_deleted: text === null, updated };
    await this.local.put({ ...theirs, ...chosen, _attachments: photos });
    for (const rev of revs) if (rev !== _rev) await this.local.remove(id, rev);
    this.start(); // it can be sent now
  }
}
