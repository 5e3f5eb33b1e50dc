/* Saving a list in the work dir, under a name that is asked for. */

import * as api from "./api.js";
import { button, byId, element, named, number } from "./dom.js";

let known = new Map();

export async function showLists() {
  const { lists } = await api.lists();
  known = new Map(lists.map((one) => [one.name, one.count]));
  byId("lists-title").hidden = known.size === 0;
  byId("lists").replaceChildren(
    ...lists.map((one) =>
      element("li", {}, [
        element("a", { href: api.listAddress(one.name), download: "", title: "Download" }, [
          element("span", {}, [named(one.name)]),
          element("span", { class: "badge", text: number(one.count) }),
        ]),
      ])
    )
  );
}

/* wanted: {ids} or {query}; count: how many images that is. */
export function askAndSave(wanted, count) {
  const dialog = element("dialog", { class: "ask", "aria-labelledby": "ask-title" });
  const name = element("input", { type: "text", id: "list-name", required: "", maxlength: "80", autocomplete: "off" });
  const replace = element("input", { type: "checkbox" });
  const again = element("label", { class: "check", hidden: "" }, [replace, " Replace the list of that name"]);
  const said = element("p", { role: "status", text: "It is kept as lists/NAME.txt in the work dir, one file name a row." });
  const form = element("form", { method: "dialog" }, [
    element("h2", { id: "ask-title", text: `Save ${number(count)} ${count === 1 ? "image" : "images"} as a list` }),
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
