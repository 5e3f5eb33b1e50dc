/* Pairs of similar images, one after the other, and what is decided on them. The state is in the
   address: {kind, text, list, relation, where, open, at}; at is the place of the pair among those found. */

import * as api from "./api.js";
import { button, byId, element, named, number, similarity, visible } from "./dom.js";
import * as filters from "./filters.js";
import * as view from "./view.js";

const CHUNK = 60;
const KEPT = 12; // pictures in memory
const DECISIONS = ["keep_left", "keep_right", "keep_both", "not_a_duplicate"];
const WORDS = { keep_left: "Keep left", keep_right: "Keep right", keep_both: "Keep both", not_a_duplicate: "Not a duplicate" };

let run = null;
let state = null;
let chunks = new Map(); // number of a chunk -> its pairs, or a promise of them
let total = 0;
let shown = null; // the pair
let right = null; // the image on the right: its second, or another of the component
let acting = Promise.resolve(); // one act ends before the next, however fast keys are pressed
const done = []; // what can be undone: {pair, before, at}
const known = new Map(); // id -> promise of its facts
const originals = new Map(); // id -> promise of {source, changed}

/* State and address */

function read() {
  const given = new URLSearchParams(location.search);
  let where = [];
  try {
    where = JSON.parse(given.get("where") || "[]");
  } catch {
    where = [];
  }
  return {
    kind: given.get("kind") || "all",
    text: given.get("text") || "",
    list: given.get("list") || "",
    relation: given.get("relation") || "",
    where: Array.isArray(where) ? where : [],
    open: given.get("open") === "1",
    at: Math.max(0, Number.parseInt(given.get("at") || "1", 10) - 1 || 0),
  };
}

function address(wanted) {
  const made = new URLSearchParams({ kind: wanted.kind });
  if (wanted.text) made.set("text", wanted.text);
  if (wanted.list) made.set("list", wanted.list);
  if (wanted.relation) made.set("relation", wanted.relation);
  if (wanted.where.length) made.set("where", JSON.stringify(wanted.where));
  if (wanted.open) made.set("open", "1");
  if (wanted.at) made.set("at", wanted.at + 1);
  return "/pairs?" + made;
}

function act(what) {
  acting = acting.then(what).catch((error) => say(error.message));
  return acting;
}

/* Another choice of pairs begins at the first; a step among them does not make a page to go back to. */
function go(part) {
  state = { ...state, at: 0, ...part };
  chunks = new Map();
  history.pushState(null, "", address(state));
  return load(1);
}

/* The pairs, a chunk at a time */

function pairAt(at) {
  const place = Math.floor(at / CHUNK);
  if (!chunks.has(place)) {
    const query = { kind: state.kind, text: state.text, where: state.where, offset: place * CHUNK, limit: CHUNK };
    if (state.list) query.list = state.list;
    if (state.relation) query.relations = [state.relation];
    chunks.set(
      place,
      api.pairs(query).then((page) => {
        total = page.total;
        return page.pairs;
      })
    );
  }
  return chunks.get(place).then((pairs) => pairs[at % CHUNK]);
}

/* The first pair from a place on, in a direction, that is not passed over; null if there is none. */
async function nextFrom(at, by) {
  for (let place = at; place >= 0; place += by) {
    const pair = await pairAt(place);
    if (!pair) return null;
    if (!state.open || !pair.decision) return { pair, at: place };
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
    show(found && found.pair);
  } catch (error) {
    say(error.message);
  }
}

async function turn(by) {
  const found = await nextFrom(state.at + by, by);
  if (!found) {
    byId("said").textContent = by > 0 ? "This was the last one." : "This is the first one.";
    return;
  }
  state.at = found.at;
  history.replaceState(null, "", address(state));
  show(found.pair);
}

function say(problem) {
  byId("problem").textContent = problem;
  byId("problem").hidden = !problem;
}

/* One pair */

function factsOf(id) {
  if (!known.has(id)) known.set(id, api.facts(id));
  return known.get(id);
}

function original(id) {
  if (!originals.has(id)) {
    const read = api.readOriginal(id).then(
      ({ picture, changed }) => ({ source: URL.createObjectURL(picture), changed }),
      () => ({ source: api.thumbnail(id), changed: false, missing: true })
    );
    originals.set(id, read);
  }
  return originals.get(id);
}

