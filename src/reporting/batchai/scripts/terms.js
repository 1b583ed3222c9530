"use strict";

const STEPS = 60;
const CELLS = 24;

/** The natural cubic spline through (knot, value), straight beyond the outer knots: as training computes it. */
function naturalSpline(knots, values) {
  const last = knots.length - 1;
  const width = (i) => knots[i + 1] - knots[i];
  const slope = (i) => (values[i + 1] - values[i]) / width(i);
  const bends = new Array(knots.length).fill(0);
  const upper = new Array(knots.length).fill(0);
  for (let i = 1; i < last; i += 1) { // elimination of the tridiagonal system
    const pivot = 2 * (width(i - 1) + width(i)) - width(i - 1) * upper[i - 1];
    upper[i] = width(i) / pivot;
    bends[i] = (6 * (slope(i) - slope(i - 1)) - width(i - 1) * bends[i - 1]) / pivot;
  }
  for (let i = last - 1; i > 0; i -= 1) bends[i] -= upper[i] * bends[i + 1];
  return (x) => {
    const inside = Math.min(Math.max(x, knots[0]), knots[last]);
    let i = 0;
    while (i < last - 1 && inside >= knots[i + 1]) i += 1;
    const [right, h] = [(inside - knots[i]) / width(i), width(i)];
    const left = 1 - right;
    const [first, second] = [(bends[i] * h * h) / 6, (bends[i + 1] * h * h) / 6];
    const curve = left * values[i] + right * values[i + 1] + (left ** 3 - left) * first + (right ** 3 - right) * second;
    return curve + (slope(i) + ((1 - 3 * left * left) * first + (3 * right * right - 1) * second) / h) * (x - inside);
  };
}

/** A value between knots on straight lines between the values there. */
function between(knots, values, x) {
  let i = 0;
  while (i < knots.length - 2 && x >= knots[i + 1]) i += 1;
  const share = Math.min(1, Math.max(0, (x - knots[i]) / (knots[i + 1] - knots[i])));
  return values[i] + share * (values[i + 1] - values[i]);
}

/** What a feature does to the target against its mean: its line, and its curve if it has one. */
function effectOf(slope, mean, curve) {
  if (!curve) return (x) => slope * (x - mean);
  const spline = naturalSpline(curve.knots, curve.values);
  return (x) => slope * (x - mean) + spline(x) - spline(mean);
}

function spread(low, high, steps) {
  return Array.from({ length: steps + 1 }, (_, i) => low + ((high - low) * i) / steps);
}

/** How an effect is shown: as a change in the unit of the target or, of a model of its logarithm, as a factor. */
function showing({ errors, logarithm }) {
  return logarithm
    ? { value: Math.exp, none: 1, title: "factor", text: (effect) => `× ${formatNumber(Math.exp(effect))}` }
    : { value: (effect) => effect, none: 0, title: measure("change", errors.unit),
      text: (effect) => `${formatNumber(effect)} ${plainText(errors.unit)}` };
}

/** Line and curve of a feature with their band, and below it how often its values were seen in training. */
function curveChart(curve, values, chosen) {
  const { value: shownAs, none, title, text } = showing(chosen);
  const { minimum, maximum, mean } = curve.seen;
  const places = spread(minimum, maximum, STEPS);
  const effect = places.map(effectOf(curve.slope, mean, curve));
  const room = (ends, sign) => places.map((x, i) => effect[i] +
    sign * Math.abs(between(curve.knots, curve.values.map((value, k) => Math.abs(ends[k] - value)), x)));
  const band = [room(curve.lower, -1), room(curve.upper, 1)];
  const floor = values ? 0.2 : 0;
  const bins = values ? spread(values.low, values.high, values.counts.length) : [];
  return {
    data: (shade) => [
      { type: "scatter", mode: "lines", x: [...places, ...[...places].reverse()], y: [...band[1], ...[...band[0]].reverse()].map(shownAs),
        fill: "toself", fillcolor: `${shade.accent}2e`, line: { width: 0 }, hoverinfo: "skip" },
      { type: "scatter", mode: "lines", x: places, y: effect.map(shownAs), line: { width: 2.5, color: shade.accent },
        text: places.map((x, i) => `${plainText(curve.feature)} ${formatNumber(x)}<br>${text(effect[i])} ` +
          `(${text(band[0][i])} to ${text(band[1][i])})`), hoverinfo: "text" },
      ...(values ? [{ type: "bar", x: values.counts.map((_, i) => (bins[i] + bins[i + 1]) / 2), y: values.counts, yaxis: "y2",
        width: bins[1] - bins[0], marker: { color: shade.muted, opacity: 0.55 }, hoverinfo: "skip" }] : []),
    ],
    layout: (shade) => layout(shade, {
      height: 300, bargap: 0.05,
      xaxis: axis(curve.feature, shade, { anchor: values ? "y2" : "y", showgrid: false }),
      yaxis: axis(title, shade, { domain: [floor + (floor && 0.04), 1] }),
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: none, y1: none, layer: "below", line: { color: shade.muted, width: 1 } }],
      ...(values && { yaxis2: { domain: [0, floor], showgrid: false, zeroline: false, showticklabels: false, fixedrange: true } }),
    }),
  };
}

/** What two features do together: lines, curves and their product, as colours; dots are batches of training. */
function pairChart(pair, curves, values, chosen) {
  const { text } = showing(chosen);
  const [first, second] = pair.seen;
  const [x, y] = [first, second].map(({ minimum, maximum }) => spread(minimum, maximum, CELLS));
  const own = pair.features.map((name, i) =>
    effectOf(pair.slopes[i], pair.seen[i].mean, curves.find(({ feature }) => feature === name)));
  const z = y.map((b) => x.map((a) => own[0](a) + own[1](b) + pair.coefficient * (a - first.mean) * (b - second.mean)));
  const most = Math.max(...z.flat().map(Math.abs)) || 1;
  const seen = pair.features.map((name) => values[name]?.points ?? []);
  return {
    data: (shade) => [
      { type: "heatmap", x, y, z, zmin: -most, zmax: most, zsmooth: "best",
        colorscale: [[0, shade.warm], [0.5, shade.surface], [1, shade.accent]],
        colorbar: { thickness: 10, outlinewidth: 0, tickfont: { size: 11, color: shade.muted },
          tickvals: [-most, 0, most], ticktext: [-most, 0, most].map((effect) => text(effect)) },
        text: z.map((row, j) => row.map((value, i) => `${plainText(pair.features[0])} ${formatNumber(x[i])}, ` +
          `${plainText(pair.features[1])} ${formatNumber(y[j])}<br>${text(value)}`)), hoverinfo: "text" },
      { type: "scatter", mode: "markers", x: seen[0], y: seen[1], hoverinfo: "skip",
        marker: { size: 4, color: shade.ink, opacity: 0.6 } },
    ],
    layout: (shade) => layout(shade, {
      height: 300,
      xaxis: axis(pair.features[0], shade, { showgrid: false, range: [first.minimum, first.maximum] }),
      yaxis: axis(pair.features[1], shade, { showgrid: false, range: [second.minimum, second.maximum] }),
    }),
  };
}
