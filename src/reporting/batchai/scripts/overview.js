"use strict";

/** Search and sorting of the index of all groups. */
function setUpIndex() {
  const index = document.getElementById("index");
  const body = index.tBodies[0];
  const rows = [...body.rows];
  const headers = [...index.tHead.rows[0].cells];
  const texts = rows.map((row) => row.dataset.text.toLowerCase());
  const choice = document.getElementById("sort");

  function search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, i) => {
      const fits = words.every((word) => texts[i].includes(word));
      row.hidden = !fits;
      found += fits;
    });
    document.getElementById("found").textContent = `${found} of ${rows.length} products`;
  }

  function sort(column, direction) {
    const numeric = headers[column].dataset.kind === "number";
    const sign = direction === "ascending" ? 1 : -1;
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    const keyed = rows.map((row) => ({ row, text: row.cells[column].dataset.value }));
    keyed.sort((a, b) => {
      if (numeric && (a.text === "" || b.text === "")) return (a.text === "") - (b.text === ""); // undefined ones last
      return sign * (numeric ? Number(a.text) - Number(b.text) : compare(a.text, b.text));
    });
    headers.forEach((header, i) => (i === column ? header.setAttribute("aria-sort", direction) : header.removeAttribute("aria-sort")));
    choice.value = `${column} ${direction}`;
    body.append(...keyed.map(({ row }) => row));
  }

  headers.forEach((header, column) => {
    const first = header.dataset.kind === "number" ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    header.querySelector("button").addEventListener("click", () =>
      sort(column, header.getAttribute("aria-sort") === first ? second : first));
    for (const direction of [first, second]) {
      choice.append(element("option", { value: `${column} ${direction}` }, `${header.textContent.trim()}, ${direction}`));
    }
  });
  choice.addEventListener("change", () => {
    const [column, direction] = choice.value.split(" ");
    sort(Number(column), direction);
  });
  const box = document.getElementById("search");
  box.addEventListener("input", () => search(box.value));
  search(box.value);
}
