"use strict";

/** Makes an element. Texts become text nodes, never markup: names and ids from data are only ever shown. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/**
 * A table in a box that scrolls when the screen is narrow. Columns: {title, number}; rows: arrays of texts or nodes.
 * `titled`: a heading above shows the title already, so the caption is for screen readers alone.
 */
function table(caption, columns, rows, { titled = false } = {}) {
  const align = (column) => (columns[column].number ? "number" : null);
  const head = element("tr", {}, columns.map(({ title }, i) => element("th", { scope: "col", class: align(i) }, title)));
  const body = rows.map((row) =>
    element("tr", {}, row.map((cell, i) =>
      i === 0 ? element("th", { scope: "row", class: align(i) }, cell) : element("td", { class: align(i) }, cell))));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
    element("table", { class: "plain" }, element("caption", { class: titled && "unseen" }, caption),
      element("thead", {}, head), element("tbody", {}, body)));
}

/** Makes what `build` returns the first time that a reader opens it. */
function unfolding(title, build) {
  const details = element("details", {}, element("summary", {}, title));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(build());
  });
  return details;
}
