/* Galleries: search, paging, the picture with all that is known of it, and a selection of files to
   copy or download. */
(function () {
  "use strict";

  const { imgvet } = globalThis;
  const { element } = imgvet;
  const pageSize = Number(document.getElementById("content").dataset.pageSize);
  const facts = new Map((imgvet.images || []).map((row) => [row[0], row]));
  const selected = new Map();
  let bar = null;
  let galleries = [];
  let dialog = null;
  let opened = null;

  const column = (name) => 1 + imgvet.columns.findIndex((one) => one.column === name);
  const fileOf = (row) => row[column("filename")];

  /* Facts in words */

  function inWords(value, form, unit) {
    if (form === "bytes") return imgvet.number(value) + " bytes";
    if (form === "text") return String(value);
    return imgvet.number(value) + (unit ? " " + unit : "");
  }

  /* Characters without a shape of their own, and marks of direction, are spelled out as by
     imgvet/format.py. */
  function visible(text) {
    return text.replace(/[\p{C}\p{Z}]/gu, (letter) => {
      if (" \u200c\u200d".includes(letter)) return letter;
      const code = letter.codePointAt(0);
      const short = { 9: "t", 10: "n", 13: "r" }[code];
      if (short) return "\\" + short;
      const [kind, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
      return "\\" + kind + code.toString(16).padStart(digits, "0");
    });
  }
  imgvet.visible = visible;

  /* A name in its folder; a backslash parts folders only where no slash does. */
  imgvet.baseName = (name) => visible(name.split(name.includes("/") ? "/" : "\\").pop());

  const factList = (row) =>
    element(
      "dl",
      {},
      imgvet.columns.flatMap((one, index) => {
        const value = row[index + 1];
        if (value === null || value === undefined) return [];
        const words = element("bdi", { text: visible(inWords(value, one.form, one.unit)) });
        return [element("div", {}, [element("dt", { text: one.title }), element("dd", {}, [words])])];
      })
    );

  /* Copying and downloading */

  function copy(text, done) {
    function fallback() {
      const area = element("textarea", { class: "visually-hidden", "aria-hidden": "true" });
      area.value = text;
      (dialog && dialog.open ? dialog : document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      done();
    }
    if (navigator.clipboard && isSecureContext) navigator.clipboard.writeText(text).then(done, fallback);
    else fallback();
  }

  function download(name, type, text) {
    const link = element("a", { download: name });
    link.href = URL.createObjectURL(new Blob([text], { type: type }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  /* As imgvet/spreadsheet.py: no cell that a spreadsheet would compute. */
  function quoted(value) {
    let text = value === null || value === undefined ? "" : String(value);
    if (/^[=+\-@\t\r\n'\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) && isNaN(Number(text))) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  /* rows: [id, file name] */
  const asText = (rows) => rows.map((row) => row[1]).join("\n") + "\n";
  const asCsv = (rows) => [["id", "filename"], ...rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");

  const counted = (number, one, many) => `${imgvet.number(number)} ${number === 1 ? one : many}`;

  const button = (imgvet.button = (text, act) => {
    const made = element("button", { type: "button", text: text });
    made.addEventListener("click", act);
    return made;
  });

  /* Buttons that copy or download what rows() gives: [[id, file name], ...]. */
  imgvet.listButtons = (name, rows, say) => [
    button("Copy names", () => copy(asText(rows()), () => say("Copied."))),
    button("Download .txt", () => download(name + ".txt", "text/plain;charset=utf-8", asText(rows()))),
    button("Download .csv", () => download(name + ".csv", "text/csv;charset=utf-8", asCsv(rows()))),
  ];

  /* The selection */

  const selectedRows = () => Array.from(selected).sort((one, other) => one[0] - other[0]);

  function makeBar() {
    const name = document.title.split(" ")[0].toLowerCase() + "-selected";
    const clear = button("Clear", () => {
      selected.clear();
      mark();
    });
    bar = element("div", { class: "selection-bar", role: "region", "aria-label": "Selected files" });
    bar.status = element("span", { role: "status" });
    bar.append(bar.status, ...imgvet.listButtons(name, selectedRows, showSelection), clear);
    document.body.append(bar);
  }

  function showSelection(said = "") {
    if (!bar) makeBar();
    bar.hidden = selected.size === 0;
    document.body.classList.toggle("has-selection", selected.size > 0);
    bar.status.textContent = `${counted(selected.size, "file", "files")} selected. ${said}`;
  }

  function mark() {
    document.querySelectorAll(".pick").forEach((box) => {
      box.checked = selected.has(Number(box.value));
      const card = box.closest(".card, li, tr");
      if (card) card.classList.toggle("is-selected", box.checked);
    });
    showSelection();
  }

  function choose(id, on, name = facts.has(id) && fileOf(facts.get(id))) {
    if (on && name) selected.set(id, name);
    else selected.delete(id);
  }

  /* What is known of the images of an entry. */
  const known = (entry, keys) =>
    Array.from(entry.querySelectorAll(".pick")).flatMap((box) => {
      const row = facts.get(Number(box.value)) || [];
      return keys.map((key) => row[column(key)] || "");
    });

  /* The two labels that the address asks for, ?labels=["cat","dog"], in order; null for any. */
  function wantedLabels() {
    try {
      const labels = JSON.parse(new URLSearchParams(location.search).get("labels"));
      return Array.isArray(labels) && labels.length === 2 ? labels.sort() : null;
    } catch (error) {
      return null;
    }
  }
  const labels = wantedLabels();

  const isLabelled = (entry) =>
    !labels || !entry.matches(".pair") || String(known(entry, ["label"]).sort()) === String(labels);

  const textOf = (entry) =>
    (known(entry, ["filename", "label", "split"].filter(column)).join("\n") + "\n" + entry.textContent).toLowerCase();

  /* One gallery: which entries match, and which of them are on the page that is shown */
  class Gallery {
    constructor(root) {
      this.root = root;
      this.entries = Array.from(root.querySelectorAll(".entries > .entry"));
      this.listed = this.entries;
      this.texts = new Map(this.entries.map((entry) => [entry, textOf(entry)]));
      this.things = root.dataset.things.split(",")[0];
      this.total = Number(root.dataset.total);
      this.makeTools();
      root.classList.add("ready");
      this.search([]);
    }

    makeTools() {
      this.range = element("span", { class: "range", role: "status" });
      this.back = button("Previous", () => this.turn(-1));
      this.forth = button("Next", () => this.turn(1));
      const all = button("Select these", () => this.selectShown());
      const parts = [this.range, this.back, this.forth, all];
      this.tools = element("div", { class: "tools", role: "group", "aria-label": "Pages of " + this.things }, parts);
      if (labels && this.root.querySelector(".pair")) {
        const both = "only of labels " + labels.map(visible).join(" and ");
        const every = element("a", { href: location.pathname + location.hash, text: "all pairs" });
        this.tools.append(element("span", { class: "muted", text: both }), every);
      }
      if (this.entries.length > 1) this.makeSort();
      if (this.root.querySelector(".groups")) {
        this.said = element("span", { role: "status", class: "muted" });
        this.tools.append(button("Select surplus copies", () => this.selectSurplus()), this.said);
      }
      this.root.prepend(this.tools);
    }

    /* By any number that is known of the first image of each entry. */
    makeSort() {
      const numbers = imgvet.columns.filter((one) => one.form !== "text");
      const by = element("select", { "aria-label": "Order of " + this.things }, [
        element("option", { value: "", text: "order of the report" }),
        ...numbers.map((one) => element("option", { value: one.column, text: one.title })),
      ]);
      const sort = () => {
        direction.disabled = !by.value;
        this.sort(by.value, direction.textContent === "Descending" ? -1 : 1);
      };
      const direction = button("Ascending", () => {
        direction.textContent = direction.textContent === "Ascending" ? "Descending" : "Ascending";
        sort();
      });
      direction.disabled = true;
      by.addEventListener("change", sort);
      this.tools.append(by, direction);
    }

    sort(key, sign) {
      const value = (entry) => {
        const box = entry.querySelector(".pick");
        const known = ((box && facts.get(Number(box.value))) || [])[column(key)];
        return known === null || known === undefined ? Infinity : sign * known;
      };
      const ordered = this.listed.map((entry) => [key ? value(entry) : 0, entry]);
      ordered.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
      this.entries = ordered.map(([, entry]) => entry);
      this.entries.forEach((entry) => entry.parentElement.append(entry));
      this.search(this.words);
    }

    turn(step) {
      this.page += step;
      this.show();
      this.root.scrollIntoView({ block: "start" });
    }

    show() {
      const pages = Math.max(1, Math.ceil(this.matching.length / pageSize));
      this.page = Math.min(Math.max(this.page, 0), pages - 1);
      const from = this.page * pageSize;
      this.shown = new Set(this.matching.slice(from, from + pageSize));
      this.entries.forEach((entry) => (entry.hidden = !this.shown.has(entry)));
      this.range.textContent = this.inWords(from, this.shown.size);
      this.back.disabled = this.page === 0;
      this.forth.disabled = this.page >= pages - 1;
      this.back.hidden = this.forth.hidden = pages === 1;
    }

    inWords(from, size) {
      const { number } = imgvet;
      if (!size) return `No ${this.things} match.`;
      const range = number(from + 1) + (size > 1 ? "–" + number(from + size) : "");
      const rest = this.total > this.entries.length ? ` here, ${number(this.total)} in all` : "";
      return `${range} of ${counted(this.matching.length, this.things.replace(/s$/, ""), this.things)}${rest}`;
    }

    search(words) {
      this.words = words;
      const hasAll = (entry) => words.every((word) => this.texts.get(entry).includes(word));
      this.matching = this.entries.filter((entry) => isLabelled(entry) && hasAll(entry));
      this.page = 0;
      this.show();
    }

    selectShown() {
      for (const entry of this.shown) entry.querySelectorAll(".pick").forEach((box) => choose(Number(box.value), true));
      mark();
    }

    selectSurplus() {
      let copies = 0;
      let left = 0;
      for (const entry of this.matching) {
        const surplus = entry.querySelectorAll(".pick.surplus");
        const rest = JSON.parse(entry.dataset.rest || "[]");
        surplus.forEach((box) => choose(Number(box.value), true));
        rest.forEach(([id, name]) => choose(id, true, name));
        copies += surplus.length + rest.length;
        left += surplus.length ? 0 : 1;
      }
      mark();
      const open = left ? `, ${counted(left, "group", "groups")} left for you to decide.` : ".";
      this.said.textContent = `${counted(copies, "copy", "copies")} selected${open}`;
    }
  }

  function makeSearch(first) {
    const placeholder = "part of a file name, label or split";
    const field = element("input", { type: "search", id: "search", placeholder, autocomplete: "off", spellcheck: "false" });
    const help = "Arrow keys go from picture to picture, Enter opens one, x selects it, / searches.";
    const tools = element("div", { class: "search" }, [
      element("label", { for: "search", text: "Search this page" }),
      field,
      element("span", { class: "muted", text: help }),
    ]);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      galleries.forEach((gallery) => gallery.search(words));
    });
    document.querySelector("main").insertBefore(tools, first);
  }

  /* The picture, large, with everything that is known of it */

  function makeDialog() {
    dialog = element("dialog", { class: "zoom", "aria-label": "Image" });
    dialog.picture = element("img", { alt: "" });
    dialog.about = element("div", { class: "zoom-facts", tabindex: "0", role: "region", "aria-label": "What is known" });
    dialog.said = element("span", { role: "status", class: "muted" });
    dialog.box = element("input", { type: "checkbox", id: "zoom-pick" });
    dialog.back = button("Previous", () => step(-1));
    dialog.forth = button("Next", () => step(1));
    const copyPath = () => copy(fileOf(dialog.row), () => (dialog.said.textContent = "Copied."));
    dialog.append(
      element("div", { class: "tools" }, [
        dialog.back,
        dialog.forth,
        button("Copy path", copyPath),
        element("label", { for: "zoom-pick", class: "check" }, [dialog.box, " Selected"]),
        dialog.said,
        button("Close", () => dialog.close()),
      ]),
      element("div", { class: "zoom-body" }, [element("div", { class: "zoom-picture" }, [dialog.picture]), dialog.about])
    );
    dialog.box.addEventListener("change", () => {
      facts.set(dialog.row[0], dialog.row);
      choose(dialog.row[0], dialog.box.checked);
      mark();
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => opened && opened.isConnected && opened.focus());
    dialog.addEventListener("keydown", (event) => {
      const acts = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), x: () => dialog.box.click() };
      if (!acts[event.key]) return;
      acts[event.key]();
      event.preventDefault();
    });
    document.body.append(dialog);
  }

  /* row: its facts; source: address of its picture, may be empty; tile: a replacement, or null. */
  imgvet.zoom = (row, source, tile) => {
    if (!dialog) makeDialog();
    dialog.row = row;
    dialog.said.textContent = "";
    dialog.box.checked = selected.has(row[0]);
    dialog.picture.hidden = !source;
    dialog.picture.alt = imgvet.baseName(fileOf(row));
    if (source) dialog.picture.src = source;
    else dialog.picture.removeAttribute("src");
    dialog.querySelectorAll(".zoom-picture .thumb").forEach((old) => old.remove());
    if (!source && tile) dialog.picture.parentElement.append(tile);
    dialog.about.replaceChildren(factList(row));
    dialog.back.hidden = dialog.forth.hidden = opened === null;
    if (!dialog.open) dialog.showModal();
  };

  function open(link) {
    opened = link;
    const row = facts.get(Number(link.dataset.id));
    if (row) imgvet.zoom(row, link.querySelector("img").src, null);
    return Boolean(row);
  }

  const pictures = () => Array.from(document.querySelectorAll("a.picture")).filter((link) => link.offsetParent !== null);

  function step(by) {
    if (!opened) return;
    const all = pictures();
    const next = all[all.indexOf(opened) + by];
    if (next) open(next);
  }

  /* Keys and clicks */

  /* The nearest picture in a direction, by where the pictures are on the screen. */
  function neighbour(link, key) {
    const middle = ({ left, top, width, height }) => [left + width / 2, top + height / 2];
    const [x, y] = middle(link.getBoundingClientRect());
    const lies = key === "ArrowRight" || key === "ArrowLeft";
    const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
    let best = null;
    let least = Infinity;
    for (const other of pictures()) {
      const [right, down] = middle(other.getBoundingClientRect());
      const along = sign * (lies ? right - x : down - y);
      const cost = along + 3 * Math.abs(lies ? down - y : right - x);
      if (other !== link && along >= 4 && cost < least) [best, least] = [other, cost];
    }
    return best;
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || (dialog && dialog.open)) return;
    const link = event.target.closest ? event.target.closest("a.picture") : null;
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
      const field = document.getElementById("search");
      if (!field) return;
      field.focus();
      event.preventDefault();
    } else if (link && event.key.startsWith("Arrow")) {
      const next = neighbour(link, event.key);
      if (!next) return;
      next.focus();
      event.preventDefault();
    } else if (link && event.key === "x") {
      const id = Number(link.dataset.id);
      choose(id, !selected.has(id));
      mark();
    }
  }

  function onClick(event) {
    const link = event.target.closest("a.picture");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (open(link)) event.preventDefault();
  }

  function onChange(event) {
    if (!event.target.classList.contains("pick")) return;
    choose(Number(event.target.value), event.target.checked);
    mark();
  }

  document.addEventListener("click", onClick);
  document.addEventListener("change", onChange);
  document.addEventListener("keydown", onKey);
  const roots = Array.from(document.querySelectorAll(".gallery"));
  if (!roots.length) return;
  makeSearch(document.querySelector("main > section"));
  galleries = roots.map((root) => new Gallery(root));
})();