async function forget() {
  const needed = new Set([shown.from, shown.to, right]);
  for (const [id, reading] of [...originals].slice(0, Math.max(0, originals.size - KEPT))) {
    if (needed.has(id)) continue;
    originals.delete(id);
    const { source } = await reading;
    if (source.startsWith("blob:")) URL.revokeObjectURL(source);
  }
}

function show(pair) {
  shown = pair;
  right = pair && pair.to;
  byId("pair").hidden = !pair;
  byId("back").disabled = byId("forth").disabled = !total;
  byId("said").textContent = "";
  if (!pair) {
    byId("range").textContent = state.open && total ? `All ${number(total)} pairs are decided on.` : "No pairs match.";
    return;
  }
  const relation = pair.relation ? `, ${visible(String(pair.relation)).replaceAll("_", " ")}` : "";
  byId("range").textContent = `${number(state.at + 1)} of ${number(total)} · similarity ${similarity(pair.similarity)}${relation}${pair.explained && ` \u00b7 ${pair.explained}`}`;
  view.fit();
  showDecision();
  fill(pair).catch((error) => say(error.message));
}

async function fill(pair) {
  await Promise.all([showRight(pair.to), showGroup(pair)]);
  const next = await nextFrom(state.at + 1, 1);
  if (next && shown === pair) [next.pair.from, next.pair.to].forEach((id) => (original(id), factsOf(id)));
  forget();
}

async function showRight(id) {
  const pair = shown;
  right = id;
  const mine = () => shown === pair && right === id;
  const [one, other] = await Promise.all([original(pair.from), original(id)]);
  if (!mine()) return;
  byId("left-picture").src = one.source;
  byId("right-picture").src = other.source;
  const notes = [];
  for (const [side, read] of [["left", one], ["right", other]]) {
    if (read.changed) notes.push(`The ${side} file was replaced since the run: what is told of it is of the old one.`);
    if (read.missing) notes.push(`The ${side} original can't be shown; this is its thumbnail.`);
  }
  byId("changed").textContent = notes.join(" ");
  byId("changed").hidden = !notes.length;
  try {
    const facts = await Promise.all([factsOf(pair.from), factsOf(id)]);
    if (mine()) showFacts(facts);
  } catch (error) {
    if (mine()) say(error.message);
  }
}

function hueOf(text) {
  let hue = 7;
  for (const letter of text) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return hue;
}

function cell(name, value) {
  if (value === undefined) return element("td", { text: "–" });
  const words = String(value);
  const short = name === "filename" && words.startsWith(run.root) ? words.slice(run.root.length) : words;
  const text = typeof value === "number" ? element("bdi", { text: number(value) }) : named(short);
  if (name === "filename") text.title = visible(words);
  if (name === "label" || name === "split") {
    text.className = "hue";
    text.style.setProperty("--hue", hueOf(String(value)));
  }
  return element("td", {}, [text]);
}

/* What a person decides by, then what differs, then what does not. */
const FIRST = ["filename", "label", "split", "stats.width", "stats.height", "file_size", "format"];
const LEFT_OUT = ["id", "path", "source", "status", "embedding_row", "digest", "metadata", "pixels", "sides", "stats.file_size"];

function showFacts([one, other]) {
  const differs = (name) => one[name] !== other[name];
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length + (differs(name) ? 0 : 1));
  const told = (name) => !LEFT_OUT.includes(name) && [one, other].some((facts) => (facts[name] ?? "") !== "");
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(told);
  names.sort((name, beside) => rank(name) - rank(beside));
  byId("facts").replaceChildren(
    ...names.map((name) =>
      element("tr", { class: [differs(name) && "differs-row", FIRST.includes(name) && "first"].filter(Boolean).join(" ") || null }, [
        element("th", { scope: "row", text: filters.titleOf(name.replace(/^stats\./, "")) }),
        cell(name, one[name]),
        cell(name, other[name]),
      ])
    )
  );
}

/* The other images of the component: each can take the place of the right one, to be looked at. */
async function showGroup(pair) {
  byId("group").hidden = true;
  const facts = await factsOf(pair.from).catch(() => ({}));
  const component = facts["components.component_id"];
  if (component === undefined || facts["components.count"] < 3) return;
  const where = [{ column: "components.component_id", minimum: component, maximum: component }];
  const page = await api.items({ where, limit: CHUNK });
  if (shown !== pair) return;
  const ids = page.rows.map((row) => row[page.columns.indexOf("id")]).filter((id) => id !== pair.from);
  const mark = () =>
    byId("members").querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(Number(one.value) === right)));
  byId("members").replaceChildren(
    ...ids.map((id) => {
      const look = button("", () => showRight(id).then(showDecision).then(mark), { value: id, "aria-label": `Show image ${id} on the right` });
      look.append(element("img", { src: api.thumbnail(id), alt: "", loading: "lazy" }));
      return element("li", {}, [look]);
    })
  );
  mark();
  byId("group").hidden = false;
}

