/* Saving a list in the work dir, under a name that is asked for. */

import * as api from "./api.js";
import { badged, button, byId, counted, element, named, number } from "./dom.js";

let known = new Map();
let open = null;

/* given: what opens a list; without it, as before. */
export async function showLists(given) {
  if (given) open = given;
  const { lists } = await api.lists();
  known = new Map(lists.map((one) => [one.name, one.count]));
  byId("lists-title").hidden = known.size === 0;
  byId("lists").replaceChildren(
    ...lists.map((one) =>
      element("li", { "data-list": one.name }, [
        link(one),
        element("span", { class: "list-tools" }, [
          element("a", { href: api.listAddress(one.name), download: "", text: "Download", "aria-label": `Download ${one.name}` }),
          button("Rename", () => rename(one.name), { "aria-label": `Rename ${one.name}` }),
          button("Delete", () => remove(one.name), { "aria-label": `Delete ${one.name}` }),
        ]),
      ])
    )
  );
}

function link(one) {
  const made = badged(named(one.name), one.count, { href: "/explore?list=" + encodeURIComponent(one.name) });
  made.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(one.name);
  });
  return made;
}

export function markList(name) {
  for (const entry of byId("lists").children) {
    const current = entry.dataset.list === name;
    if (current) entry.firstElementChild.setAttribute("aria-current", "page");
    else entry.firstElementChild.removeAttribute("aria-current");
  }
}

/* What was done, with a way back. */
function told(words, back) {
  const line = byId("list-said");
  line.replaceChildren(element("span", { text: words }));
  if (back) line.append(button("Undo", () => done(back)));
}

async function done(act, words = "", back = null) {
  try {
    await act();
    told(words, back);
  } catch (error) {
    told(error.message);
  }
  await showLists();
}

const remove = (name) => done(() => api.deleteList(name), `Deleted ${name}.`, () => api.changeList(name, {}));

function rename(name) {
  const field = element("input", { type: "text", value: name, maxlength: "80", "aria-label": `New name of ${name}`, required: "" });
  const form = element("form", { class: "rename" }, [field, element("button", { type: "submit", text: "Rename" })]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = field.value.trim();
    if (wanted === name) showLists();
    else done(() => api.changeList(name, { name: wanted }), `${name} is ${wanted} now.`, () => api.changeList(wanted, { name }));
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && showLists());
  [...byId("lists").children].find((one) => one.dataset.list === name).replaceChildren(form);
  field.select();
}

/* wanted: {ids} or {query}; count: how many images that is. */
export function askAndSave(wanted, count) {
  const dialog = element("dialog", { class: "ask", "aria-labelledby": "ask-title" });
  const name = element("input", { type: "text", id: "list-name", required: "", maxlength: "80", autocomplete: "off" });
  const replace = element("input", { type: "checkbox" });
  const again = element("label", { class: "check", hidden: "" }, [replace, " Replace the list of that name"]);
  const said = element("p", { role: "status", text: "It is kept as lists/NAME.txt in the work dir, one file name a row." });
  const form = element("form", { method: "dialog" }, [
    element("h2", { id: "ask-title", text: `Save ${counted(count)} as a list` }),
    element("label", { for: "list-name", text: "Name" }, [name]),
    again,
    said,
    element("div", { class: "tools" }, [
      button("Cancel", () => dialog.close()),
      element("button", { type: "submit", class: "primary", text: "Save" }),
    ]),
  ]);
  name.addEventListener("input", () => {
    again.hidden = !known.has(name.value.trim());
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const saved = await api.saveList({ ...wanted, name: name.value.trim(), replace: replace.checked });
      const left = saved.left_out ? ` ${number(saved.left_out)} names with line breaks are left out.` : "";
      form.replaceChildren(
        element("h2", { text: "Saved" }),
        element("p", {}, [`${number(saved.count)} file names in `, named(saved.path), "." + left]),
        element("div", { class: "tools" }, [button("Close", () => dialog.close())])
      );
      await showLists();
    } catch (error) {
      said.textContent = error.message;
      await showLists();
      again.hidden = !known.has(name.value.trim());
    }
  });
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  name.focus();
}
