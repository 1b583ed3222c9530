"use strict";

const COEFFICIENT_FIELDS = ["feature", "coefficient", "error", "lower", "upper", "standardised", "standardised_lower",
  "standardised_upper", "direction"];
const INTERCEPT = "(intercept)";
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
    ...(errors.not_trained ? untrained(errors) : trained(chosen)),
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

function trained(chosen) {
  const { errors, batches, worst } = chosen;
  const lines = chosen.coefficients.map((values) => Object.fromEntries(values.map((v, i) => [COEFFICIENT_FIELDS[i], v])))
    .sort((a, b) => Math.abs(b.standardised ?? 0) - Math.abs(a.standardised ?? 0));
  const features = lines.filter((line) => line.feature !== INTERCEPT && line.standardised);
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
    coefficients(lines, features, errors),
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

function coefficients(lines, features, errors) {
  const strongest = features.slice(0, 3).map((line) => `${line.feature} (${line.direction})`).join(", ");
  const note = features.length > MOST_COEFFICIENTS ? ` The ${MOST_COEFFICIENTS} largest of ${features.length}.` : "";
  const section = element("section", {});
  if (features.length) {
    section.append(figure("What moves it", `Standardised coefficients of ${errors.target}; the largest: ${strongest}.`,
      "How far the target moves, in its standard deviations, when a feature moves by one of its own. Lines: 95 % intervals " +
      `of estimates that are hardly shrunk. Blue raises, orange lowers, hollow: the interval holds zero.${note}`,
      coefficientChart(features)));
  }
  section.append(unfolding(`All ${lines.length} coefficients as a table`, () => coefficientTable(lines, errors)));
  return section;
}

function coefficientTable(lines, errors) {
  const titles = ["Coefficient", "Standard error", "From", "To", "Standardised", "From", "To"];
  const columns = [{ title: "Feature" }, { title: `${errors.target}` }, ...titles.map((title) => ({ title, number: true }))];
  return table("Coefficients in original units, then standardised, with 95 % intervals", columns, lines.map((line) =>
    [line.feature, line.direction, ...COEFFICIENT_FIELDS.slice(1, -1).map((name) => exactNumber(line[name]))]));
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
