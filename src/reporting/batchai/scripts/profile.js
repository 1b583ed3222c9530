"use strict";

const DRIFTS_SHOWN = 40;

/** Fills the page of a location with the profile of its data. */
function showProfile(place, profile) {
  document.title = `${profile.location}, data · ${TITLE}`;
  const share = (value) => exactNumber(value, `${(100 * value).toFixed(value && value < 0.1 ? 1 : 0)} %`);
  const { counts } = profile;
  const facts = [["Products", profile.products], ["Rows", profile.rows], ["Batches kept", counts.kept],
    ["Waiting for their measurement", counts.pending], ["Rejected", counts.rejected], ["Features", profile.features.length]];
  const columns = [{ title: "Feature" }, ...["Missing", "Smallest", "Median", "Largest"].map((title) => ({ title, number: true }))];
  place.replaceChildren(
    element("p", { class: "back" }, element("a", { href: "#/" }, "← All models")),
    element("p", { class: "kicker" }, "Data of"),
    element("h1", { tabindex: "-1" }, profile.location),
    element("dl", { class: "facts" }, facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, exactNumber(value))))),
    ...(profile.correlated.length ? [element("h2", {}, "Features that move together"), correlationFigure(profile)] : []),
    element("h2", {}, "Inputs over time"), driftFigure(profile),
    element("h2", {}, "Ranges and gaps"),
    table("Features, over all products", columns, profile.features.map((one) =>
      [one.feature, share(one.missing), ...[one.minimum, one.median, one.maximum].map((value) => exactNumber(value))]), { titled: true }),
    fileNames(["features.csv", "correlations.csv"]),
  );
}

function correlationFigure({ correlated, correlations, features }) {
  let strongest = [0, 0, -1];
  correlations.forEach((row, i) => row.forEach((value, k) => {
    if (k < i && Math.abs(value) > strongest[2]) strongest = [i, k, Math.abs(value)];
  }));
  const [i, k] = strongest;
  const words = `the strongest: ${correlated[i]} and ${correlated[k]}, ${formatNumber(correlations[i][k], 2)}`;
  const note = features.length > correlated.length ? ` The ${correlated.length} of ${features.length} features that move with others most.` : "";
  return figure("Correlations", `Of ${correlated.length} features; ${words}.`,
    `Within products, so differences between them do not count; ${words}. Blue: together, orange: against each other. Of features ` +
    `that move together no data can say which of them has the effect.${note}`, colourMap({
      x: correlated, y: correlated, z: correlations, limit: 1, height: 120 + 18 * correlated.length, square: true,
      text: (x, y, value) => `${x}<br>${y}<br>${formatNumber(value, 2)}`,
    }));
}

function driftFigure({ features }) {
  const size = (one) => Math.max(0, ...one.drift.map((value) => Math.abs(value ?? 0)));
  const shown = [...features].sort((a, b) => size(b) - size(a)).slice(0, DRIFTS_SHOWN);
  const parts = shown[0]?.drift.map((_, i) => `${i + 1}`) ?? [];
  const note = features.length > shown.length ? ` The ${shown.length} of ${features.length} features that moved most.` : "";
  const words = shown.length ? `The one that moved most: ${shown[0].feature}, by up to ${formatNumber(size(shown[0]), 2)}.` : "";
  return figure("Means of ten parts of time, oldest first", words,
    `Distance from the mean of the product, in standard deviations. Blue above, orange below; a row that turns from one to the other drifts. ${words}${note}`,
    colourMap({ x: parts, y: shown.map(({ feature }) => feature), z: shown.map(({ drift }) => drift), limit: Math.max(1, ...shown.map(size)),
      height: 120 + 18 * shown.length, text: (x, y, value) => `${y}<br>part ${x}: ${formatNumber(value, 2)}` }));
}

/** Values as colours, from minus to plus a limit; texts along the axes are names, never markup. */
function colourMap({ x, y, z, limit, height, text, square = false }) {
  const places = (names) => names.map((_, i) => i);
  const names = (given, more) => ({ tickmode: "array", tickvals: places(given), ticktext: given.map((name) => shortened(name, innerWidth < 600 ? 10 : 22)), showgrid: false, ...more });
  return {
    data: (shade) => [{ type: "heatmap", x: places(x), y: places(y), z, zmin: -limit, zmax: limit, xgap: 1, ygap: 1,
      colorscale: [[0, shade.warm], [0.5, shade.surface], [1, shade.accent]],
      colorbar: { thickness: 10, outlinewidth: 0, tickfont: { size: 11, color: shade.muted }, nticks: 5 },
      text: z.map((row, i) => row.map((value, k) => text(plainText(x[k]), plainText(y[i]), value))), hoverinfo: "text" }],
    layout: (shade) => layout(shade, { height, xaxis: axis("", shade, names(x, { tickangle: square ? -60 : 0 })),
      yaxis: axis("", shade, names(y, { autorange: "reversed" })) }),
  };
}
