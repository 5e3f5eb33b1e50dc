/* The explorer: what is shown follows from the state, and the state from the address. */

import * as api from "./api.js";
import { badged, button, byId, capital, counted, element, lastPart, named, noun, number } from "./dom.js";
import * as filters from "./filters.js";
import * as gallery from "./gallery.js";
import { askAndSave, markList, showLists } from "./save.js";
import * as selection from "./selection.js";
import { address, PAGE, query, read } from "./state.js";
import * as zoom from "./zoom.js";

const NEIGHBORS = Number(document.querySelector('meta[name="imgvet-neighbors"]').content);

let run = null;
let state = read();
let picture = null; // a picture that was given: {name, source, find() -> answer}
let total = 0;
let asking = null;

/* Going somewhere */

function go(next, { replace = false, keep = false } = {}) {
  if (!keep) picture = null;
  state = { page: 0, ...next };
  history[replace ? "replaceState" : "pushState"](null, "", address(state));
  return show();
}

const searching = () => picture !== null || state.similar !== undefined;
const change = (part, options) => go({ ...state, page: 0, ...part }, { ...options, keep: true });
const similar = (id) => go({ ...state, similar: id, sort: null, page: 0 }).then(() => scrollTo({ top: 0 }));

/* Whether there was a page to turn to. */
async function turn(by) {
  const pages = Math.max(1, Math.ceil(total / PAGE));
  const page = Math.min(Math.max((state.page || 0) + by, 0), pages - 1);
  if (page === (state.page || 0) || searching()) return false;
  await go({ ...state, page });
  gallery.focus();
  return true;
}

/* The image beside one, if need be on the page before or after. */
async function beside(by, id) {
  const next = gallery.entryBeside(id, by);
  if (next || !(await turn(by))) return next;
  return gallery.shown().at(by < 0 ? -1 : 0) || null;
}

/* Showing */

async function show() {
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  byId("gallery").classList.add("loading");
  showControls();
  try {
    const page = await fetched(mine.signal);
    if (mine.signal.aborted) return;
    total = page.total;
    gallery.show(page);
    say("");
  } catch (error) {
    if (mine.signal.aborted) return;
    total = 0;
    gallery.show({ columns: [], rows: [] }, "");
    say(error.message);
  }
  byId("gallery").classList.remove("loading");
  showRange();
}

function fetched(signal) {
  if (picture) return picture.find(query(state));
  if (state.similar !== undefined) return api.similar(state.similar, NEIGHBORS, query(state), signal);
  return api.items({ ...query(state), offset: (state.page || 0) * PAGE, limit: PAGE }, signal);
}

function say(problem) {
  byId("problem").textContent = problem;
  byId("problem").hidden = !problem;
}

