/* The images that are shown: cards, the keyboard, and the nearest card in a direction. */

import * as api from "./api.js";
import { address } from "./state.js";
import { button, byId, capital, element, folderOf, lastPart, named, noun, number, similarity, visible } from "./dom.js";
import { titleOf } from "./filters.js";
import * as selection from "./selection.js";

let entries = [];
let handlers = null;
const root = byId("gallery");

/* given: {similar(id), zoom(entry), root: the folder that needs no mention} */
export function start(given) {
  handlers = given;
  selection.onChange(mark);
  root.addEventListener("keydown", keys);
}

export function show(page, nothing = `No ${noun}s match.`) {
  entries = page.rows.map((row) => {
    const known = Object.fromEntries(page.columns.map((name, place) => [name, row[place]]));
    return { id: known.id, filename: known.filename, status: known.status, known };
  });
  root.replaceChildren(...entries.map(card));
  if (!entries.length) root.append(element("li", { class: "empty", text: nothing }));
  mark();
}

export const shown = () => entries;
export const entryBeside = (id, by) => entries[entries.findIndex((entry) => entry.id === id) + by] || null;

export function focus(id) {
  const link = id === undefined ? root.querySelector("a.picture") : root.querySelector(`a.picture[data-id="${id}"]`);
  if (link) link.focus();
}

function card(entry) {
  const name = visible(lastPart(entry.filename));
  const usable = entry.status === "ok";
  const picture = element(
    "a",
    {
      class: "picture",
      "data-id": entry.id,
      href: usable ? address({ similar: entry.id }) : api.original(entry.id),
      "aria-label": usable ? `${capital(noun)}s similar to ${name}` : `Not analysed: ${name}`,
    },
    [usable ? thumbnail(entry.id) : element("span", { class: "missing", text: "Not analysed" })]
  );
  picture.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (usable) handlers.similar(entry.id);
    else handlers.zoom(entry);
  });
  const pick = element("input", { type: "checkbox", class: "pick", value: entry.id, "aria-label": `Select ${name}` });
  pick.addEventListener("change", () => {
    selection.choose(entry.id, entry.filename, pick.checked);
    selection.changed();
  });
  const zoom = button("Zoom", () => handlers.zoom(entry), { class: "zoom-in", "aria-label": `Zoom ${name}` });
  return element("li", { class: "card" }, [picture, pick, zoom, text(entry)]);
}

function thumbnail(id) {
  const image = element("img", { src: api.thumbnail(id), alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(element("span", { class: "missing", text: "No picture" })));
  return image;
}

function text(entry) {
  const { known } = entry;
  const name = element("button", { type: "button", class: "name" }, [named(lastPart(entry.filename))]);
  name.addEventListener("click", () => handlers.zoom(entry));
  const lines = [name, element("span", { class: "folder file" }, [named(shortFolder(entry.filename))])];
  if (typeof known.similarity === "number") {
    lines.unshift(element("span", { class: "tag", text: similarity(known.similarity), title: `similarity ${known.similarity}` }));
  }
  if (entry.status !== "ok") lines.push(element("span", { class: "reason", text: visible(String(entry.status)) }));
  for (const name of ["label", "split"]) {
    if (known[name]) lines.push(element("span", { class: "facts" }, [`${name}: `, named(String(known[name]))]));
  }
  for (const [column, value] of Object.entries(known)) {
    if (["id", "filename", "status", "label", "split", "similarity"].includes(column) || value === null) continue;
    const words = typeof value === "number" ? number(value) : visible(String(value));
    lines.push(element("span", { class: "facts", text: `${titleOf(column)}: ${words}` }));
  }
  return element("div", { class: "card-text" }, lines);
}

/* The folder, seen from the one that all images share. */
function shortFolder(filename) {
  const folder = folderOf(filename);
  return folder.startsWith(handlers.root) ? folder.slice(handlers.root.length) : folder;
}

function mark() {
  for (const box of root.querySelectorAll(".pick")) {
    box.checked = selection.has(Number(box.value));
    box.closest(".card").classList.toggle("is-selected", box.checked);
  }
}

function keys(event) {
  const link = event.target.closest("a.picture");
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
  const entry = entries.find((one) => one.id === Number(link.dataset.id));
  if (event.key.startsWith("Arrow")) {
    const next = neighbour(link, event.key);
    if (next) next.focus();
  } else if (event.key === "x") link.parentElement.querySelector(".pick").click();
  else if (event.key === "z" || event.key === " ") handlers.zoom(entry);
  else return;
  event.preventDefault();
}

/* The nearest picture in a direction, by where the pictures are on the screen. */
function neighbour(link, key) {
  const links = Array.from(root.querySelectorAll("a.picture"));
  const place = links.indexOf(link);
  if (key === "ArrowLeft") return links[place - 1];
  if (key === "ArrowRight") return links[place + 1];
  const down = key === "ArrowDown";
  const from = link.getBoundingClientRect();
  const rest = down ? links.slice(place + 1) : links.slice(0, place).reverse();
  return rest.find((other) => {
    const box = other.getBoundingClientRect();
    return Math.abs(box.left - from.left) < 4 && Math.abs(box.top - from.top) > 4;
  });
}
