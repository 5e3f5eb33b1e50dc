/* Galleries: search, paging, the picture with all that is known of it, and a selection of files to
   copy or download. */
(function () {
  "use strict";

  var imgvet = globalThis.imgvet;
  var element = imgvet.element;
  var pageSize = Number(document.getElementById("content").dataset.pageSize);
  var facts = new Map();
  var selected = new Map();
  var bar = null;
  var galleries = [];
  var dialog = null;
  var opened = null;

  (imgvet.images || []).forEach(function (row) {
    facts.set(row[0], row);
  });

  function column(key) {
    return 1 + imgvet.columns.findIndex(function (one) {
      return one.key === key;
    });
  }

  function fileOf(row) {
    return row[column("filename")];
  }

  /* Facts in words */

  function inWords(value, form, unit) {
    if (form === "bytes") return imgvet.number(value) + " bytes";
    if (form === "text") return String(value);
    return imgvet.number(value) + (unit ? " " + unit : "");
  }

  /* Characters without a shape of their own, and marks of direction, are spelled out as by
     imgvet/format.py. */
  function visible(text) {
    return text.replace(/[\p{C}\p{Z}]/gu, function (letter) {
      if (" \u200c\u200d".includes(letter)) return letter;
      var code = letter.codePointAt(0);
      var short = { 9: "t", 10: "n", 13: "r" }[code];
      if (short) return "\\" + short;
      var form = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
      return "\\" + form[0] + code.toString(16).padStart(form[1], "0");
    });
  }
  imgvet.visible = visible;

  /* A name in its folder; a backslash parts folders only where no slash does. */
  imgvet.baseName = function (name) {
    return visible(name.split(name.includes("/") ? "/" : "\\").pop());
  };

  imgvet.factList = function (row) {
    var list = element("dl", {});
    imgvet.columns.forEach(function (one, index) {
      var value = row[index + 1];
      if (value === null || value === undefined) return;
      list.append(
        element("div", {}, [
          element("dt", { text: one.title }),
          element("dd", {}, [element("bdi", { text: visible(inWords(value, one.form, one.unit)) })]),
        ])
      );
    });
    return list;
  };

  /* Copying and downloading */

  function copy(text, done) {
    function fallback() {
      var area = element("textarea", { class: "visually-hidden", "aria-hidden": "true" });
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
    var link = element("a", { download: name });
    link.href = URL.createObjectURL(new Blob([text], { type: type }));
    link.click();
    setTimeout(function () {
      URL.revokeObjectURL(link.href);
    }, 10000);
  }

  /* As imgvet/spreadsheet.py: no cell that a spreadsheet would compute. */
  function quoted(value) {
    var text = value === null || value === undefined ? "" : String(value);
    if (/^[=+\-@\t\r\n'\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) && isNaN(Number(text))) {
      text = "'" + text;
    }
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  function asText(files) {
    return files.map(String).join("\n") + "\n";
  }

  /* rows: [id, file name] */
  function asCsv(rows) {
    var lines = rows.map(function (row) {
      return row.map(quoted).join(",");
    });
    return "id,filename\r\n" + lines.join("\r\n") + "\r\n";
  }

  function counted(number, one, many) {
    return imgvet.number(number) + " " + (number === 1 ? one : many);
  }

  function button(text, act) {
    var made = element("button", { type: "button", text: text });
    made.addEventListener("click", act);
    return made;
  }

  /* Buttons that copy or download what rows() gives: [[id, file name], ...]. */
  imgvet.listButtons = function (name, rows, say) {
    function files() {
      return rows().map(function (row) {
        return row[1];
      });
    }
    return [
      button("Copy names", function () {
        copy(asText(files()), function () {
          say("Copied.");
        });
      }),
      button("Download .txt", function () {
        download(name + ".txt", "text/plain;charset=utf-8", asText(files()));
      }),
      button("Download .csv", function () {
        download(name + ".csv", "text/csv;charset=utf-8", asCsv(rows()));
      }),
    ];
  };

  /* The selection */

  function selectedRows() {
    return Array.from(selected.keys())
      .sort(function (one, other) {
        return one - other;
      })
      .map(function (id) {
        return [id, selected.get(id)];
      });
  }

  function makeBar() {
    var status = element("span", { role: "status" });
    bar = element("div", { class: "selection-bar", role: "region", "aria-label": "Selected files" });
    var name = document.title.split(" ")[0].toLowerCase() + "-selected";
    bar.status = status;
    bar.append(status);
    imgvet
      .listButtons(name, selectedRows, function (text) {
        showSelection(text);
      })
      .concat([
        button("Clear", function () {
          selected.clear();
          mark();
        }),
      ])
      .forEach(function (one) {
        bar.append(one);
      });
    bar.hidden = true;
    document.body.append(bar);
  }

  function showSelection(said) {
    if (!bar) makeBar();
    bar.hidden = selected.size === 0;
    document.body.classList.toggle("has-selection", selected.size > 0);
    bar.status.textContent = counted(selected.size, "file", "files") + " selected. " + (said || "");
  }

  function mark() {
    document.querySelectorAll(".pick").forEach(function (box) {
      box.checked = selected.has(Number(box.value));
      var card = box.closest(".card, li, tr");
      if (card) card.classList.toggle("is-selected", box.checked);
    });
    showSelection();
  }

  function choose(id, on) {
    if (!facts.has(id)) return;
    chooseNamed(id, fileOf(facts.get(id)), on);
  }

  function chooseNamed(id, name, on) {
    if (on) selected.set(id, name);
    else selected.delete(id);
  }

  /* One gallery: which entries match, and which of them are on the page that is shown */

  function Gallery(root) {
    this.root = root;
    this.entries = Array.from(root.querySelectorAll(".entries > .entry"));
    this.listed = this.entries;
    this.texts = new Map();
    this.entries.forEach(function (entry) {
      this.texts.set(entry, textOf(entry));
    }, this);
    this.words = [];
    this.matching = this.entries;
    this.page = 0;
    this.things = root.dataset.things.split(",")[0];
    this.total = Number(root.dataset.total);
    this.makeTools();
    root.classList.add("ready");
    this.search(this.words);
  }

  /* What is known of the images of an entry. */
  function known(entry, keys) {
    return Array.from(entry.querySelectorAll(".pick")).flatMap(function (box) {
      var row = facts.get(Number(box.value)) || [];
      return keys.map(function (key) {
        return row[column(key)] || "";
      });
    });
  }

  /* The two labels that the address asks for, ?labels=["cat","dog"], in order; null for any. */
  function wantedLabels() {
    try {
      var labels = JSON.parse(new URLSearchParams(location.search).get("labels"));
      return Array.isArray(labels) && labels.length === 2 ? labels.sort() : null;
    } catch (error) {
      return null;
    }
  }
  var labels = wantedLabels();

  function isLabelled(entry) {
    return !labels || !entry.matches(".pair") || String(known(entry, ["label"]).sort()) === String(labels);
  }

  function textOf(entry) {
    return (known(entry, ["filename", "label", "split"].filter(column)).join("\n") + "\n" + entry.textContent).toLowerCase();
  }

  Gallery.prototype.makeTools = function () {
    var gallery = this;
    this.range = element("span", { class: "range", role: "status" });
    this.back = button("Previous", function () {
      gallery.turn(-1);
    });
    this.forth = button("Next", function () {
      gallery.turn(1);
    });
    this.all = button("Select these", function () {
      gallery.selectShown();
    });
    this.tools = element("div", { class: "tools", role: "group", "aria-label": "Pages of " + this.things }, [
      this.range,
      this.back,
      this.forth,
      this.all,
    ]);
    if (labels && this.root.querySelector(".pair")) {
      var both = "only of labels " + labels.map(visible).join(" and ");
      var every = element("a", { href: location.pathname + location.hash, text: "all pairs" });
      this.tools.append(element("span", { class: "muted", text: both }), every);
    }
    if (this.entries.length > 1) this.makeSort();
    if (this.root.querySelector(".groups")) {
      this.said = element("span", { role: "status", class: "muted" });
      this.tools.append(
        button("Select surplus copies", function () {
          gallery.selectSurplus();
        }),
        this.said
      );
    }
    this.root.prepend(this.tools);
  };

  /* By any number that is known of the first image of each entry. */
  Gallery.prototype.makeSort = function () {
    var gallery = this;
    var by = element("select", { "aria-label": "Order of " + this.things }, [
      element("option", { value: "", text: "order of the report" }),
    ]);
    imgvet.columns.forEach(function (one) {
      if (one.form !== "text") by.append(element("option", { value: one.key, text: one.title }));
    });
    var direction = button("Ascending", function () {
      direction.textContent = direction.textContent === "Ascending" ? "Descending" : "Ascending";
      sort();
    });
    direction.disabled = true;
    function sort() {
      direction.disabled = !by.value;
      gallery.sort(by.value, direction.textContent === "Descending" ? -1 : 1);
    }
    by.addEventListener("change", sort);
    this.tools.append(by, direction);
  };

  Gallery.prototype.sort = function (key, sign) {
    var place = key && column(key);
    function value(entry) {
      var box = entry.querySelector(".pick");
      var row = (box && facts.get(Number(box.value))) || [];
      var known = row[place];
      return known === null || known === undefined ? Infinity : sign * known;
    }
    var order = this.listed;
    if (key) {
      order = order.slice().sort(function (one, other) {
        var first = value(one);
        var second = value(other);
        return first < second ? -1 : first > second ? 1 : 0;
      });
    }
    this.entries = order;
    order.forEach(function (entry) {
      entry.parentElement.append(entry);
    });
    this.search(this.words);
  };

  Gallery.prototype.turn = function (step) {
    this.page += step;
    this.show();
    this.root.scrollIntoView({ block: "start" });
  };

  Gallery.prototype.show = function () {
    var pages = Math.max(1, Math.ceil(this.matching.length / pageSize));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    var from = this.page * pageSize;
    var shown = new Set(this.matching.slice(from, from + pageSize));
    this.shown = shown;
    this.entries.forEach(function (entry) {
      entry.hidden = !shown.has(entry);
    });
    this.range.textContent = this.inWords(from, shown.size);
    this.back.disabled = this.page === 0;
    this.forth.disabled = this.page >= pages - 1;
    this.back.hidden = this.forth.hidden = pages === 1;
  };

  Gallery.prototype.inWords = function (from, size) {
    var number = imgvet.number;
    var found = this.matching.length;
    if (!size) return "No " + this.things + " match.";
    var range = number(from + 1) + (size > 1 ? "–" + number(from + size) : "");
    var things = found === 1 ? this.things.replace(/s$/, "") : this.things;
    var rest = this.total > this.entries.length ? " here, " + number(this.total) + " in all" : "";
    return range + " of " + number(found) + " " + things + rest;
  };

  Gallery.prototype.search = function (words) {
    var texts = this.texts;
    this.words = words;
    this.matching = this.entries.filter(function (entry) {
      return isLabelled(entry) && words.every(function (word) {
        return texts.get(entry).includes(word);
      });
    });
    this.page = 0;
    this.show();
  };

  Gallery.prototype.selectShown = function () {
    this.shown.forEach(function (entry) {
      entry.querySelectorAll(".pick").forEach(function (box) {
        choose(Number(box.value), true);
      });
    });
    mark();
  };

  Gallery.prototype.selectSurplus = function () {
    var copies = 0;
    var left = 0;
    this.matching.forEach(function (entry) {
      var surplus = entry.querySelectorAll(".pick.surplus");
      surplus.forEach(function (box) {
        choose(Number(box.value), true);
      });
      var rest = JSON.parse(entry.dataset.rest || "[]");
      rest.forEach(function (row) {
        chooseNamed(row[0], row[1], true);
      });
      copies += surplus.length + rest.length;
      left += surplus.length ? 0 : 1;
    });
    mark();
    this.said.textContent =
      counted(copies, "copy", "copies") + " selected" +
      (left ? ", " + counted(left, "group", "groups") + " left for you to decide." : ".");
  };

  function makeSearch(first) {
    var field = element("input", {
      type: "search",
      id: "search",
      placeholder: "part of a file name, label or split",
      autocomplete: "off",
      spellcheck: "false",
    });
    var help =
      "Arrow keys go from picture to picture, Enter opens one, x selects it, / searches.";
    var tools = element("div", { class: "search" }, [
      element("label", { for: "search", text: "Search this page" }),
      field,
      element("span", { class: "muted", text: help }),
    ]);
    field.addEventListener("input", function () {
      var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      galleries.forEach(function (gallery) {
        gallery.search(words);
      });
    });
    document.querySelector("main").insertBefore(tools, first);
    return field;
  }

  /* The picture, large, with everything that is known of it */

  function makeDialog() {
    dialog = element("dialog", { class: "zoom", "aria-label": "Image" });
    dialog.picture = element("img", { alt: "" });
    dialog.about = element("div", { class: "zoom-facts", tabindex: "0", role: "region", "aria-label": "What is known" });
    dialog.said = element("span", { role: "status", class: "muted" });
    dialog.box = element("input", { type: "checkbox", id: "zoom-pick" });
    dialog.back = button("Previous", function () {
      step(-1);
    });
    dialog.forth = button("Next", function () {
      step(1);
    });
    dialog.tools = element("div", { class: "tools" }, [
      dialog.back,
      dialog.forth,
      button("Copy path", function () {
        copy(fileOf(dialog.row), function () {
          dialog.said.textContent = "Copied.";
        });
      }),
      element("label", { for: "zoom-pick", class: "check" }, [dialog.box, " Selected"]),
      dialog.said,
      button("Close", function () {
        dialog.close();
      }),
    ]);
    dialog.append(
      dialog.tools,
      element("div", { class: "zoom-body" }, [
        element("div", { class: "zoom-picture" }, [dialog.picture]),
        dialog.about,
      ])
    );
    dialog.box.addEventListener("change", function () {
      facts.set(dialog.row[0], dialog.row);
      choose(dialog.row[0], dialog.box.checked);
      mark();
    });
    dialog.addEventListener("click", function (event) {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", function () {
      if (opened && opened.isConnected) opened.focus();
    });
    dialog.addEventListener("keydown", function (event) {
      if (event.key === "ArrowLeft") step(-1);
      else if (event.key === "ArrowRight") step(1);
      else if (event.key === "x") dialog.box.click();
      else return;
      event.preventDefault();
    });
    document.body.append(dialog);
  }

  /* row: its facts; source: address of its picture, may be empty; tile: a replacement, or null. */
  imgvet.zoom = function (row, source, tile) {
    if (!dialog) makeDialog();
    dialog.row = row;
    dialog.said.textContent = "";
    dialog.box.checked = selected.has(row[0]);
    dialog.picture.hidden = !source;
    dialog.picture.alt = imgvet.baseName(fileOf(row));
    if (source) dialog.picture.src = source;
    else dialog.picture.removeAttribute("src");
    dialog.querySelectorAll(".zoom-picture .thumb").forEach(function (old) {
      old.remove();
    });
    if (!source && tile) dialog.picture.parentElement.append(tile);
    dialog.about.replaceChildren(imgvet.factList(row));
    dialog.back.hidden = dialog.forth.hidden = opened === null;
    if (!dialog.open) dialog.showModal();
  };

  function open(link) {
    opened = link;
    var row = facts.get(Number(link.dataset.id));
    if (row) imgvet.zoom(row, link.querySelector("img").src, null);
    return Boolean(row);
  }

  function pictures() {
    return Array.from(document.querySelectorAll("a.picture")).filter(function (link) {
      return link.offsetParent !== null;
    });
  }

  function step(by) {
    if (!opened) return;
    var all = pictures();
    var next = all[all.indexOf(opened) + by];
    if (next) open(next);
  }

  /* Keys and clicks */

  /* The nearest picture in a direction, by where the pictures are on the screen. */
  function neighbour(link, key) {
    var from = link.getBoundingClientRect();
    var best = null;
    var least = Infinity;
    pictures().forEach(function (other) {
      if (other === link) return;
      var to = other.getBoundingClientRect();
      var dx = to.left + to.width / 2 - from.left - from.width / 2;
      var dy = to.top + to.height / 2 - from.top - from.height / 2;
      var along = key === "ArrowRight" ? dx : key === "ArrowLeft" ? -dx : key === "ArrowDown" ? dy : -dy;
      var across = key === "ArrowRight" || key === "ArrowLeft" ? dy : dx;
      if (along < 4) return;
      var cost = along + 3 * Math.abs(across);
      if (cost < least) {
        least = cost;
        best = other;
      }
    });
    return best;
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || (dialog && dialog.open)) return;
    var link = event.target.closest ? event.target.closest("a.picture") : null;
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
      var field = document.getElementById("search");
      if (!field) return;
      field.focus();
      event.preventDefault();
    } else if (link && event.key.startsWith("Arrow")) {
      var next = neighbour(link, event.key);
      if (!next) return;
      next.focus();
      event.preventDefault();
    } else if (link && event.key === "x") {
      var id = Number(link.dataset.id);
      choose(id, !selected.has(id));
      mark();
    }
  }

  function onClick(event) {
    var link = event.target.closest("a.picture");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (open(link)) event.preventDefault();
  }

  function onChange(event) {
    if (!event.target.classList.contains("pick")) return;
    choose(Number(event.target.value), event.target.checked);
    mark();
  }

  function start() {
    document.addEventListener("click", onClick);
    document.addEventListener("change", onChange);
    document.addEventListener("keydown", onKey);
    var roots = Array.from(document.querySelectorAll(".gallery"));
    if (!roots.length) return;
    makeSearch(document.querySelector("main > section"));
    galleries = roots.map(function (root) {
      return new Gallery(root);
    });
  }

  start();
})();
