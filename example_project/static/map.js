// Draws <figure class="map">: the world's outline, and points on it. See templates/airports/map.html.

const MIN_SPAN = 8; // degrees: one point alone is shown with what is around it
const TURNS = [-360, 0, 360]; // the world is drawn three times, for maps across the date line
const MOST = 500; // points that a page adds: the oldest go
const REACH = 14; // pixels around a point in which it is meant

const json = async (url) => (await fetch(url)).json();

const wrap = (lon) => ((lon + 540) % 360) - 180;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The smallest box around [longitude, latitude] pairs: it leaves out the widest empty gap between
// two longitudes, wherever on the globe that is.
function boxAround(places) {
  if (!places.length) return { lon: 0, lat: 20, width: 360, height: 150 };
  const lons = places.map(([lon]) => lon).sort((a, b) => a - b);
  const lats = places.map(([, lat]) => lat).sort((a, b) => a - b);
  let gap = 0, west = lons[0];
  lons.forEach((lon, i) => {
    const next = i + 1 < lons.length ? lons[i + 1] : lons[0] + 360;
    if (next - lon > gap) [gap, west] = [next - lon, next];
  });
  const width = 360 - gap, south = lats[0], north = lats.at(-1);
  return { lon: wrap(west + width / 2), lat: (south + north) / 2, width, height: north - south };
}

async function show(figure) {
  const canvas = figure.querySelector("canvas");
  const points = JSON.parse(document.getElementById("points").textContent);
  const { world: worldUrl, dots: dotsUrl } = figure.dataset;
  const [world, dots] = await Promise.all([json(worldUrl), dotsUrl ? json(dotsUrl) : []]);
  const land = new Path2D(world.land), borders = new Path2D(world.borders);
  const box = boxAround(dots.length ? dots : points.map(({ lon, lat }) => [lon, lat]));
  // Degrees of longitude are narrower than those of latitude, as they are in the box's middle.
  const narrow = clamp(Math.cos((box.lat * Math.PI) / 180), 0.2, 1);
  let lon, lat, zoom; // the map's middle, and the pixels of a degree of latitude

  function reset() {
    [lon, lat] = [box.lon, box.lat];
    zoom = 0.88 * Math.min(
      canvas.clientWidth / (Math.max(box.width, MIN_SPAN) * narrow),
      canvas.clientHeight / Math.max(box.height, MIN_SPAN),
    );
  }

  const x = (degrees) => canvas.clientWidth / 2 + (degrees - lon) * zoom * narrow;
  const y = (degrees) => canvas.clientHeight / 2 - (degrees - lat) * zoom;

  function draw() {
    const pixel = window.devicePixelRatio;
    canvas.width = canvas.clientWidth * pixel;
    canvas.height = canvas.clientHeight * pixel;
    const context = canvas.getContext("2d");
    const colour = (name) => getComputedStyle(canvas).getPropertyValue(`--map-${name}`);
    context.scale(pixel, pixel);
    for (const turn of TURNS) {
      const unit = zoom / world.scale;
      const placed = (path) => {
        const moved = new Path2D();
        moved.addPath(path, new DOMMatrix([unit * narrow, 0, 0, unit, x(turn), y(0)]));
        return moved;
      };
      context.fillStyle = colour("land");
      context.fill(placed(land), "evenodd");
      context.strokeStyle = colour("border");
      context.stroke(placed(borders));
      context.fillStyle = colour("dot");
      for (const [dotLon, dotLat] of dots) {
        context.fillRect(x(dotLon + turn) - 1, y(dotLat) - 1, 2, 2);
      }
    }
    context.fillStyle = colour("point");
    context.strokeStyle = colour("land");
    for (const point of points) {
      for (const turn of TURNS) {
        context.beginPath();
        context.arc(x(point.lon + turn), y(point.lat), 4, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
    }
  }

  function move(right, down) {
    lon = wrap(lon + right / (zoom * narrow));
    lat = clamp(lat - down / zoom, -90, 90);
    draw();
  }

  function pointAt({ offsetX, offsetY }) {
    const away = ({ lon, lat }) =>
      Math.min(...TURNS.map((turn) => Math.hypot(x(lon + turn) - offsetX, y(lat) - offsetY)));
    const near = points.filter((point) => away(point) < REACH);
    return near.sort((a, b) => away(a) - away(b))[0];
  }

  figure.addEventListener("click", ({ target }) => {
    const { zoom: factor } = target.dataset;
    if (factor === undefined) return;
    if (+factor) zoom = clamp(zoom * factor, 1, 2000);
    else reset();
    draw();
  });

  figure.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] }[event.key];
    if (!way) return;
    event.preventDefault();
    move(...way);
  });

  let dragged = 0;
  canvas.addEventListener("pointerdown", ({ pointerId }) => {
    canvas.setPointerCapture(pointerId);
    dragged = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) {
      dragged += Math.abs(event.movementX) + Math.abs(event.movementY);
      move(-event.movementX, -event.movementY);
    } else {
      const point = pointAt(event);
      canvas.title = point ? point.name : "";
      canvas.style.cursor = point ? "pointer" : "";
    }
  });
  canvas.addEventListener("click", (event) => {
    const point = dragged < 5 && pointAt(event);
    if (point && new URL(point.url, location).pathname !== location.pathname) location = point.url;
  });

  // A page that goes on may add points.
  figure.addEventListener("point", ({ detail }) => {
    points.push(detail);
    if (points.length > MOST) points.shift();
    draw();
  });

  reset();
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

document.querySelectorAll(".map").forEach(show);
