"use strict";

const COEFFICIENT_FIELDS = ["feature", "coefficient", "error", "lower", "upper", "standardised", "standardised_lower",
  "standardised_upper", "direction"];
const INTERCEPT = "(intercept)";
const MOST_CURVES = 6;
const MOST_PAIRS = 4;
const TITLE = document.title;

/** Fills the page of a group with one of its targets. */
function showDetails(place, group, target) {
  const chosen = group.targets.find(({ errors }) => errors.target === target) ?? group.targets[0];
  const { errors } = chosen;
  document.title = `${errors.product_id}, ${errors.location} · ${TITLE}`;
  place.replaceChildren(
    element("p", { class: "back" }, element("a", { href: "#/" }, "← All models")),
    element("p", { class: "kicker" }, errors.location),
    element("h1", { tabindex: "-1" }, errors.product_id),
    targetLinks(group, errors.target),
    ...(errors.not_trained ? untrained(errors) : trained(chosen, group)),
    ...comparison(chosen),
    rejections(group.rejected),
    fileNames(["skill.csv", "out_of_fold.csv", "worst_batches.csv", "coefficient.csv", "rejected.csv",
      ...(chosen.evaluation ? ["evaluation.csv"] : [])]),
  );
}

function fileNames(names) {
  return element("p", { class: "files" }, "Numbers: ",
    ...names.flatMap((name, i) => [i ? ", " : "", element("code", {}, name)]));
}

function targetLinks(group, target) {
  const links = group.targets.map(({ errors }) =>
    element("li", {}, element("a", {
      href: addressOf(errors.location, errors.product_id, errors.target),
      "aria-current": errors.target === target ? "page" : null,
    }, errors.target, " ", element("span", {}, errors.not_trained ? "not trained" : formatSkill(errors.skill)))));
  return element("nav", { class: "targets", "aria-label": "Targets of this product" }, element("ul", {}, links));
}

function untrained(errors) {
  return [element("h2", {}, errors.target),
    element("p", { class: "notice" }, "There is no model of this target: ", element("strong", {}, errors.not_trained), ".")];
}

function trained(chosen, group) {
  const { errors, batches, worst } = chosen;
  const features = shownFeatures(chosen, group.categories);
  const unit = errors.unit ? ` ${errors.unit}` : "";
  const orange = "Orange diamonds: the batches of the table below.";
  return [
    element("h2", {}, errors.target),
    factsOf(errors),
    element("div", { class: "pair" },
      figure("Predicted against measured",
        `${batches.ids.length} rows of ${errors.target}, predicted without their batch. The error is ` +
        `${formatNumber(errors.rmse)}${unit}. All values stand in the table of all rows.`,
        `Each row was predicted by a model that had not seen its batch. On the line both are equal. ${orange}`,
        agreementChart(chosen)),
      figure("Residuals over time",
        `Measured minus predicted for ${batches.ids.length} rows, oldest first. The largest residual is ` +
        `${formatNumber(batches.residual[worst[0] - 1])}${unit}, of batch ${batches.ids[worst[0] - 1]}.`,
        "A trend or a step means that something changed that the features do not show. Dotted: ± the error.",
        residualChart(chosen))),
    worstTable(chosen),
    unfolding(`All ${batches.ids.length} rows as a table`, () => batchTable(`All rows, oldest first${inUnit(errors)}`, chosen,
      batches.ids.map((_, i) => i + 1))),
    coefficients(features, chosen),
    ...terms(chosen, group.values),
    ...monitoring(chosen, group),
  ];
}

function factsOf(errors) {
  const facts = [
    ["Skill", exactNumber(errors.skill, formatSkill(errors.skill))],
    ["Error (RMSE)", withUnit(errors.rmse, errors.unit)],
    ["Error of the mean", withUnit(errors.rmse_mean, errors.unit)],
    ["Error on later batches", withUnit(errors.rmse_forward, errors.unit)],
    ["Batches", exactNumber(errors.batches)],
    ["Rank by skill", exactNumber(errors.rank)],
    ["Penalty", exactNumber(errors.alpha)],
    ["Shrunk toward", { none: "zero", pooled: "the other products" }[errors.prior] ?? errors.prior],
  ];
  return element("dl", { class: "facts" }, facts.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...[value].flat()))));
}

