"use strict";

const MOST_COEFFICIENTS = 15;
const PAPER = { half: 325, full: 690 }; // pixels of CSS: what fits between the margins of A4 and Letter

/** Plotly reads markup and entities in texts; an id is neither. */
function plainText(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function shortened(text, length = 22) {
  const signs = [...String(text)];
  return plainText(signs.length > length ? `${signs.slice(0, length - 1).join("")}…` : text);
}

/** The colours of the page, which depend on the theme. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["ink", "muted", "line", "accent", "warm", "surface"]
    .map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function axis(title, shade, more = {}) {
  return {
    title: { text: plainText(title), font: { size: 13, color: shade.muted }, standoff: 10 },
    tickfont: { size: 12, color: shade.muted }, gridcolor: shade.line, zeroline: false, linecolor: shade.line,
    automargin: true, nticks: innerWidth < 600 ? 4 : 6, ...more,
  };
}

function layout(shade, more) {
  return {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: shade.ink },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    margin: { l: 48, r: 12, t: 8, b: 44 }, dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    hoverlabel: { bgcolor: shade.surface, bordercolor: shade.line, font: { color: shade.ink, size: 13 } }, ...more,
  };
}

function measure(name, unit) {
  return unit ? `${name} [${unit}]` : name;
}

function hovers(batches) {
  return batches.ids.map((id, i) => `${plainText(id)}<br>measured ${formatNumber(batches.measured[i])}` +
    `<br>predicted ${formatNumber(batches.predicted[i])}`);
}

function points(x, y, batches, shade, worst) {
  const marked = new Set(worst);
  const isWorst = x.map((_, i) => marked.has(i + 1));
  return {
    type: "scatter", mode: "markers", x, y, text: hovers(batches), hoverinfo: "text",
    marker: {
      size: isWorst.map((yes) => (yes ? 9 : 6)), symbol: isWorst.map((yes) => (yes ? "diamond" : "circle")),
      color: isWorst.map((yes) => (yes ? shade.warm : shade.accent)), opacity: 0.75, line: { width: 0 },
    },
  };
}

/** Predicted against measured, with the line on which they are equal. */
function agreementChart({ batches, worst, errors }) {
  const all = [...batches.measured, ...batches.predicted];
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const room = (high - low || 1) * 0.04;
  const range = [low - room, high + room];
  return {
    data: (shade) => [points(batches.measured, batches.predicted, batches, shade, worst)],
    layout: (shade) => layout(shade, {
      height: 340,
      xaxis: axis(measure("measured", errors.unit), shade, { range }),
      yaxis: axis(measure("predicted", errors.unit), shade, { range }),
      shapes: [{ type: "line", x0: range[0], y0: range[0], x1: range[1], y1: range[1], layer: "below",
        line: { color: shade.muted, width: 1 } }],
    }),
  };
}

/** Residuals in the order of batches, with the band of the error. */
function residualChart({ batches, worst, errors }) {
  const order = batches.ids.map((_, i) => i + 1);
  const level = (y, dash) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, layer: "below",
    line: { width: 1, dash } });
  return {
    data: (shade) => [points(order, batches.residual, batches, shade, worst)],
    layout: (shade) => layout(shade, {
      height: 340,
      xaxis: axis("order of batches, oldest first", shade, { rangemode: "tozero" }),
      yaxis: axis(measure("measured − predicted", errors.unit), shade),
      shapes: [level(0, "solid"), level(errors.rmse ?? 0, "dot"), level(-(errors.rmse ?? 0), "dot")]
        .map((shape) => ({ ...shape, line: { ...shape.line, color: shade.muted } })),
    }),
  };
}

/** Standardised coefficients with their intervals, the largest first; the levels of a category stand at one place. */
function coefficientChart(features) {
  const chosen = features.slice(0, MOST_COEFFICIENTS).reverse();
  const shown = chosen.flatMap(({ lines }) => lines);
  const reach = (upper) => shown.map((line) => {
    const end = upper ? line.standardised_upper : line.standardised_lower;
    return end === null ? 0 : Math.abs(end - line.standardised);
  });
  const places = chosen.flatMap(({ lines }, i) => lines.map((_, k) => i + (k - (lines.length - 1) / 2) * (0.5 / lines.length)));
  return {
    data: (shade) => [{
      type: "scatter", mode: "markers", x: shown.map((line) => line.standardised), y: places,
      error_x: { type: "data", symmetric: false, array: reach(true), arrayminus: reach(false), thickness: 1.5, width: 0,
        color: shade.muted },
      marker: { size: 9, line: { width: 2, color: shown.map((line) => colourOf(line, shade)) },
        color: shown.map((line) => (line.direction === "unclear" ? shade.surface : colourOf(line, shade))) },
      text: shown.map((line) => `${plainText(line.shown)}: ${formatNumber(line.standardised)} (${line.direction})`),
      hoverinfo: "text",
    }],
    layout: (shade) => layout(shade, {
      height: 90 + 26 * chosen.length + 8 * (shown.length - chosen.length),
      xaxis: axis("standardised coefficient", shade, { zeroline: true, zerolinecolor: shade.muted }),
      yaxis: axis("", shade, { tickmode: "array", tickvals: chosen.map((_, i) => i), ticktext: chosen.map(({ name }) => shortened(name)),
        showgrid: false, range: [-0.7, chosen.length - 0.3], fixedrange: true, ticks: "", tickfont: { size: 13, color: shade.ink } }),
    }),
  };
}

function colourOf(line, shade) {
  return { raises: shade.accent, lowers: shade.warm }[line.direction] ?? shade.muted;
}

const drawn = new Map();

/** A figure with a plot. Its description says in words what the plot shows. */
function figure(title, description, caption, chart, heading = "h3") {
  const canvas = element("div", { class: "plot", role: "img", "aria-label": `${title}. ${description}` });
  const made = element("figure", {}, element(heading, {}, title), canvas, element("figcaption", {}, caption));
  drawn.set(canvas, chart);
  return made;
}

/** Draws every figure of the page anew, with the colours of the theme. */
async function drawCharts() {
  const Plotly = await loadPlotly();
  drawKnownCharts(Plotly);
}

/** Draws the figures in the size of their places, or with `paper` in one that fits a printed page. */
function drawKnownCharts(Plotly, { paper = false } = {}) {
  const shade = colours();
  for (const [canvas, chart] of drawn) {
    if (!canvas.isConnected) {
      drawn.delete(canvas);
      continue;
    }
    const half = canvas.closest(".pair") !== null;
    const size = paper ? { width: half ? PAPER.half : PAPER.full, ...(half ? { height: 270 } : {}) } : { autosize: true };
    Plotly.react(canvas, chart.data(shade), { ...chart.layout(shade), ...size }, { displayModeBar: false, responsive: true });
    canvas.dataset.drawn = "yes";
  }
}
