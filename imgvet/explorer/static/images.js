/* Originals and facts of images, asked for once; the last few pictures are kept in memory. */

import * as api from "./api.js";
import { byId } from "./dom.js";

const KEPT = 12;
const NONE = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
const originals = new Map(); // id -> {reader, reading: promise of {source, changed, missing}, isRead}

/* Asks once for each id; what failed is asked again. */
export function once(ask) {
  const known = new Map();
  return (id) => {
    if (!known.has(id)) {
      known.set(id, ask(id));
      known.get(id).catch(() => known.delete(id));
    }
    return known.get(id);
  };
}

export const factsOf = once(api.facts);

export function original(id) {
  if (!originals.has(id)) {
    const reader = new AbortController();
    const shown = (missing) => ({ picture, changed }) => ({ source: URL.createObjectURL(picture), changed, missing });
    const small = () => api.readOriginal(id, reader.signal, api.thumbnail).then(shown("this is its thumbnail"));
    const none = () => ({ source: NONE, changed: false, missing: "nor is there a thumbnail of it" });
    const reading = api.readOriginal(id, reader.signal).then(shown(""), small).catch(none);
    const one = { reader, reading, isRead: false };
    reading.then(() => (one.isRead = true));
    originals.set(id, one);
  }
  return originals.get(id).reading;
}

/* Reads no others on: a browser asks for six files at a time, and thumbnails and decisions would wait for them. */
export function readOnly(needed) {
  for (const [id, one] of originals) {
    if (one.isRead || needed.includes(id)) continue;
    one.reader.abort();
    originals.delete(id);
  }
}

/* Shows the original in a place, and its thumbnail until then, as long as the place is for it; gives what was read. */
export async function showIn(place, id, isMeant) {
  const reading = original(id);
  if (!(await Promise.race([reading, null])) && isMeant()) place.src = api.thumbnail(id);
  const read = await reading;
  if (isMeant()) place.src = read.source;
  return read;
}

/* Those that are needed stay, whatever their number. */
export async function forget(needed) {
  for (const [id, { reading }] of [...originals].slice(0, Math.max(0, originals.size - KEPT))) {
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
