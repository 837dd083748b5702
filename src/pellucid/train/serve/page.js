const SHOWN_CLASSES = 10;
const SHOWN_PREDICTIONS = 100;

const settings = JSON.parse(document.getElementById("settings").textContent);
const form = document.getElementById("form");
const files = document.getElementById("files");
const drop = document.getElementById("drop");
const state = document.getElementById("state");
const result = document.getElementById("result");

// The token leaves the address. It stays in this tab only, and goes to no other server.
const token = new URLSearchParams(location.search).get("token") ?? "";
sessionStorage.setItem("pellucid token", token);
history.replaceState(null, "", "/");

let images = []; // the chosen images: {name, blob, url}
let request = 0;

/** Return an element with attributes, and texts or elements inside. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Return the cells of the fields: numbers as numbers, empty ones as null. */
function readRow() {
  const row = {};
  for (const field of form.querySelectorAll("[data-column]")) {
    const text = field.value.trim();
    const isNumber = field.dataset.kind === "number" && text !== "" && Number.isFinite(Number(text));
    row[field.dataset.column] = text === "" ? null : isNumber ? Number(text) : text;
  }
  return row;
}

/** Return body and headers of the request for what is in the form. */
function makeRequest() {
  if (settings.kind === "image") {
    if (!images.length) throw new Error("Choose an image first.");
    return makeUpload(images.map(({ name, blob }) => [name, blob]));
  }
  if (files?.files.length) return makeUpload([...files.files].map((file) => [file.name, file]));
  const json = { "Content-Type": "application/json" };
  const text = document.getElementById("json");
  if (text) return { body: text.value, headers: json };
  const row = readRow();
  const body = settings.kind === "table" ? { rows: [row] } : { x: [Object.values(row)] };
  return { body: JSON.stringify(body), headers: json };
}

function makeUpload(parts) {
  const body = new FormData();
  for (const [name, blob] of parts) body.append("file", blob, name);
  return { body, headers: {} };
}

async function predict() {
  const own = ++request;
  const button = form.querySelector("button");
  try {
    const { body, headers } = makeRequest();
    button.disabled = true;
    state.textContent = "Computing …";
    const start = performance.now();
    headers.Authorization = `Bearer ${token}`;
    const response = await fetch("/predict", { method: "POST", headers, body, credentials: "omit" });
    const found = await response.json().catch(() => ({ error: `the server answered with status ${response.status}` }));
    if (own !== request) return;
    state.textContent = `${Math.round(performance.now() - start)} ms`;
    if (response.ok) show(found);
    else showError(found.error);
  } catch (error) {
    state.textContent = "";
    const isLost = error instanceof TypeError;
    showError(isLost ? "The server does not answer. Start it again: pellucid serve" : error.message);
  } finally {
    button.disabled = false;
  }
}

function showError(text) {
  result.replaceChildren(make("p", { class: "trouble", role: "alert" }, make("b", {}, "Error"), text));
}

function show({ predictions, warnings }) {
  const cards = predictions.slice(0, SHOWN_PREDICTIONS).map(renderPrediction);
  if (warnings.length) cards.unshift(make("ul", { class: "notes" }, ...warnings.map((text) => make("li", {}, text))));
  const rest = predictions.length - SHOWN_PREDICTIONS;
  if (rest > 0) cards.push(make("p", { class: "quiet" }, `${rest} more predictions are not shown.`));
  result.replaceChildren(...cards);
}

function renderPrediction(prediction) {
  const body = make("div");
  const place = ["file", "line", "row"].filter((key) => key in prediction);
  const words = place.map((key) => (key === "file" ? prediction.file : `${key} ${prediction[key]}`));
  if ("file" in prediction) body.append(make("h3", {}, words.join(", ")));
  if ("class" in prediction) {
    const share = make("small", {}, ` ${formatShare(prediction.probability)}`);
    body.append(make("p", { class: "answer" }, prediction.class, share), renderBars(prediction));
  } else {
    for (const [name, value] of Object.entries(prediction.values)) {
      const text = typeof value === "number" ? formatNumber(value) : JSON.stringify(value);
      body.append(make("p", { class: "answer" }, `${text} `, make("small", {}, name)));
    }
  }
  const image = images.find(({ name }) => name === prediction.file);
  const picture = image ? [make("img", { src: image.url, alt: "" })] : [];
  return make("article", { class: "card" }, ...picture, body);
}

/** Return the most probable classes with bars; the numbers are texts, so that the bars are decoration. */
function renderBars({ probabilities, class: chosen }) {
  const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const shown = sorted.slice(0, SHOWN_CLASSES).map(([name, p]) => {
    const fill = make("i");
    fill.style.width = `${100 * p}%`;
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, fill);
    return make("li", { class: name === chosen ? "chosen" : "" }, make("span", {}, name), make("b", {}, formatShare(p)), bar);
  });
  return make("ol", { class: "bars", "aria-label": "Probabilities" }, ...shown);
}

function formatShare(p) {
  return `${(100 * p).toFixed(1)} %`;
}

function formatNumber(value) {
  return Number(value.toPrecision(6)).toString();
}

function setImages(chosen) {
  for (const { url } of images) URL.revokeObjectURL(url);
  images = [...chosen].map((blob, k) => ({ name: blob.name || `image ${k + 1}`, blob, url: URL.createObjectURL(blob) }));
  const previews = images.map(({ name, url }) => make("li", {}, make("img", { src: url, alt: name })));
  document.getElementById("previews").replaceChildren(...previews);
  if (images.length) predict();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  predict();
});

if (drop) {
  files.addEventListener("change", () => setImages(files.files));
  for (const [type, isOver] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", isOver);
      if (type === "drop" && event.dataTransfer.files.length) setImages(event.dataTransfer.files);
    });
  }
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) setImages(event.clipboardData.files);
  });
}
