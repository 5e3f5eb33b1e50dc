/* Conditions on columns: chips of those that are set, and a form for a new one. */

import * as api from "./api.js";
import { button, byId, counted, element, number, visible } from "./dom.js";

let columns = new Map();
let onChange = null;
let where = [];

const TABLES = { items: "Images" };

export function titleOf(name) {
  const [table, column] = name.includes(".") ? name.split(".", 2) : ["", name];
  const words = (column || table).replaceAll("_", " ");
  return table && column ? `${table.replaceAll("_", " ")}: ${words}` : words;
}

export function groupOf(name) {
  return name.includes(".") ? name.split(".", 1)[0] : "items";
}

function options(wanted) {
  const groups = new Map();
  for (const column of columns.values()) {
    const table = groupOf(column.name);
    if (!groups.has(table)) groups.set(table, element("optgroup", { label: TABLES[table] || titleOf(table) }));
    const short = column.name.split(".").pop().replaceAll("_", " ");
    groups.get(table).append(element("option", { value: column.name, text: short, title: column.meaning, selected: column.name === wanted ? "" : null }));
  }
  return groups.values();
}

export function start(known, changed) {
  columns = new Map(known.map((column) => [column.name, column]));
  onChange = changed;
  byId("add-filter").append(...options());
  if (byId("sort")) byId("sort").append(element("option", { value: "", text: "order of listing" }), ...options());
  byId("add-filter").addEventListener("change", (event) => {
    const name = event.target.value;
    event.target.value = "";
    if (name) ask(columns.get(name));
  });
}

export function show(conditions) {
  where = conditions;
  byId("filter-form").hidden = true;
  byId("filters").replaceChildren(
    ...where.map((condition, place) => chip(inWords(condition), () => onChange(where.filter((_, other) => other !== place))))
  );
}

export function chip(words, remove) {
  return element("li", { class: "chip" }, [
    element("span", { text: words }),
    button("×", remove, { "aria-label": `Remove the filter ${words}` }),
  ]);
}

function inWords(condition) {
  const parts = [];
  if (condition.missing === true) parts.push("is missing");
  if (condition.missing === false) parts.push("is known");
  if (Array.isArray(condition.values)) parts.push("is " + condition.values.map(visible).join(" or "));
  if (Array.isArray(condition.without)) parts.push("is not " + condition.without.map(visible).join(" or "));
  const signs = { minimum: "≥", maximum: "≤", above: ">", below: "<" };
  for (const [key, sign] of Object.entries(signs)) {
    if (typeof condition[key] === "number") parts.push(`${sign} ${number(condition[key])}`);
  }
  return `${titleOf(String(condition.column))} ${parts.join(" and ")}`;
}

async function ask(column) {
  const form = byId("filter-form");
  form.hidden = false;
  form.replaceChildren(element("p", { class: "lead-text muted", text: "Loading…" }));
  let found;
  try {
    found = await api.column(column.name);
  } catch (error) {
    form.replaceChildren(element("p", { class: "lead-text", text: error.message }));
    return;
  }
  const lead = element("p", { class: "lead-text" }, [
    element("strong", { text: titleOf(column.name) }),
    ` ${column.meaning ? "– " + column.meaning : ""}${found.missing ? ` (${counted(found.missing)} without)` : ""}`,
  ]);
  const fields = column.kind === "number" ? range(found) : choice(found);
  form.replaceChildren(
    lead,
    ...fields.elements,
    element("button", { type: "submit", class: "primary", text: "Apply" }),
    ...(fields.without ? [button("All but these", () => fields.without() && add({ without: fields.without() }))] : []),
    button("Only missing", () => add({ missing: true })),
    button("Cancel", () => {
      form.hidden = true;
    })
  );
  const add = (condition) => onChange([...where, { column: column.name, ...condition }]);
  form.onsubmit = (event) => {
    event.preventDefault();
    const condition = fields.read();
    if (condition) add(condition);
  };
  form.querySelector("input, select").focus();
}

function range(found) {
  const shown = (value) => (value === null ? "" : String(value));
  const least = element("input", { type: "number", step: "any", placeholder: shown(found.least) });
  const greatest = element("input", { type: "number", step: "any", placeholder: shown(found.greatest) });
  return {
    elements: [element("label", { text: "from" }, [least]), element("label", { text: "to" }, [greatest])],
    read() {
      const condition = {};
      if (least.value !== "") condition.minimum = Number(least.value);
      if (greatest.value !== "") condition.maximum = Number(greatest.value);
      return Object.keys(condition).length ? condition : null;
    },
  };
}

function choice(found) {
  const listed = element(
    "select",
    { multiple: "", size: String(Math.min(8, Math.max(2, found.choices.length))) },
    found.choices.map(([value, count]) => element("option", { value, text: `${visible(value)} (${number(count)})` }))
  );
  const rest = found.distinct - found.choices.length;
  const label = `one of${rest > 0 ? ` (${number(rest)} more are not listed; search for their words instead)` : ""}`;
  function chosen() {
    const values = Array.from(listed.selectedOptions, (option) => option.value);
    return values.length ? values : null;
  }
  return {
    elements: [element("label", { text: label }, [listed])],
    read: () => chosen() && { values: chosen() },
    without: chosen,
  };
}
