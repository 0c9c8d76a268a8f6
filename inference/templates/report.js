"use strict";
// A click on a heading of a sortable table orders its rows; a second click turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const spanning = [...table.tHead.querySelectorAll("[data-column]")];
  const columns = [...spanning.map((head) => [head, Number(head.dataset.column)]),
    ...heads.filter((head) => !spanning.includes(head)).map((head, i) => [head, i + spanning.length])];
  for (const [head, column] of columns) {
    head.tabIndex = 0;
    head.setAttribute("aria-sort", "none");
    const sort = () => {
      const up = head.getAttribute("aria-sort") !== "descending";
      for (const [other] of columns) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "descending" : "ascending");
      const key = (row) => {
        const value = Number.parseFloat(row.cells[column].dataset.value);
        return Number.isNaN(value) ? null : value;
      };
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === null && y === null) return a.cells[column].innerText.localeCompare(b.cells[column].innerText);
        if (x === null || y === null) return x === null ? 1 : -1;
        return up ? y - x : x - y;
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(order));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  }
}
