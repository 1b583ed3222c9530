"use strict";

/** A number for people: four significant digits, a real minus sign, – for an undefined one. */
function formatNumber(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

/** A number for people that carries the one of the CSV files. */
function exactNumber(value, text = formatNumber(value)) {
  return element("data", { value: value === null || value === undefined ? "" : String(value) }, text);
}

/** Skill with a given number of decimals. */
function formatSkill(value, decimals = 2) {
  return value === null ? "–" : value.toFixed(decimals).replace("-", "−");
}

/** Decimals for values of a target, so that its error has three significant digits and columns line up. */
function decimalsFor(error) {
  return error > 0 ? Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(error)))) : 3;
}

/** A number with a given number of decimals, that carries the one of the CSV files. */
function fixedNumber(value, decimals) {
  return exactNumber(value, value.toFixed(decimals).replace("-", "−"));
}

/** A number with its unit. */
function withUnit(value, unit) {
  return [exactNumber(value), unit ? `\u00a0${unit}` : ""];
}
