// Shows what happens to documents, as the server tells it by server-sent events. See
// templates/dashboard/dashboard.html.

const ROWS = 20;
const AGAIN = 30000; // milliseconds before a server is asked again that had no room

const live = document.getElementById("live");
const status = document.getElementById("status");
const pause = document.getElementById("pause");
const rows = document.getElementById("events");
const minutes = document.getElementById("minutes");
const MINUTES = minutes.children.length;
let since = live.dataset.since, source;

const say = (text) => { if (status.textContent !== text) status.textContent = text; };

function connect() {
  source = new EventSource(`${live.dataset.stream}?since=${since}`);
  source.onopen = () => say("Live.");
  source.onmessage = (message) => {
    since = message.lastEventId;
    show(JSON.parse(message.data));
  };
  source.onerror = () => {
    // The browser comes back by itself, unless the server has refused it.
    const isRefused = source.readyState === EventSource.CLOSED;
    say(isRefused ? "The server has refused, for want of room perhaps. It is asked again soon." : "The connection is lost. Trying again.");
    if (isRefused) setTimeout(() => { if (pause.ariaPressed === "false") connect(); }, AGAIN);
  };
}

function show(event) {
  const row = document.getElementById("event").content.cloneNode(true);
  const time = row.querySelector("time"), link = row.querySelector("a");
  time.dateTime = event.moment;
  time.textContent = new Date(event.moment).toISOString().slice(11, 19);
  link.textContent = event.title;
  if (event.url) link.href = event.url;
  row.querySelector("small").textContent = event.kind;
  const [, what, who] = row.querySelectorAll("td");
  what.textContent = event.what;
  who.textContent = event.who || "a phone, or a program";
  rows.prepend(row);
  while (rows.children.length > ROWS) rows.lastElementChild.remove();
  document.getElementById("none").hidden = true;
  count(new Date(event.moment));
  if (event.place) {
    const [lon, lat] = event.place;
    const detail = { lon, lat, name: event.title, url: event.url };
    live.querySelector(".map").dispatchEvent(new CustomEvent("point", { detail }));
  }
}

const key = (moment) => moment.toISOString().slice(0, 16);

// The chart goes on with the time, also where nothing happens.
function advance() {
  const now = Date.now();
  for (let ago = MINUTES - 1; ago >= 0; ago--) {
    const minute = new Date(now - ago * 60000);
    if (minutes.querySelector(`[data-minute="${key(minute)}"]`)) continue;
    if (minutes.firstElementChild.dataset.minute > key(minute)) continue;
    const item = minutes.firstElementChild.cloneNode(true);
    item.dataset.minute = key(minute);
    const time = item.querySelector("time");
    time.dateTime = minute.toISOString();
    time.textContent = key(minute).slice(11);
    item.querySelector(".number").textContent = 0;
    minutes.prepend(item);
  }
  while (minutes.children.length > MINUTES) minutes.lastElementChild.remove();
  draw();
}

function count(moment) {
  advance();
  const number = minutes.querySelector(`[data-minute="${key(moment)}"] .number`);
  if (number) number.textContent = +number.textContent + 1;
  draw();
}

function draw() {
  const items = [...minutes.children];
  const counts = items.map((item) => +item.querySelector(".number").textContent);
  const most = Math.max(1, ...counts);
  items.forEach((item, i) =>
    item.querySelector(".bar").style.setProperty("--percent", `${(100 * counts[i]) / most}%`));
}

pause.addEventListener("click", () => {
  const isPaused = pause.ariaPressed !== "true";
  pause.ariaPressed = isPaused;
  if (isPaused) {
    source.close();
    say("Paused. What happens meanwhile is shown when you go on.");
  } else connect();
});

pause.hidden = false;
setInterval(advance, 5000);
connect();
