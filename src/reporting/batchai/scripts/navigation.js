"use strict";

/** The address of a group or a target inside the page, as the page's links write it. */
function addressOf(...parts) {
  const strict = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `#/${parts.map(strict).join("/")}`;
}

let lastOpened = null;
let overviewPosition = 0;

/** Shows what the address names: the overview, or a target of a group. */
async function navigate() {
  if (document.readyState === "loading") return; // the data of the groups is still coming, and this is called again
  const overview = document.getElementById("overview");
  const details = document.getElementById("details");
  const address = location.hash;
  if (!address.startsWith("#/") || address === "#/") {
    const returning = overview.hidden;
    overview.hidden = false;
    details.hidden = true;
    details.replaceChildren();
    document.title = TITLE;
    if (returning) {
      scrollTo(0, overviewPosition);
      const opener = lastOpened && overview.querySelector(`a[href="${CSS.escape(lastOpened)}"]`);
      opener?.focus({ preventScroll: true });
    }
    return;
  }
  if (!overview.hidden) overviewPosition = scrollY;
  lastOpened = address;
  const parts = address.slice(2).split("/");
  try {
    const group = await loadGroup(`#/${parts.slice(0, 2).join("/")}`);
    if (location.hash !== address) return; // the reader went on while it was unpacked
    if (group?.profile) showProfile(details, group.profile);
    else if (group) showDetails(details, group, parts[2] === undefined ? undefined : decodeURIComponent(parts[2]));
    else showProblem(details, "This report has no such product.");
  } catch (error) {
    showProblem(details, `The details can't be shown: ${error.message}.`);
  }
  overview.hidden = true;
  details.hidden = false;
  scrollTo(0, 0);
  details.querySelector("h1").focus({ preventScroll: true });
  await drawCharts();
}

function showProblem(place, text) {
  place.replaceChildren(element("p", { class: "back" }, element("a", { href: "#/" }, "← All models")),
    element("h1", { tabindex: "-1" }, "Not shown"), element("p", { class: "notice" }, text));
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const show = (theme, options) => {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light mode" : "Dark mode";
    if (window.Plotly) drawKnownCharts(window.Plotly, options);
  };
  show(root.dataset.theme);
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    show(theme);
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // a browser may refuse storage to a file; the choice then lasts as long as the page
    }
  });
  let onScreen = root.dataset.theme;
  addEventListener("beforeprint", () => {
    onScreen = root.dataset.theme;
    show("light", { paper: true });
  });
  addEventListener("afterprint", () => show(onScreen));
}

setUpTheme();
setUpIndex();
addEventListener("hashchange", navigate);
document.addEventListener("DOMContentLoaded", navigate); // the data of the groups stands below this script
