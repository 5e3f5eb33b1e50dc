/* Asking the server. Every function gives data, or throws an Error with a line for a person. */

const meta = (name) => document.querySelector(`meta[name="imgvet-${name}"]`).content;
const token = meta("token");

async function answered(response) {
  let data = null;
  try {
    data = await response.json();
  } catch {
    data = null;
  }
  if (response.ok && data !== null) return data;
  const said = data && data.error ? data.error : `The explorer answers ${response.status}.`;
  throw new Error(response.status === 401 || response.status === 403 ? "The explorer was started again: open its new address." : said);
}

/* Ids are those of the run that the page was made of. */
async function reach(address, options) {
  try {
    return await fetch(address, { ...options, headers: { ...options.headers, "x-imgvet-run": meta("run") } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The explorer does not answer: is it still running?");
  }
}

const ask = async (address, options = {}) => answered(await reach(address, options));

function post(address, body, type) {
  return ask(address, { method: "POST", body, headers: { "content-type": type, "x-imgvet-token": token } });
}

const asked = (query) => "&query=" + encodeURIComponent(JSON.stringify(query));
const json = (address, data) => post(address, JSON.stringify(data), "application/json");

export const about = () => ask("/api/run");
export const items = (query, signal) => ask("/api/items?query=" + encodeURIComponent(JSON.stringify(query)), { signal });
export const facts = (id) => ask(`/api/items/${id}`);
export const column = (name) => ask("/api/columns/" + encodeURIComponent(name));
export const similar = (id, k, query, signal) => ask(`/api/similar/${id}?k=${k}${asked(query)}`, { signal });
export const searchPicture = (file, k, query) => post(`/api/search?k=${k}${asked(query)}`, file, "application/octet-stream");
export const searchPath = (path, k, query) => json("/api/search-path", { path, k, query });
export const pairs = (query) => ask("/api/pairs?query=" + encodeURIComponent(JSON.stringify(query)));
export const decide = (asked) => json("/api/pairs", asked);
export const labels = (query) => ask("/api/labels?query=" + encodeURIComponent(JSON.stringify(query)));
export const decideLabel = (asked) => json("/api/labels", asked);
export const lists = () => ask("/api/lists");
const listOf = (name) => "/api/lists/" + encodeURIComponent(name);
export const changeList = (name, change) => json(listOf(name), change);
export const deleteList = (name) => ask(listOf(name), { method: "DELETE", headers: { "x-imgvet-token": token } });
export const saveList = (wanted) => json("/api/lists", wanted);
export const thumbnail = (id) => `/thumbnail/${id}`;
export const original = (id, whole = false) => `/original/${id}${whole ? "?whole" : ""}`;

/* The original, and whether it is another one than the run saw. */
export async function readOriginal(id, signal, address = original) {
  const response = await reach(address(id), { signal });
  if (!response.ok) await answered(response);
  return { picture: await response.blob(), changed: response.headers.has("x-imgvet-changed") };
}

export const listAddress = (name) => `/lists/${encodeURIComponent(name)}.txt`;
