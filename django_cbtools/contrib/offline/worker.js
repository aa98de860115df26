/*
 * The service worker of django_cbtools.contrib.offline. The view that serves it writes the manifest
 * above: `offline`, with the URLs of `files` and `pages`, `fallback`, `network`, `scope`, `name`,
 * and a `version` that changes whenever a file does. Browsers then find another worker here, and
 * install it.
 *
 * What it keeps: the manifest's files and pages, asked for without cookies. So nothing that is kept
 * is of any user. What it never touches: requests that write, and what the manifest leaves to the
 * network, such as the gateway.
 */
"use strict";

/** Another site of this origin may have a manifest of that name. */
const PREFIX = `offline ${offline.scope} ${offline.name} `;
const CACHE = PREFIX + offline.version;
/** How long the network may take for a page that is kept, in milliseconds. */
const PATIENCE = 5000;
/** What a proxy answers where the site behind it does not. */
const UNREACHABLE = [502, 503, 504];

const absolute = (url) => new URL(url, location).href;
const files = new Set(offline.files.map(absolute));
const pages = new Map(offline.pages.map((url) => [new URL(url, location).pathname, url]));
const fallbacks = Object.entries(offline.fallback).sort(([a], [b]) => b.length - a.length);

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("fetch", (event) => {
  const answer = event.request.method === "GET" && answerTo(event);
  if (answer) event.respondWith(answer);
});

async function install() {
  const cache = await caches.open(CACHE);
  const urls = new Set([...offline.files, ...offline.pages, ...Object.values(offline.fallback)]);
  try {
    await Promise.all(Array.from(urls, (url) => keep(cache, url)));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
  await skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await clients.claim();
}

/** As anybody gets it: without cookies, and no page that one has to log in for. */
async function keep(cache, url) {
  // A page is never what the browser may have had of it for somebody.
  const cached = offline.files.includes(url) ? "no-cache" : "no-store";
  const response = await fetch(url, { credentials: "omit", cache: cached, redirect: "error" });
  if (!response.ok) throw new Error(`${url} cannot be kept: ${response.status}`);
  await cache.put(url, response);
}

async function kept(url) {
  const cache = await caches.open(CACHE);
  return cache.match(url, { ignoreVary: true });
}

/** The answer that is promised, or nothing: the browser then asks the network by itself. */
function answerTo(event) {
  const { request } = event;
  const url = new URL(request.url);
  const address = url.origin === location.origin ? url.pathname : url.href;
  if (files.has(url.origin + url.pathname + url.search)) return file(request);
  if (offline.network.some((each) => each !== "*" && address.startsWith(each))) return undefined;
  const page = request.mode === "navigate" ? pages.get(address) : undefined;
  // What a script fetches by itself fails as it does without a worker.
  const isShown = request.mode === "navigate" || request.destination === "image";
  const instead = isShown && fallbacks.find(([start]) => address.startsWith(start))?.[1];
  if (page) return networkFirst(event, page, PATIENCE);
  if (instead) return networkFirst(event, instead);
  return offline.network.includes("*") ? undefined : Response.error();
}

async function file(request) {
  return (await kept(request.url)) ?? fetch(request);
}

/** What the network has, else what is kept. */
async function networkFirst(event, url, patience) {
  const asked = fetch(event.request);
  try {
    const response = await (patience ? Promise.race([asked, late(patience)]) : asked);
    if (UNREACHABLE.includes(response.status)) return (await kept(url)) ?? response;
    if (response.ok && patience) event.waitUntil(refresh(url).catch(() => undefined));
    return response;
  } catch {
    return (await kept(url)) ?? asked;
  }
}

const late = (time) => new Promise((_, reject) => setTimeout(reject, time));

/** Keep a page as it is now, unless another version is on its way, whose files it may need. */
async function refresh(url) {
  await registration.update();
  if (!registration.installing && !registration.waiting) await keep(await caches.open(CACHE), url);
}
