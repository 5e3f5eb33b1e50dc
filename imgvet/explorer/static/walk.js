/* Going through findings, one after the other, and deciding on them; what a finding is, and how it is shown, the page
   says. The state is in the address; its at is the place of the finding among those found. */

import * as api from "./api.js";
import { badged, byId, element, noun, number, visible } from "./dom.js";
import * as filters from "./filters.js";
import { address, query, read as readState } from "./state.js";

const CHUNK = 60;

/* Of the page: {path, kind, kinds: "pairs" or "labels", fetch(query), show(row or null), prepare(next row),
   buttons: {id: {decision(row), off(row): why not, or empty, said}}, keep(row, {decision, before}), keys: {key: act}, marked(row)} */
let page = null;
export let run = null;
export let state = null;
export let total = 0;
export let shown = null;
let decided = 0; // of all that are found
let whole = false; // whether of crops all of their pictures are shown
let chunks = new Map(); // number of a chunk -> a promise of its rows
let acting = Promise.resolve(); // one act ends before the next, however fast keys are pressed
const done = []; // what can be undone: {row, before, at}

function read() {
  const given = readState();
  return { ...given, kind: given.kind || page.kind };
}

function act(what) {
  acting = acting.then(what).catch((error) => say(error.message));
  return acting;
}

/* Another choice of findings begins at the first; a step among them makes no page to go back to. */
export function go(part) {
  state = { ...state, at: 0, ...part };
  chunks = new Map();
  history.pushState(null, "", address(state, page.path));
  showControls();
  return load(1);
}

/* The findings, a chunk at a time */

function rowAt(at) {
  const place = Math.floor(at / CHUNK);
  if (!chunks.has(place)) {
    const isFirst = !chunks.size;
    const wanted = { ...query(state), kind: state.kind, offset: place * CHUNK, limit: CHUNK };
    if (state.relation) wanted.relations = [state.relation];
    if (state.labels.length === 2) wanted.labels = state.labels;
    const asked = page.fetch(wanted).then((found) => {
      total = found.total;
      if (isFirst) decided = found.decided; // the page counts on by itself
      return found.rows;
    });
    const mine = chunks.set(place, asked);
    asked.catch(() => mine.delete(place)); // and is asked again
  }
  return chunks.get(place).then((rows) => rows[at % CHUNK]);
}

/* The first finding from a place on, in a direction, that is not passed over; null if there is none. */
async function nextFrom(at, by) {
  for (let place = at; place >= 0; place += by) {
    const row = await rowAt(place);
    if (!row) return null;
    if (!state.open || row.decision === null) return { row, at: place };
  }
  return null;
}

async function load(by) {
  const wanted = state;
  try {
    const found = (await nextFrom(state.at, by)) || (by > 0 && state.open ? await nextFrom(state.at, -1) : null);
    if (state !== wanted) return;
    say("");
    if (found) state.at = found.at;
    show(found && found.row);
  } catch (error) {
    say(error.message);
  }
}

async function turn(by) {
  const found = await nextFrom(state.at + by, by);
  if (!found) {
    tell(by > 0 ? "This was the last one." : "This is the first one.");
    return;
  }
  state.at = found.at;
  history.replaceState(null, "", address(state, page.path));
  show(found.row);
}

export function say(problem) {
  byId("problem").textContent = problem;
  byId("problem").hidden = !problem;
}

const tell = (words) => (byId("said").textContent = words);

function show(row) {
  shown = row;
  byId("finding").hidden = !row;
  byId("back").disabled = byId("forth").disabled = !total;
  tell("");
  if (!row) {
    byId("range").textContent = state.open && total ? `All ${number(total)} ${page.kinds} are decided on.` : `No ${page.kinds} match.`;
    return;
  }
  showDecision();
  const at = state.at;
  Promise.resolve(page.show(row))
    .then(() => nextFrom(at + 1, 1))
    .then((next) => next && shown === row && page.prepare(next.row))
    .catch((error) => say(error.message));
}

/* Decisions */

export function showDecision() {
  for (const [id, one] of Object.entries(page.buttons)) {
    const off = Boolean((byId(id).title = one.off(shown) || ""));
    byId(id).setAttribute("aria-disabled", String(off));
    byId(id).setAttribute("aria-pressed", String(!off && shown.decision !== null && shown.decision === one.decision(shown)));
  }
  const left = decided ? ` · ${number(decided)} decided` : "";
  byId("range").textContent = `${number(state.at + 1)} of ${number(total)}${left}${page.words(shown)}`;
  page.marked(shown);
  byId("undo").disabled = !done.length;
}

