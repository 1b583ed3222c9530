"use strict";

/** A chart of monitoring: its title, what it says, and the row of `since` that it draws; `sides` are its limits' signs. */
const CONTROL_CHARTS = [
  { name: "single", title: "Single batches", sides: [1, -1],
    says: "How far each batch is from its prediction, in standard deviations of training." },
  { name: "ewma", title: "EWMA", sides: [1, -1],
    says: "The mean of the last residuals: it leaves the limits while the level has moved." },
  { name: "cusum", title: "CUSUM", sides: [1, -1],
    says: "What residuals add up to: it rises steadily from the batch at which a shift began." },
  { name: "growth", title: "Spread", sides: [1],
    says: "The same for the size of residuals: it rises when batches have become less alike." },
];
const SUMS = [
  { name: "level", title: "Level in training", says: "Cumulative sum of residuals: its far end is where the level changed." },
  { name: "spread", title: "Spread in training", says: "Cumulative sum of their size: its far end is where the spread changed." },
];

/** What monitoring found of a model: signals in words, and the charts with the moment of the signal. */
function monitoring({ watched }, group) {
  if (!watched) return [];
  const signals = [...watched.signals, ...group.signals];
  const since = watched.since?.batch_id.length ?? 0;
  if (!signals.length && !since) return [];
  const section = element("section", { id: "monitoring" }, element("h3", {}, "Monitoring"),
    signals.length ? element("ul", { class: "signals" }, signals.map(signalItem))
      : element("p", {}, `No signal among ${since} batches since training.`));
  const charts = element("div", { class: "pair" });
  if (since > 1) section.append(element("p", { class: "help" }, `${since} batches since training. Dotted: what a stable process ` +
    "seldom exceeds; diamonds are beyond it. The upright line: since when something has changed."));
  if (since > 1) {
    for (const chart of CONTROL_CHARTS) {
      const found = watched.signals.find(({ kind }) => kind === "since training");
      charts.append(controlFigure(chart, watched.since.batch_id, watched.since[chart.name], watched.limits[chart.name], found));
    }
    if (watched.coverage.share.length) charts.append(coverageFigure(watched));
  }
  if (watched.training?.batch_id.length) {
    for (const chart of SUMS) {
      const found = watched.signals.find(({ kind, what }) => kind === "in training" && what === chart.name);
      if (found) charts.append(controlFigure({ ...chart, sides: [] }, watched.training.batch_id, watched.training[chart.name], null, found));
    }
  }
  if (charts.childElementCount) section.append(charts);
  section.append(fileNames(["signals.csv", "control_charts.csv"]));
  return [section];
}

function signalItem({ level, kind, what, since, text, chance }) {
  return element("li", { class: level }, element("strong", {}, `${sentence(level)}: `), `${kind}, ${what}, since batch ${since}: ${text} `,
    element("span", { class: "chance" }, `(a stable process shows as much with a chance of ${formatNumber(chance, 2)})`));
}

function controlFigure(chart, ids, values, limit, signal) {
  const beyond = limit === null ? 0 : values.filter((value) => Math.abs(value) > limit).length;
  const state = limit === null ? `turns at batch ${signal.since}` : beyond ? `${beyond} of ${ids.length} batches beyond the limit` : "within the limits";
  return figure(chart.title, `${sentence(state)}.`, `${chart.says} ${sentence(state)}.`, controlChart(chart, ids, values, limit, signal), "h4");
}

function batchAxis(ids, shade) {
  return axis("order of batches", shade, { range: [0.3, ids.length + 0.7], showgrid: false });
}

function controlChart(chart, ids, values, limit, signal) {
  const order = ids.map((_, i) => i + 1);
  const outside = values.map((value) => limit !== null && Math.abs(value) > limit);
  const moment = signal ? ids.indexOf(signal.since) + 1 : 0;
  return {
    data: (shade) => [{
      type: "scatter", mode: "lines+markers", x: order, y: values, line: { width: 1.5, color: shade.accent },
      marker: { size: outside.map((yes) => (yes ? 9 : 5)), symbol: outside.map((yes) => (yes ? "diamond" : "circle")),
        color: outside.map((yes) => (yes ? shade.warm : shade.accent)) },
      text: ids.map((id, i) => `${plainText(id)}<br>${formatNumber(values[i])}`), hoverinfo: "text",
    }],
    layout: (shade) => layout(shade, {
      height: 240, xaxis: batchAxis(ids, shade), yaxis: axis("", shade),
      shapes: [
        ...(limit === null ? [] : chart.sides.map((side) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: side * limit, y1: side * limit,
          layer: "below", line: { color: shade.warm, width: 1, dash: "dot" } }))),
        ...(moment ? [{ type: "line", x0: moment, x1: moment, yref: "paper", y0: 0, y1: 1, layer: "below",
          line: { color: shade.warm, width: 1.5 } }] : []),
      ],
    }),
  };
}

/** The share of batches since training that their interval held, with its confidence interval. */
function coverageFigure({ since, coverage }) {
  const last = coverage.share.length - 1;
  const percent = (value) => `${(100 * value).toFixed(0)}\u00a0%`;
  const words = `${percent(coverage.share[last])} of ${last + 1} batches so far (${percent(coverage.lower[last])} to ` +
    `${percent(coverage.upper[last])}); ${percent(coverage.promised)} are promised.`;
  const order = coverage.share.map((_, i) => i + 1);
  return figure("Coverage", words, `Share of measured values inside the interval of their prediction: ${words}`, {
    data: (shade) => [
      { type: "scatter", mode: "lines", x: [...order, ...[...order].reverse()], y: [...coverage.upper, ...[...coverage.lower].reverse()],
        fill: "toself", fillcolor: `${shade.accent}2e`, line: { width: 0 }, hoverinfo: "skip" },
      { type: "scatter", mode: "lines", x: order, y: coverage.share, line: { width: 2, color: shade.accent },
        text: order.map((n, i) => `${plainText(since.batch_id[i])}<br>${percent(coverage.share[i])}`), hoverinfo: "text" },
    ],
    layout: (shade) => layout(shade, {
      height: 240, xaxis: batchAxis(order, shade), yaxis: axis("", shade, { range: [0, 1.02], tickformat: ".0%" }),
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: coverage.promised, y1: coverage.promised, layer: "below",
        line: { color: shade.muted, width: 1, dash: "dot" } }],
    }),
  }, "h4");
}