function showControls() {
  const where = state.where || [];
  byId("sort").parentElement.hidden = byId("direction").hidden = searching();
  filters.show(where);
  if (state.list) byId("filters").append(filters.chip(`in the list ${state.list}`, () => change({ list: null })));
  markList(searching() ? null : state.list);
  if (byId("text") !== document.activeElement) byId("text").value = state.text || "";
  byId("sort").value = state.sort || "";
  byId("direction").disabled = !state.sort;
  byId("direction").textContent = state.descending ? "Descending" : "Ascending";
  byId("direction").setAttribute("aria-pressed", String(Boolean(state.descending)));
  for (const link of byId("presets").querySelectorAll("a")) {
    if (!searching() && sameQuery(link.getAttribute("href"))) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  showSearched();
}

const sameQuery = (href) => href === address({ ...state, page: 0 });

function showRange() {
  const from = (state.page || 0) * PAGE;
  const count = gallery.shown().length;
  const pages = Math.ceil(total / PAGE);
  const range = number(from + 1) + (count > 1 ? `–${number(from + count)}` : "");
  const words = searching() ? counted(count, "nearest ") : `${range} of ${counted(total)}`;
  byId("range").textContent = count ? words : `No ${noun}s`;
  byId("back").hidden = byId("forth").hidden = searching() || pages < 2;
  byId("back").disabled = !state.page;
  byId("forth").disabled = (state.page || 0) >= pages - 1;
  byId("save-all").hidden = searching() || !count;
  byId("select-shown").hidden = !count;
}

/* What was searched for, above what was found */

async function showSearched() {
  const root = byId("searched");
  root.hidden = !searching();
  if (root.hidden) return;
  const id = state.similar;
  const heading = element("p", {}, [`${capital(noun)}s similar to `, picture ? named(picture.name) : `${noun} ${id}`]);
  const tools = element("div", { class: "tools" }, [button(`Show all ${noun}s`, () => go({}))]);
  const image = element("img", { alt: "The picture that was searched for", src: picture ? picture.source : api.thumbnail(id) });
  image.hidden = picture !== null && !picture.source;
  image.addEventListener("error", () => {
    image.hidden = true;
  });
  root.replaceChildren(image, element("div", { class: "searched-text" }, [heading, tools]));
  if (picture) return;
  try {
    const facts = await api.facts(id);
    if (state.similar !== id) return;
    heading.replaceChildren(`${capital(noun)}s similar to `, named(String(facts.filename)));
    tools.prepend(button("Zoom", () => zoom.open({ id, filename: facts.filename, status: facts.status })));
  } catch {
    // The gallery says what is wrong.
  }
}

/* Searching for a picture that is given */

function searchFile(files) {
  const file = files[0];
  if (!run.takes_pictures) {
    say("The run used your own embeddings, so only its own images can be searched for: click one.");
    return;
  }
  if (file.size > run.max_bytes) {
    say(`The picture is larger than ${number(run.max_bytes)} bytes.`);
    return;
  }
  const source = URL.createObjectURL(file);
  const name = file.name || "the pasted picture";
  const first = files.length > 1 ? `${name}, the first of ${number(files.length)}` : name;
  given({ name: first, source, find: (wanted) => api.searchPicture(file, NEIGHBORS, wanted) });
}

function given(wanted) {
  if (picture && picture.source) URL.revokeObjectURL(picture.source);
  state = { ...state, similar: undefined, sort: null, page: 0 };
  picture = wanted;
  history.pushState(null, "", address(state));
  show();
}

function wireGivenPictures() {
  byId("pick-file").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    if (event.target.files.length) searchFile(event.target.files);
    event.target.value = "";
  });
  byId("pick-path").addEventListener("click", () => {
    const row = byId("path-row");
    row.hidden = !row.hidden;
    byId("pick-path").setAttribute("aria-expanded", String(!row.hidden));
    if (!row.hidden) byId("path").focus();
  });
  byId("path-row").addEventListener("submit", (event) => {
    event.preventDefault();
    const path = byId("path").value.trim();
    if (path) given({ name: lastPart(path), source: "", find: (wanted) => api.searchPath(path, NEIGHBORS, wanted) });
  });
  const holdsFile = (event) => event.dataTransfer && Array.from(event.dataTransfer.types).includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!holdsFile(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) searchFile(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData ? event.clipboardData.files : [];
    if (files.length) searchFile(files);
  });
}

/* Wiring */

function wireQuery() {
  let waiting = 0;
  byId("text").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ text: byId("text").value.trim() }, { replace: Boolean(state.text) }), 200);
  });
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    change({ text: byId("text").value.trim() });
  });
  byId("sort").addEventListener("change", (event) => change({ sort: event.target.value || null }));
  byId("direction").addEventListener("click", () => change({ descending: !state.descending }));
  byId("back").addEventListener("click", () => turn(-1));
  byId("forth").addEventListener("click", () => turn(1));
  byId("select-shown").addEventListener("click", () => {
    for (const entry of gallery.shown()) selection.choose(entry.id, entry.filename, true);
    selection.changed();
  });
  byId("save-all").addEventListener("click", () => askAndSave({ query: query(state) }, total));
}

function wireKeys() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (typing || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = { "/": () => byId("text").focus(), n: () => turn(1), p: () => turn(-1) };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
}

function showPresets() {
  byId("presets").replaceChildren(
    ...run.presets.map((preset) => {
      const wanted = { where: [], ...preset.query };
      const link = badged(preset.title, preset.total, { href: address(wanted) });
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(wanted);
      });
      return element("li", {}, [link]);
    })
  );
}

function showFindings(kinds) {
  const found = run[kinds].filter((one) => one.total);
  byId(`${kinds}-title`).hidden = !found.length;
  byId(kinds).replaceChildren(
    ...found.map((one) => element("li", {}, [badged(one.title, one.total, { href: `/${kinds}?kind=${one.kind}` })]))
  );
}

async function start() {
  run = await api.about();
  ["pairs", "labels"].forEach(showFindings);
  byId("about").textContent = `Explorer · ${counted(run.images)} · compared by ${run.model || "embeddings"}`;
  byId("pick-file").hidden = byId("pick-path").hidden = !run.takes_pictures;
  filters.start(run.columns, (where) => change({ where }));
  gallery.start({ similar, zoom: zoom.open, root: run.root });
  zoom.start({ similar, step: beside, closed: gallery.focus });
  showPresets();
  wireQuery();
  wireGivenPictures();
  wireKeys();
  addEventListener("popstate", () => {
    picture = null;
    state = read();
    show();
  });
  selection.restore(run.run);
  await Promise.all([show(), showLists((name) => go({ list: name, where: [] }))]);
}

start().catch((error) => say(error.message));
