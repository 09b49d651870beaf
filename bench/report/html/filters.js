"use strict";
(() => {
  const table = document.getElementById("results");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const form = document.getElementById("filters");
  const count = document.getElementById("count");
  const place = (title) => heads.findIndex((head) => head.textContent.trim() === title);
  const at = {
    task: place("Task"),
    store: place("Store"),
    protocol: place("Protocol"),
    status: place("Status"),
  };
  const text = (row, column) => row.cells[column].textContent.trim();

  function filter() {
    const want = Object.fromEntries(new FormData(form));
    const words = want.text.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits =
        (!want.store || text(row, at.store) === want.store) &&
        (!want.dataset || text(row, at.task).startsWith(`${want.dataset}/`)) &&
        (!want.task || text(row, at.task) === want.task) &&
        (!want.method || row.dataset.m === want.method) &&
        (!want.status || text(row, at.status).startsWith(want.status)) &&
        (want.protocol === "headline"
          ? row.dataset.h !== undefined
          : !want.protocol || text(row, at.protocol) === want.protocol) &&
        (!words || row.textContent.toLowerCase().includes(words));
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
    hideEmptyColumns();
  }

  // A metric that no visible row has would only push the others out of the window.
  function hideEmptyColumns() {
    const visible = rows.filter((row) => !row.hidden);
    heads.forEach((head, column) => {
      if (!head.classList.contains("number")) return;
      const empty = visible.length > 0 && visible.every((row) => text(row, column) === "\u2013");
      for (const cell of [head, ...rows.map((row) => row.cells[column])]) cell.hidden = empty;
    });
  }

  // The first click brings the best up: the highest, or the lowest where lower is better.
  // Numbers sort by value, words by letters; what has no number stays last either way.
  function sort(column) {
    const head = heads[column];
    const numeric = head.classList.contains("number");
    const was = head.getAttribute("aria-sort");
    const up = was ? was === "descending" : !numeric || head.dataset.up !== undefined;
    const keys = new Map(
      rows.map((row) => {
        const cell = row.cells[column];
        if (!numeric) return [row, text(row, column)];
        return [row, cell.dataset.v === undefined ? null : Number(cell.dataset.v)];
      }),
    );
    const compare = numeric ? (a, b) => a - b : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    rows.sort((first, second) => {
      const a = keys.get(first);
      const b = keys.get(second);
      if (a === null || b === null) return (a === null) - (b === null);
      return up ? compare(a, b) : compare(b, a);
    });
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  }

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sort(column));
  });
  if (!form) {
    hideEmptyColumns();
    return;
  }
  form.addEventListener("input", filter);
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
})();
