/* Pairs of similar images, one after the other, and what is decided on them. */

import * as api from "./api.js";
import { button, byId, element, named, noun, number, similarity, visible } from "./dom.js";
import * as filters from "./filters.js";
import { factsOf, forget, notesOn, original, readOnly, showIn } from "./images.js";
import * as view from "./view.js";
import * as walk from "./walk.js";

const SAID = { keep_left: "Keep left", keep_right: "Keep right", keep_both: "Keep both", not_a_duplicate: "Not a duplicate" };
const KEEPS = { keep_left: [true, false], keep_right: [false, true], keep_both: [true, true], not_a_duplicate: [true, true] };

let right = null; // the image on the right: the second of the pair, or another of its component

/* One pair */

function words(pair) {
  const relation = pair.relation ? `, ${visible(String(pair.relation)).replaceAll("_", " ")}` : "";
  return ` · similarity ${similarity(pair.similarity)}${relation}${pair.explained && ` \u00b7 ${pair.explained}`}`;
}

async function show(pair) {
  right = pair.to;
  view.fit();
  walk.showDecision();
  await Promise.all([showRight(pair.to), showGroup(pair)]);
  forget([pair.from, pair.to, right].map(walk.seen));
}

function prepare(pair) {
  for (const id of [pair.from, pair.to]) {
    original(walk.seen(id));
    factsOf(id);
  }
}

async function showRight(id) {
  const pair = walk.shown;
  right = id;
  const mine = () => walk.shown === pair && right === id;
  readOnly([pair.from, id].map(walk.seen));
  byId("facts").replaceChildren();
  notesOn({});
  const pictures = Promise.all([
    showIn(byId("left-picture"), walk.seen(pair.from), () => walk.shown === pair),
    showIn(byId("right-picture"), walk.seen(id), mine),
  ]);
  try {
    const facts = await Promise.all([factsOf(pair.from), factsOf(id)]);
    if (mine()) showFacts(facts);
  } catch (error) {
    if (mine()) walk.say(error.message);
  }
  const [one, other] = await pictures;
  if (mine()) notesOn({ "The left file": one, "The right file": other });
}

function cell(name, value) {
  if (value === undefined) return element("td", { text: "–" });
  const words = String(value);
  const short = name === "filename" && words.startsWith(walk.run.root) ? words.slice(walk.run.root.length) : words;
  const text = typeof value === "number" ? element("bdi", { text: number(value) }) : named(short);
  if (name === "filename") text.title = visible(words);
  if (name === "label" || name === "split") walk.coloured(text, words);
  return element("td", {}, [text]);
}

/* What a person decides by, then what differs, then what does not. */
const FIRST = ["filename", "label", "split", "stats.width", "stats.height", "file_size", "format"];
const LEFT_OUT = ["id", "path", "source", "status", "embedding_row", "digest", "metadata", "pixels", "sides", "stats.file_size"];

function showFacts([one, other]) {
  byId("left-picture").alt = `Left: ${visible(one.filename)}`;
  byId("right-picture").alt = `Right: ${visible(other.filename)}`;
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
  const page = await api.items({ where, limit: 60 });
  if (walk.shown !== pair) return;
  const ids = page.rows.map((row) => row[page.columns.indexOf("id")]).filter((id) => id !== pair.from);
  const mark = () =>
    byId("members").querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(Number(one.value) === right)));
  byId("members").replaceChildren(
    ...ids.map((id) => {
      const look = button("", () => showRight(id).then(walk.showDecision).then(mark), { value: id, "aria-label": `Show ${noun} ${id} on the right` });
      look.append(element("img", { src: api.thumbnail(id), alt: "", loading: "lazy" }));
      return element("li", {}, [look]);
    })
  );
  mark();
  byId("group").hidden = false;
}

/* Decisions */

function marked(pair) {
  const kept = (right === pair.to && KEEPS[pair.decision]) || [];
  document.querySelectorAll(".pane").forEach((pane, side) => {
    pane.classList.toggle("kept", kept[side] === true);
    pane.classList.toggle("gone", kept[side] === false);
  });
}

/* Why a decision can't be taken; empty if it can. */
function off(pair, kind) {
  if (right !== pair.to) return "This is another picture of the component: choose the right one of the pair below.";
  return pair.same_bytes && kind !== "keep_both" ? "Both have the same bytes: a plan (imgvet curate plan) keeps one." : "";
}

async function ready() {
  const relations = Object.entries(walk.run.relations);
  byId("relation-row").hidden = relations.length < 2;
  byId("relation").append(...relations.map(([name, count]) => element("option", { value: name, text: `${visible(name).replaceAll("_", " ")} (${number(count)})` })));
  byId("relation").addEventListener("change", (event) => walk.go({ relation: event.target.value }));
  view.start();
}

walk
  .start({
    path: "/pairs",
    kind: "all",
    kinds: "pairs",
    fetch: api.pairs,
    words,
    show,
    prepare,
    buttons: Object.fromEntries(
      Object.entries(SAID).map(([kind, said]) => [kind, { decision: () => kind, off: (pair) => off(pair, kind), said: `${said}: kept.` }])
    ),
    keep: (pair, asked) => api.decide({ ids: [pair.from, pair.to], ...asked }),
    keys: { b: () => view.show("blink"), v: () => view.show("slide"), "+": () => view.zoom(1.5), "-": () => view.zoom(1 / 1.5), 0: view.fit },
    marked,
    ready,
  })
  .catch((error) => walk.say(error.message));
