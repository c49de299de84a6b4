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