/* Decisions */

function showDecision() {
  const other = right !== shown.to;
  for (const kind of DECISIONS) {
    byId(kind).setAttribute("aria-pressed", String(!other && shown.decision === kind));
    byId(kind).disabled = other || (shown.same_bytes && kind.startsWith("keep_") && kind !== "keep_both");
  }
  const panes = document.querySelectorAll(".pane");
  const keeps = { keep_left: [true, false], keep_right: [false, true], keep_both: [true, true], not_a_duplicate: [true, true] };
  panes.forEach((pane, side) => {
    const kept = (keeps[!other && shown.decision] || [])[side];
    pane.classList.toggle("kept", kept === true);
    pane.classList.toggle("gone", kept === false);
  });
  byId("undo").disabled = !done.length;
}

async function keep(pair, decision) {
  try {
    await api.decide(pair.from, pair.to, decision);
  } catch (error) {
    say(error.message);
    return false;
  }
  say("");
  pair.decision = decision;
  return true;
}

async function decide(kind) {
  const pair = shown;
  if (!pair || byId(kind).disabled) return;
  const before = pair.decision;
  const decision = before === kind ? null : kind;
  const at = state.at;
  if (!(await keep(pair, decision))) return;
  done.push({ pair, before, at });
  if (decision) await turn(1);
  if (shown === pair) showDecision();
  byId("said").textContent = decision ? `${WORDS[decision]}: kept.` : "Taken back.";
  byId("undo").disabled = false;
}

async function undo() {
  const last = done.pop();
  if (!last || !(await keep(last.pair, last.before))) return;
  state.at = last.at;
  history.replaceState(null, "", address(state));
  show(last.pair);
  byId("said").textContent = "Undone.";
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
  byId("relation").addEventListener("change", (event) => go({ relation: event.target.value }));
  byId("open-only").addEventListener("change", (event) => go({ open: event.target.checked }));
  byId("back").addEventListener("click", () => act(() => turn(-1)));
  byId("forth").addEventListener("click", () => act(() => turn(1)));
  for (const kind of DECISIONS) byId(kind).addEventListener("click", () => act(() => decide(kind)));
  byId("undo").addEventListener("click", () => act(undo));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !run) return;
    const acts = {
      n: () => act(() => turn(1)), p: () => act(() => turn(-1)), u: () => act(undo), b: () => view.show("blink"), v: () => view.show("slide"),
      "+": () => view.zoom(1.5), "-": () => view.zoom(1 / 1.5), 0: view.fit,
    };
    const decision = DECISIONS[Number(event.key) - 1];
    if (!acts[event.key] && !decision) return;
    event.preventDefault();
    if (decision) act(() => decide(decision));
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
  byId("relation").value = state.relation;
  byId("list").value = state.list;
  byId("open-only").checked = state.open;
  filters.show(state.where);
  byId("kinds").replaceChildren(
    ...run.pairs.map((one) =>
      element("li", {}, [
        element("a", { href: address({ ...state, kind: one.kind, at: 0 }), "aria-current": one.kind === state.kind ? "page" : null }, [
          element("span", { text: one.title }),
          element("span", { class: "badge", text: number(one.total) }),
        ]),
      ])
    )
  );
}

async function start() {
  state = read();
  const [about, { lists }] = await Promise.all([api.about(), api.lists()]);
  run = about;
  byId("list-row").hidden = !lists.length;
  byId("list").append(...lists.map((one) => element("option", { value: one.name, text: `${visible(one.name)} (${number(one.count)})` })));
  filters.start(run.columns, (where) => go({ where }).then(showControls));
  const relations = Object.entries(run.relations);
  byId("relation-row").hidden = relations.length < 2;
  byId("relation").append(...relations.map(([name, count]) => element("option", { value: name, text: `${visible(name).replaceAll("_", " ")} (${number(count)})` })));
  view.start();
  wire();
  showControls();
  await load(1);
}

start().catch((error) => say(error.message));