function worstTable(chosen) {
  const title = `Batches that the model gets most wrong${inUnit(chosen.errors)}`;
  return element("section", { id: "worst-batches" }, element("h3", {}, title),
    batchTable(title, chosen, chosen.worst, { titled: true }));
}

function inUnit({ unit }) {
  return unit ? `, in ${unit}` : "";
}

function batchTable(caption, { batches, errors }, orders, options) {
  const decimals = decimalsFor(errors.rmse);
  const titles = ["Order", "Measured", "Predicted", "Residual"];
  const columns = [{ title: "Batch" }, ...titles.map((title) => ({ title, number: true }))];
  return table(caption, columns, orders.map((order) => [batches.ids[order - 1], exactNumber(order),
    ...[batches.measured, batches.predicted, batches.residual].map((column) => fixedNumber(column[order - 1], decimals))]), options);
}

/** The lines by feature, the one that moves the target most first: `{name, lines}`. A category has a line for each level. */
function shownFeatures({ coefficients }, categories) {
  const found = new Map();
  for (const values of coefficients) {
    const line = Object.fromEntries(values.map((value, i) => [COEFFICIENT_FIELDS[i], value]));
    const [name, level, base] = categories[line.feature] ?? [line.feature];
    const shown = level === undefined ? name : `${name}: ${level} against ${base}`;
    found.set(name, [...(found.get(name) ?? []), { ...line, shown }]);
  }
  const size = (lines) => Math.max(...lines.map(({ standardised }) => Math.abs(standardised ?? 0)));
  return [...found].map(([name, lines]) => ({ name, lines })).sort((a, b) => size(b.lines) - size(a.lines));
}

function coefficients(features, { errors, curves, pairs, logarithm }) {
  const moving = features.map(({ name, lines }) => ({ name, lines: lines.filter(({ standardised }) => standardised) }))
    .filter(({ name, lines }) => name !== INTERCEPT && lines.length);
  const strongest = moving.slice(0, 3).flatMap(({ lines }) => lines.map((line) => `${line.shown} (${line.direction})`)).join(", ");
  const note = moving.length > MOST_COEFFICIENTS ? ` The ${MOST_COEFFICIENTS} largest of ${moving.length}.` : "";
  const more = curves.length + pairs.length ? " These are the straight lines; what is added to them stands below." : "";
  const section = element("section", {});
  if (moving.length) {
    section.append(figure("What moves it", `Standardised coefficients of ${errors.target}; the largest: ${strongest}.`,
      "How far the target moves, in its standard deviations, when a feature moves by one of its own. Lines: 95 % intervals " +
      `of estimates that are hardly shrunk. Blue raises, orange lowers, hollow: the interval holds zero.${note}${more}`,
      coefficientChart(moving)));
  }
  const lines = features.flatMap((feature) => feature.lines);
  section.append(unfolding(`All ${lines.length} coefficients as a table`, () => coefficientTable(lines, errors, logarithm)));
  return section;
}

function coefficientTable(lines, errors, logarithm) {
  const titles = ["Coefficient", "Standard error", "From", "To", "Standardised", "From", "To"];
  const columns = [{ title: "Feature" }, { title: `${errors.target}` }, ...titles.map((title) => ({ title, number: true }))];
  const of = logarithm ? " of the logarithm of the target: 1 more multiplies it by exp(coefficient)" : "";
  return table(`Coefficients in original units${of}, then standardised, with 95 % intervals`, columns, lines.map((line) =>
    [line.shown, line.direction, ...COEFFICIENT_FIELDS.slice(1, -1).map((name) => exactNumber(line[name]))]));
}

