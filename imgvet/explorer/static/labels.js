/* Labels that are likely wrong, one after the other, with the neighbours that say so. */

import * as api from "./api.js";
import { byId, capital, element, folderOf, lastPart, named, noun, similarity, visible } from "./dom.js";
import { factsOf, forget, notesOn, once, original, readOnly, showIn } from "./images.js";
import * as walk from "./walk.js";

const NEIGHBORS = 12;
const LABELLED = { where: [{ column: "label", missing: false }] };
const nearOf = once((id) => api.similar(id, NEIGHBORS, LABELLED));

const hue = (text) => walk.coloured(element("bdi"), text);

async function show(row) {
  byId("conflict").hidden = !row.conflict;
  byId("other_label").value = "";
  const told = [["Given label", [hue(row.label)]]];
  if (row.suggested_label) told.push(["Suggested", [hue(row.suggested_label)]]);
  if (row.score !== null) told.push(["Score of the label", [`${row.score.toFixed(2)} of 1`]]);
  if (row.decision !== null) told.push(["Decided", [hue(row.decision)]]);
  byId("judgement").replaceChildren(...told.map(([name, value]) => element("div", {}, [element("dt", { text: name }), element("dd", {}, value)])));
  for (const id of ["filename", "near"]) byId(id).replaceChildren();
  readOnly([walk.seen(row.id)]);
  notesOn({});
  const picture = showIn(byId("picture"), walk.seen(row.id), () => walk.shown === row);
  const [known, found] = await Promise.all([factsOf(row.id), nearOf(row.id)]);
  if (walk.shown !== row) return;
  const folder = folderOf(known.filename);
  const short = folder.startsWith(walk.run.root) ? folder.slice(walk.run.root.length) : folder;
  byId("filename").replaceChildren(named(short + lastPart(known.filename)), ...(known.split ? [" ", hue(known.split)] : []));
  const neighbors = found.rows.map((one) => Object.fromEntries(found.columns.map((name, place) => [name, one[place]])));
  byId("near").replaceChildren(...neighbors.map((one) => neighbor(one, row)));
  const read = await picture;
  if (walk.shown === row) notesOn({ "The file": read });
  forget([walk.seen(row.id)]);
}

function neighbor(one, row) {
  const name = visible(lastPart(one.filename));
  const link = element("a", { class: "picture", href: `/explore?similar=${one.id}`, "aria-label": `${capital(noun)}s similar to ${name}` }, [
    element("img", { src: api.thumbnail(one.id), alt: "", loading: "lazy" }),
  ]);
  const says = one.label === row.suggested_label ? " says" : one.label === row.label ? " agrees" : "";
  return element("li", { class: `card${says}` }, [
    link,
    element("div", { class: "card-text" }, [hue(one.label), element("span", { class: "facts", text: `similarity ${similarity(one.similarity)}` })]),
  ]);
}

function marked(row) {
  for (const [id, label] of [["keep_label", row.label], ["change_label", row.suggested_label]]) {
    walk.coloured(byId(id).querySelector(".hue"), label || "–");
  }
}

async function ready() {
  const found = await api.column("label");
  byId("other_label").append(...found.choices.map(([value]) => element("option", { value, text: visible(value) })));
  byId("other_label").addEventListener("change", (event) => {
    if (event.target.value && walk.shown) walk.choose(event.target.value, "Another label: kept.");
    event.target.blur();
  });
}

const never = () => false;

walk
  .start({
    path: "/labels",
    kind: "issues",
    kinds: "labels",
    fetch: api.labels,
    words: (row) => (row.conflict ? " · an exact copy has another label" : ""),
    show,
    prepare(row) {
      original(walk.seen(row.id));
      factsOf(row.id);
      nearOf(row.id);
    },
    buttons: {
      keep_label: { decision: (row) => row.label, off: never, said: "The label is right: kept." },
      change_label: {
        decision: (row) => row.suggested_label,
        off: (row) => (!row.suggested_label || row.suggested_label === row.label) && "No other label is suggested.",
        said: "The suggested label: kept.",
      },
    },
    keep: (row, asked) => api.decideLabel({ ids: [row.id], ...asked }),
    keys: {},
    marked,
    ready,
  })
  .catch((error) => walk.say(error.message));
