"use strict";

// Sorting: a button in each head of a column; numbers by data-order, words as they are read.
function key(cell) {
  const order = cell.dataset.order;
  return order === undefined ? cell.textContent : Number(order);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") {
    return (Number.isNaN(a) - Number.isNaN(b)) || a - b;
  }
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function sortBy(button) {
  const head = button.closest("th");
  const table = head.closest("table");
  const falling = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  const at = head.cellIndex;
  rows.sort((a, b) => compare(key(a.cells[at]), key(b.cells[at])) * (falling ? -1 : 1));
  table.tBodies[0].append(...rows);
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button));
}

// Event displays: one space a sample, the energy chosen by buttons, all turned together.
const scenes = JSON.parse(document.getElementById("scenes").textContent);
const spaces = [...document.querySelectorAll(".space")];
const choices = [...document.querySelectorAll(".choice button")];
const options = { displaylogo: false, responsive: true, scrollZoom: false };
let turning = false;

function turnAll(source, update) {
  const camera = update["scene.camera"];
  if (turning || camera === undefined) return;
  turning = true;
  const others = spaces.filter((space) => space !== source);
  Promise.all(others.map((space) => Plotly.relayout(space, { "scene.camera": camera })))
    .finally(() => { turning = false; });
}

async function show(number) {
  const scene = scenes[number];
  choices.forEach((button, k) => button.setAttribute("aria-pressed", String(k === number)));
  document.getElementById("particle").textContent = scene.title;
  for (const [k, space] of spaces.entries()) {
    const sample = scene.samples[k];
    space.parentElement.querySelector(".account").textContent = sample.account;
    space.setAttribute("aria-label", `${space.dataset.label}: ${scene.title}; ${sample.account}`);
    await Plotly.react(space, sample.traces, structuredClone(scene.layout), options);
  }
}

async function start() {
  await show(scenes.length - 1);
  for (const space of spaces) {
    for (const event of ["plotly_relayouting", "plotly_relayout"]) {
      space.on(event, (update) => turnAll(space, update));
    }
  }
  choices.forEach((button, number) => button.addEventListener("click", () => show(number)));
}

// Drawn when first near the window: a page of tables opens at once on a phone.
const watch = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) {
    watch.disconnect();
    start();
  }
}, { rootMargin: "400px" });
watch.observe(document.getElementById("spaces"));