/* Whether it was kept, and not refused, or decided otherwise meanwhile: here on the same contents, or on another page. */
async function keep(row, decision) {
  let stands;
  try {
    stands = (await page.keep(row, { decision, before: row.decision })).decision;
  } catch (error) {
    say(error.message);
    return false;
  }
  say("");
  decided += (stands !== null) - (row.decision !== null);
  row.decision = stands;
  if (stands === decision) return true;
  if (shown === row) showDecision();
  tell(`Meanwhile decided: ${stands === null ? "nothing" : visible(stands).replaceAll("_", " ")}. The same again changes it.`);
  return false;
}

async function decide(id) {
  if (!shown) return;
  const one = page.buttons[id];
  const off = one.off(shown);
  if (off) tell(off);
  else await take(one.decision(shown), one.said);
}

async function take(wanted, said) {
  const row = shown;
  const before = row.decision;
  const decision = before === wanted ? null : wanted;
  const at = state.at;
  if (!(await keep(row, decision))) return;
  done.push({ row, before, at });
  if (decision !== null) await turn(1);
  if (shown === row) showDecision();
  tell(decision === null ? "Taken back." : said);
  byId("undo").disabled = false;
}

/* A decision that no button stands for. */
export const choose = (decision, said) => act(() => take(decision, said));

async function undo() {
  const last = done.pop();
  if (!last || !(await keep(last.row, last.before))) return;
  state.at = last.at;
  history.replaceState(null, "", address(state, page.path));
  show(last.row);
  tell("Undone.");
}

/* What is asked for to see an image: of a crop it, or the picture that it was cut out of with a line around it. */
export const seen = (id) => (whole ? `${id}?whole` : id);

function showWhole() {
  if (noun !== "crop" || !shown) return;
  whole = !whole;
  byId("whole").setAttribute("aria-pressed", String(whole));
  show(shown);
}

/* Wiring */

function wire() {
  let waiting = 0;
  byId("text").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => go({ text: byId("text").value.trim() }), 250);
  });
  byId("search-form").addEventListener("submit", (event) => event.preventDefault());
  byId("list").addEventListener("change", (event) => go({ list: event.target.value }));
  byId("open-only").addEventListener("change", (event) => go({ open: event.target.checked }));
  byId("back").addEventListener("click", () => act(() => turn(-1)));
  byId("forth").addEventListener("click", () => act(() => turn(1)));
  const ids = Object.keys(page.buttons);
  for (const id of ids) byId(id).addEventListener("click", () => act(() => decide(id)));
  byId("undo").addEventListener("click", () => act(undo));
  byId("whole").addEventListener("click", showWhole);
  byId("whole").hidden = noun !== "crop";
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !run) return;
    const acts = { n: () => act(() => turn(1)), p: () => act(() => turn(-1)), u: () => act(undo), w: showWhole, ...page.keys };
    const id = ids[Number(event.key) - 1];
    if (!acts[event.key] && !id) return;
    event.preventDefault();
    if (id) act(() => decide(id));
    else acts[event.key]();
  });
  addEventListener("popstate", () => {
    state = read();
    chunks = new Map();
    showControls();
    load(1);
  });
}

function showControls() {
  byId("text").value = state.text;
  byId("list").value = state.list;
  if (byId("relation")) byId("relation").value = state.relation;
  byId("open-only").checked = state.open;
  filters.show(state.where);
  if (state.labels.length === 2) {
    byId("filters").append(filters.chip(`labels ${state.labels.map(visible).join(" and ")}`, () => go({ labels: [] })));
  }
  for (const kinds of ["pairs", "labels"]) {
    const path = `/${kinds}`;
    const here = path === page.path;
    const found = run[kinds].filter((one) => one.total || (here && one.kind === state.kind));
    byId(`${kinds}-title`).hidden = !found.length;
    byId(kinds).replaceChildren(
      ...found.map((one) => {
        const wanted = { ...state, kind: one.kind, labels: [], at: 0, ...(here ? {} : { relation: "" }) };
        const current = here && one.kind === state.kind ? "page" : null;
        return element("li", {}, [badged(one.title, one.total, { href: address(wanted, path), "aria-current": current })]);
      })
    );
  }
}

export function hueOf(text) {
  let hue = 7;
  for (const letter of text) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return hue;
}

/* A label or a split, coloured by its name. */
export function coloured(made, text) {
  made.textContent = visible(text);
  made.className = "hue";
  made.style.setProperty("--hue", hueOf(text));
  return made;
}

export async function start(given) {
  page = given;
  state = read();
  const [about, { lists }] = await Promise.all([api.about(), api.lists()]);
  run = about;
  byId("list-row").hidden = !lists.length;
  byId("list").append(...lists.map((one) => element("option", { value: one.name, text: `${visible(one.name)} (${number(one.count)})` })));
  filters.start(run.columns, (where) => go({ where }));
  await page.ready();
  wire();
  showControls();
  await load(1);
}