/** Curves and pairs: those that say something as figures, all of them as tables. */
function terms(chosen, values) {
  const { curves, pairs, errors, logarithm } = chosen;
  const parts = [];
  const change = logarithm ? "Factor by which the target changes" : "Change of the target";
  if (curves.length) {
    const drawn = curves.filter((curve) => curve.drawn).slice(0, MOST_CURVES);
    const smaller = curves.filter((curve) => curve.drawn && !drawn.includes(curve)).map(({ feature }) => feature);
    const straight = curves.filter((curve) => !curve.drawn).map(({ feature }) => feature);
    parts.push(element("section", { id: "curves" }, element("h3", {}, "Curves"),
      element("p", { class: "help" }, `${change} against the mean batch when one feature moves: its line and its curve ` +
        "together. Band: 1.96 standard errors of the curve to each side. Below: how often each value was seen in training."),
      element("div", { class: "pair" }, drawn.map((curve) => figure(curve.feature, `${errors.target} ${curve.words}.`,
        `${sentence(curve.words)}.`, curveChart(curve, values[curve.feature], chosen), "h4"))),
      smaller.length ? element("p", {}, `Smaller curves, in the table: ${smaller.join(", ")}.`) : null,
      straight.length ? element("p", {}, `Nearly straight: ${straight.join(", ")}.`) : null,
      unfolding(counted(curves, "curve"), () => curveTable(curves, chosen))));
  }
  if (pairs.length) {
    const drawn = pairs.filter((pair) => pair.drawn).slice(0, MOST_PAIRS);
    parts.push(element("section", { id: "pairs" }, element("h3", {}, "Features that act together"),
      element("p", { class: "help" }, `${change} against the mean batch when two features move: blue up, orange down. ` +
        "Dots: batches of training; where there are none, nothing is known."),
      element("div", { class: "pair" }, drawn.map((pair) => figure(pair.features.join(" × "), `${sentence(pair.words)}.`,
        `${sentence(pair.words)}.`, pairChart(pair, curves, values, chosen), "h4"))),
      unfolding(counted(pairs, "pair"), () => pairTable(pairs, errors))));
  }
  return parts;
}

function counted(terms, name) {
  return terms.length === 1 ? `The ${name} as a table` : `All ${terms.length} ${name}s as a table`;
}

function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function curveTable(curves, { errors, logarithm }) {
  const columns = [{ title: "Feature" }, { title: "Shape" }, ...["At", "Beside the line", "From", "To"].map((title) => ({ title, number: true }))];
  return table(`How far curves lie beside the lines of their features${logarithm ? ", in logarithms" : inUnit(errors)}, with 95 % intervals`, columns,
    curves.flatMap((curve) => curve.knots.map((knot, i) => [curve.feature, curve.words,
      ...[knot, curve.values[i], curve.lower[i], curve.upper[i]].map((value) => exactNumber(value))])));
}

function pairTable(pairs, errors) {
  const columns = [{ title: "Features" }, { title: errors.target }, ...["Coefficient", "From", "To"].map((title) => ({ title, number: true }))];
  return table("Coefficients of products of two features, each about its mean, with 95 % intervals", columns,
    pairs.map((pair) => [pair.features.join(" × "), pair.drawn ? pair.words : "unclear",
      ...[pair.coefficient, pair.lower, pair.upper].map((value) => exactNumber(value))]));
}

function comparison({ evaluation, errors }) {
  if (!evaluation) return [];
  const columns = ["Model", "Skill", `Error${errors.unit ? ` [${errors.unit}]` : ""}`].map((title, i) => ({ title, number: i > 0 }));
  return [element("section", {}, element("h3", {}, "Champion against challenger"),
    element("p", {}, `Compared on: ${evaluation.compared_on} (`, exactNumber(evaluation.batches), " batches)."),
    table("Champion against challenger", columns, [
      ["Champion", exactNumber(evaluation.skill_champion, formatSkill(evaluation.skill_champion, 3)), exactNumber(evaluation.rmse_champion)],
      ["Challenger", exactNumber(evaluation.skill_challenger, formatSkill(evaluation.skill_challenger, 3)), exactNumber(evaluation.rmse_challenger)],
      ["Mean", "", exactNumber(evaluation.rmse_mean)],
    ], { titled: true }))];
}

function rejections({ count, rows }) {
  const section = element("section", {}, element("h3", {}, "Rejected by data preparation"));
  if (!count) {
    section.append(element("p", {}, "Nothing: every row and value of this product was used."));
    return section;
  }
  const columns = ["Batch", "File", "Row", "Column", "Value", "Reason"].map((title) => ({ title, number: title === "Row" }));
  section.append(table("Rows and values of this product that were left out", columns, rows, { titled: true }));
  if (count > rows.length) section.append(element("p", {}, `The first ${rows.length} of ${count}; all are in rejected.csv.`));
  return section;
}
