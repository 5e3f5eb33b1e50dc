/* The selected images, and what can be done with them. */

import { button, counted, element } from "./dom.js";
import { askAndSave } from "./save.js";

const selected = new Map();
let bar = null;
let status = null;
let key = "imgvet-selection";
const listeners = [];

export const has = (id) => selected.has(id);
export const ids = () => Array.from(selected.keys()).sort((one, other) => one - other);
export const onChange = (listener) => listeners.push(listener);

export function choose(id, filename, on) {
  if (on) selected.set(id, filename);
  else selected.delete(id);
}

/* The selection of this tab, as far as it is of this run: kept while it is open, whatever is loaded in it. */
export function restore(run) {
  key = "imgvet-selection-" + run;
  try {
    for (const [id, name] of JSON.parse(sessionStorage.getItem(key) || "[]")) selected.set(id, name);
  } catch {
    sessionStorage.removeItem(key);
  }
  if (selected.size) changed();
}

function keep() {
  try {
    sessionStorage.setItem(key, JSON.stringify([...selected]));
  } catch {
    sessionStorage.removeItem(key); // It is larger than what a browser keeps.
  }
}

export function changed(said = "") {
  if (!bar) make();
  keep();
  bar.hidden = selected.size === 0;
  document.body.classList.toggle("has-selection", selected.size > 0);
  status.textContent = `${counted(selected.size)} selected. ${said}`;
  for (const listener of listeners) listener();
}

function files() {
  return ids().map((id) => selected.get(id)).join("\n") + "\n";
}

function download() {
  const link = element("a", { download: "selected.txt" });
  link.href = URL.createObjectURL(new Blob([files()], { type: "text/plain;charset=utf-8" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function copy() {
  await navigator.clipboard.writeText(files());
  changed("Copied.");
}

function make() {
  bar = element("div", { class: "selection-bar", role: "region", "aria-label": "Selected images" });
  status = element("span", { role: "status" });
  bar.append(
    status,
    button("Save list…", () => askAndSave({ ids: ids() }, selected.size)),
    button("Copy names", copy),
    button("Download .txt", download),
    button("Clear", () => {
      selected.clear();
      changed();
    })
  );
  document.body.append(bar);
}
