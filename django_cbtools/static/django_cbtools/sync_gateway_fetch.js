/*
 * PouchDB's door to Sync Gateway 4, and to the embedded gateway, which answers as that one does.
 *
 * Their documents carry a member `_cv` (a version) beside `_rev`. PouchDB refuses a document with a
 * member it does not know whose name begins with an underscore, and so would not sync at all. This
 * is `fetch` without that member:
 *
 *     <script src="{% static 'django_cbtools/sync_gateway_fetch.js' %}"></script>
 *     <script>
 *       const remote = new PouchDB("https://sync.example.com:4984/news", {
 *         fetch: syncGatewayFetch,
 *         auth: {username: "alice", password: "..."},
 *       });
 *       new PouchDB("news").sync(remote, {live: true, retry: true, style: "main_only"});
 *     </script>
 *
 * The style is for conflicts: the gateway takes no revision of another branch than its own, not
 * even one that resolves a conflict by deleting that branch.
 *
 * Imported by a module in a browser, this file makes the same global. For a bundler, and in Node 18
 * or newer, the function is what it exports: its default export, or what require() gives.
 *
 * Who is asking: PouchDB sends `auth` with each request. Without it, the browser sends the
 * gateway's session cookie, which a page of the same origin gets by a POST of {name, password} to
 * /news/_session, or from a server that asks the admin API for it. A page of another origin has to
 * be named in the gateway's CORS settings.
 *
 * What is the same: everything but json(). Status, headers, url, text(), blob(), arrayBuffer() and
 * body are what the gateway sent, so that an attachment is read byte for byte, and nothing is read
 * before it is asked for. A member `_cv` deeper in a document is the document's own, and stays.
 */
(function () {
  "use strict";

  /** The documents in an answer, wherever an answer of Sync Gateway has them. */
  function documents(answer) {
    if (Array.isArray(answer)) {
      return answer.map((row) => row.ok); // open_revs
    }
    if ("_id" in answer) {
      return [answer];
    }
    const rows = answer.rows || answer.results; // _all_docs and views; _changes and _bulk_get
    if (!Array.isArray(rows)) {
      return [];
    }
    return rows.flatMap((row) => row.doc || (row.docs || []).map((inner) => inner.ok));
  }

  function withoutVersions(answer) {
    if (answer !== null && typeof answer === "object") {
      for (const document of documents(answer)) {
        delete document?._cv;
      }
    }
    return answer;
  }

  /** A fetch by way of another one: in Node, PouchDB needs PouchDB.fetch for attachments. */
  function using(fetch) {
    return async function (url, options) {
      const response = await fetch(url, options);
      const json = response.json;
      response.json = async () => withoutVersions(await json.call(response));
      return response;
    };
  }

  const syncGatewayFetch = using((url, options) => globalThis.fetch(url, options));
  syncGatewayFetch.using = using;

  if (typeof module === "object" && module.exports) {
    module.exports = syncGatewayFetch;
  } else {
    globalThis.syncGatewayFetch = syncGatewayFetch;
  }
})();
