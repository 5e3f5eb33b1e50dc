/* What a page shows, as part of its address, so that Back, reload and bookmarks work. Of the explorer: {similar: id, text,
   where, list, sort, descending, page}; a picture that was given has no address: it is {picture: ...} in memory only. Of
   the findings: {kind, text, where, list, relation, labels, open, at}. All may be missing. */

export const PAGE = 60;
const TEXTS = ["kind", "text", "list", "relation", "sort"];
const LISTS = ["labels", "where"];
const FLAGS = ["descending", "open"];
const PLACES = ["page", "at"]; // counted from 0, and in the address from 1

function parsed(text) {
  try {
    const found = JSON.parse(text || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

export function read() {
  const given = new URLSearchParams(location.search);
  const read = (names, value) => names.map((name) => [name, value(given.get(name) || "")]);
  return Object.fromEntries([
    ["similar", /^\d+$/.test(given.get("similar") || "") ? Number(given.get("similar")) : undefined],
    ...read(TEXTS, (text) => text),
    ...read(LISTS, parsed),
    ...read(FLAGS, (text) => text === "1"),
    ...read(PLACES, (text) => Math.max(0, Number.parseInt(text || "1", 10) - 1 || 0)),
  ]);
}

export function address(state, path = "/explore") {
  const made = new URLSearchParams();
  if (state.similar !== undefined) made.set("similar", state.similar);
  for (const name of TEXTS) if (state[name]) made.set(name, state[name]);
  for (const name of LISTS) if (state[name] && state[name].length) made.set(name, JSON.stringify(state[name]));
  for (const name of FLAGS) if (state[name]) made.set(name, "1");
  for (const name of PLACES) if (state[name]) made.set(name, state[name] + 1);
  const text = made.toString();
  return text ? `${path}?${text}` : path;
}

export function query(state) {
  const made = { text: state.text || "", where: state.where || [], descending: Boolean(state.descending) };
  if (state.list) made.list = state.list;
  if (state.sort) made.sort = state.sort;
  return made;
}
