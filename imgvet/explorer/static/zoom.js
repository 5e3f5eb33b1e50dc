/* One image in full size, with everything that the tables say of it. */

import * as api from "./api.js";
import { button, capital, element, lastPart, noun, number, visible } from "./dom.js";
import { groupOf, titleOf } from "./filters.js";
import * as selection from "./selection.js";

let dialog = null;
let parts = null;
let shown = null;
let handlers = null;
let stepping = false;
let whole = false; // whether of a crop all of its picture is shown
let reading = new AbortController();

/* given: {similar(id), step(by, id) -> promise of an entry or null, closed(id)} */
export function start(given) {
  handlers = given;
}

export function open(entry) {
  if (!dialog) make();
  shown = entry;
  parts.said.textContent = "";
  parts.note.hidden = true;
  parts.box.checked = selection.has(entry.id);
  parts.frame.classList.remove("actual");
  parts.picture.alt = visible(lastPart(entry.filename));
  parts.picture.removeAttribute("src");
  if (entry.status === "ok") parts.picture.src = api.thumbnail(entry.id); // until the original is there
  parts.original.href = source();
  parts.whole.hidden = noun !== "crop" || entry.status !== "ok";
  parts.similar.disabled = entry.status !== "ok";
  parts.facts.replaceChildren(element("p", { class: "muted", text: "Loading…" }));
  if (!dialog.open) dialog.showModal();
  showFacts(entry);
  showOriginal(entry);
}

const source = () => api.original(shown.id, whole);

/* The picture that a crop was cut out of, with a line around the crop; and back. */
function showWhole() {
  whole = !whole;
  parts.whole.setAttribute("aria-pressed", String(whole));
  parts.original.href = source();
  showOriginal(shown);
}

async function showOriginal(entry) {
  reading.abort();
  const mine = (reading = new AbortController());
  try {
    const { picture, changed } = await api.readOriginal(entry.id, mine.signal, source);
    if (mine.signal.aborted) return;
    const blob = URL.createObjectURL(picture);
    parts.picture.src = blob;
    parts.note.hidden = true;
    const forget = () => URL.revokeObjectURL(blob);
    parts.picture.decode().then(forget, forget);
    if (changed) say("This is not the picture that the run saw: the file was replaced since. What is told of it here is of the old one.");
  } catch (error) {
    if (!mine.signal.aborted) showThumbnail(error.message);
  }
}

function say(note) {
  parts.note.textContent = note;
  parts.note.hidden = false;
}

async function showFacts(entry) {
  try {
    const facts = await api.facts(entry.id);
    if (shown === entry) parts.facts.replaceChildren(...inGroups(facts));
  } catch (error) {
    if (shown === entry) parts.facts.replaceChildren(element("p", { text: error.message }));
  }
}

function inGroups(facts) {
  const groups = new Map();
  for (const [name, value] of Object.entries(facts)) {
    if (value === "") continue;
    const group = groupOf(name);
    if (!groups.has(group)) groups.set(group, element("dl"));
    const text = typeof value === "number" ? number(value) : visible(String(value));
    const short = name.includes(".") ? titleOf(name).split(": ").slice(1).join(": ") : titleOf(name);
    groups.get(group).append(
      element("div", {}, [element("dt", { text: short }), element("dd", {}, [element("bdi", { text })])])
    );
  }
  return Array.from(groups, ([group, list]) => [
    element("h3", { text: capital(group === "items" ? noun : titleOf(group)) }),
    list,
  ]).flat();
}

function failed() {
  if (parts.picture.src.endsWith(api.thumbnail(shown.id))) say("Neither the original nor a thumbnail can be shown.");
  else showThumbnail("the browser can't decode it");
}

function showThumbnail(why) {
  say(`The original can't be shown (${visible(why)}); this is its thumbnail.`);
  parts.picture.src = api.thumbnail(shown.id);
}

async function step(by) {
  if (stepping) return;
  stepping = true;
  const next = await handlers.step(by, shown.id).finally(() => (stepping = false));
  if (next && dialog.open) open(next);
}

function keys(event) {
  if (event.target.matches("input[type=text]")) return;
  const acts = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), x: () => parts.box.click(), s: () => parts.similar.click(), w: () => parts.whole.click() };
  if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  acts[event.key]();
}

function make() {
  dialog = element("dialog", { class: "zoom", "aria-label": "Image in full size" });
  const box = element("input", { type: "checkbox", id: "zoom-pick" });
  const picture = element("img", { alt: "" });
  parts = {
    box,
    picture,
    frame: element("div", { class: "zoom-picture" }, [picture]),
    facts: element("div", { class: "zoom-facts", tabindex: "0", role: "region", "aria-label": "What is known" }),
    note: element("p", { class: "zoom-note", role: "status", hidden: "" }),
    said: element("span", { class: "muted", role: "status" }),
    original: element("a", { target: "_blank", rel: "noopener", text: "Open the original" }),
    whole: button("In its picture", showWhole, { "aria-pressed": "false" }),
    similar: button(
      `Similar ${noun}s`,
      () => {
        dialog.close();
        handlers.similar(shown.id);
      },
      { class: "primary" }
    ),
  };
  box.addEventListener("change", () => {
    selection.choose(shown.id, shown.filename, box.checked);
    selection.changed();
  });
  picture.addEventListener("error", failed);
  picture.addEventListener("click", () => parts.frame.classList.toggle("actual"));
  dialog.append(
    element("div", { class: "tools" }, [
      button("Previous", () => step(-1)),
      button("Next", () => step(1)),
      parts.similar,
      parts.whole,
      button("Copy path", async () => {
        await navigator.clipboard.writeText(shown.filename);
        parts.said.textContent = "Copied.";
      }),
      element("label", { class: "check", for: "zoom-pick" }, [box, " Selected"]),
      parts.original,
      parts.said,
      button("Close", () => dialog.close()),
    ]),
    element("div", { class: "zoom-body" }, [element("div", {}, [parts.frame, parts.note]), parts.facts])
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // It was opened again before this was told.
    reading.abort();
    parts.picture.removeAttribute("src");
    handlers.closed(shown.id);
  });
  dialog.addEventListener("keydown", keys);
  document.body.append(dialog);
}

