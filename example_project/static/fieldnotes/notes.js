// The page of the field notes: a form, and the notes on this device.
//
// Other devices may have written anything, so texts are put in as texts, and photos are shown only
// where their type is one of pictures that hold no script.

"use strict";

const STATES = {
  waiting: "No network: notes are kept here",
  syncing: "Syncing…",
  synced: "All notes are synced",
  refused: "A note has been changed elsewhere",
};
const PICTURES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const LONGEST = 1600; // pixels of a photo

const $ = (id) => document.getElementById(id);
const shown = new Map(); // notes by id, as they stand in the list
let store = null;
let edited = null;

/** Whatever fails is said where a person looks. */
function saying(work) {
  return async (event) => {
    event?.preventDefault();
    $("problem").textContent = "";
    try {
      await work(event);
    } catch (error) {
      $("problem").textContent = error.name === "TypeError" || error.status
        ? "This needs the network. Try again when there is one."
        : error.message;
    }
  };
}

function begin() {
  const user = offlineUser();
  $("logged-out").hidden = Boolean(user);
  $("logged-in").hidden = !user;
  if (!user) return;
  store = new NoteStore(user, $("logged-in").dataset);
  store.addEventListener("change", show);
  store.addEventListener("logout", () => location.reload());
  addEventListener("online", () => store.start());
  // Somebody may have logged out, or in, in another window.
  addEventListener("focus", () => offlineUser() !== user && location.reload());
  $("form").addEventListener("submit", saying(save));
  $("cancel").addEventListener("click", () => edit(null));
  $("log-out").addEventListener("submit", logOut);
  show();
}

// ---------------------------------------------------------------- the list

let isShowing = false;
let isOutdated = false;

/** Show the notes as they are; one after the other, however many changes there are. */
async function show() {
  isOutdated = true;
  if (isShowing) return;
  isShowing = true;
  while (isOutdated) {
    isOutdated = false;
    await showAll();
  }
  isShowing = false;
}

async function showAll() {
  const notes = await store.all();
  const unsent = store.unsent;
  const places = notes.map((note) => placeOf(note, unsent.has(note._id)));
  for (const [id, { place, urls }] of shown) {
    if (places.includes(place)) continue;
    place.remove();
    urls.forEach(URL.revokeObjectURL);
    if (!notes.some((note) => note._id === id)) shown.delete(id);
  }
  places.forEach((place, index) => {
    if ($("notes").children[index] !== place) {
      $("notes").insertBefore(place, $("notes").children[index] ?? null);
    }
  });
  $("none").hidden = notes.length > 0;
  $("state").textContent = STATES[store.state];
  document.documentElement.dataset.state = store.state;
}

/** The place of a note in the list; it stays while the note is the same. */
function placeOf(note, isUnsent) {
  const key = JSON.stringify([note, isUnsent]);
  const known = shown.get(note._id);
  if (known?.key === key) return known.place;
  const place = $("note").content.firstElementChild.cloneNode(true);
  const urls = [];
  known?.place.replaceWith(place);
  known?.urls.forEach(URL.revokeObjectURL);
  shown.set(note._id, { key, place, urls });
  fill(place, note, isUnsent, urls);
  return place;
}

function fill(place, note, isUnsent, urls) {
  const part = (selector) => place.querySelector(selector);
  const airport = airportOf(note);
  part(".airport").textContent = airport ? `${airport} · ` : "";
  const written = new Date(note.written);
  const isMoment = !Number.isNaN(written.valueOf());
  part("time").textContent = isMoment ? written.toLocaleString() : "";
  part("time").dateTime = isMoment ? written.toISOString() : "";
  part(".unsent").hidden = !isUnsent;
  part(".text").textContent = note.text;
  part(".edit").addEventListener("click", () => edit(note));
  part(".delete").addEventListener("click", saying(() => store.save(note, { st_deleted: true })));
  const isTwo = note.versions.length > 0;
  part(".versions").hidden = !isTwo;
  part(".text").hidden = part(".actions").hidden = isTwo;
  if (isTwo) fillVersions(place, note);
  for (const [name, { content_type }] of Object.entries(note._attachments ?? {})) {
    if (PICTURES.includes(content_type)) addPhoto(part(".photos"), note, name, urls);
  }
}

function fillVersions(place, note) {
  const texts = [note, ...note.versions].map(({ text, st_deleted }) => (st_deleted ? null : text));
  for (const text of new Set(texts)) {
    const item = document.createElement("li");
    const quote = document.createElement("q");
    const button = document.createElement("button");
    quote.textContent = text ?? "(deleted)";
    button.type = "button";
    button.textContent = "Keep this one";
    button.addEventListener("click", saying(() => store.resolve(note._id, text)));
    item.append(quote, button);
    place.querySelector(".versions ul").append(item);
  }
  const both = [...new Set(texts)].filter(Boolean).join("\n\n");
  const keepBoth = saying(() => store.resolve(note._id, both));
  place.querySelector(".both").addEventListener("click", keepBoth);
}

async function addPhoto(list, note, name, urls) {
  const image = document.createElement("img");
  image.alt = "Photo";
  list.append(image);
  const blob = await store.photo(note, name);
  const url = URL.createObjectURL(new Blob([blob], { type: blob.type }));
  urls.push(url);
  image.src = url;
}

const airportOf = (note) => String(note.airport_uid ?? "").replace(/^apt_/, "");

// ---------------------------------------------------------------- the form

async function save() {
  const airport = $("airport").value.trim().toUpperCase();
  const photos = await Promise.all(Array.from($("photos").files, smaller));
  const changes = { airport_uid: airport ? `apt_${airport}` : null, text: $("text").value };
  await store.save(edited, changes, photos);
  edit(null);
}

/** Put a note into the form, or nothing. */
function edit(note) {
  edited = note;
  $("form").reset();
  $("airport").value = note ? airportOf(note) : "";
  $("text").value = note?.text ?? "";
  $("form-title").textContent = note ? "Edit the note" : "New note";
  $("cancel").hidden = !note;
  if (note) $("text").focus();
}

/** A photo as a JPEG of moderate size, without what a camera writes into it, such as the place. */
async function smaller(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is no picture that this browser can read.`);
  });
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
}

function logOut(event) {
  const question = "Some notes are only on this device, which keeps them. Log out?";
  if (store.unsent.size && !confirm(question)) {
    event.preventDefault();
    return;
  }
  store.stop();
  event.target.elements.csrfmiddlewaretoken.value = cookie("csrftoken");
}

begin();
