/*
 * What {% offline %} puts into a page: it has the browser install the manifest's service worker.
 *
 * offlineUser() says whose documents a page may show, also where it was kept and there is no
 * network: a text that is the same whenever this user is logged in, "" where nobody is. The
 * middleware django_cbtools.contrib.offline.middleware.offline_user keeps it in a cookie.
 */
(function () {
  "use strict";

  const { worker, scope } = document.currentScript.dataset;
  // Where there is none (an old browser, or plain HTTP), the page works with the network alone.
  navigator.serviceWorker?.register(worker, { scope, updateViaCache: "none" });

  globalThis.offlineUser = () => document.cookie.match(/(?:^|; )offline_user=(\w*)/)?.[1] ?? "";
})();
