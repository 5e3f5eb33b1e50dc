/* Originals and facts of images, asked for once; the last few pictures are kept in memory. */

import * as api from "./api.js";
import { byId } from "./dom.js";

const KEPT = 12;
const NONE = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
const known = new Map(); // id -> promise of its facts
const originals = new Map(); // id -> promise of {source, changed, missing}

export function factsOf(id) {
  if (!known.has(id)) known.set(id, api.facts(id));
  return known.get(id);
}

export function original(id) {
  if (!originals.has(id)) {
    const shown = (missing) => ({ picture, changed }) => ({ source: URL.createObjectURL(picture), changed, missing });
    const small = () => api.readOriginal(id, undefined, api.thumbnail).then(shown("this is its thumbnail"));
    const none = () => ({ source: NONE, changed: false, missing: "nor is there a thumbnail of it" });
    originals.set(id, api.readOriginal(id).then(shown(""), small).catch(none));
  }
  return originals.get(id);
}

/* Those that are needed stay, whatever their number. */
export async function forget(needed) {
  for (const [id, reading] of [...originals].slice(0, Math.max(0, originals.size - KEPT))) {
    if (needed.includes(id)) continue;
    originals.delete(id);
    const { source } = await reading;
    if (source.startsWith("blob:")) URL.revokeObjectURL(source);
  }
}

/* read: what original() gave, by what a person calls the file. */
export function notesOn(read) {
  const notes = [];
  for (const [name, one] of Object.entries(read)) {
    if (one.changed) notes.push(`${name} was replaced since the run: what is told of it is of the old one.`);
    if (one.missing) notes.push(`${name} can't be shown; ${one.missing}.`);
  }
  byId("changed").textContent = notes.join(" ");
  byId("changed").hidden = !notes.length;
}
