/* The map: points drawn by Plotly's WebGL scatter (without WebGL a part of them as SVG), coloured by
   what is chosen, a thumbnail where the pointer is, and the files inside a loop. */
(function () {
  "use strict";

  const { imgvet } = globalThis;
  const { element, map, mapNames: names } = imgvet;
  const place = document.getElementById("map-plot");
  const card = document.getElementById("map-card");
  const status = document.getElementById("map-status");
  const selection = document.getElementById("map-selection");
  const STRIP = 60;
  const MISSING = 255;
  /* Told apart by people who see few colours, too; after Okabe and Ito, widened to twelve. */
  const PALETTE = [
    "#3b76c4", "#e08a1e", "#2f9e77", "#c9518f", "#7a6fd0", "#b8860b",
    "#4aa3c7", "#d1495b", "#6b8e23", "#9c6b4e", "#a05fb4", "#5b7f95",
  ];
  const SCALE = [
    [0, "#443a83"], [0.25, "#31688e"], [0.5, "#21918c"], [0.75, "#5ec962"], [1, "#f2d324"],
  ];

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  const coordinates = (text) => Float32Array.from(new Uint16Array(bytes(text).buffer), (value) => value / 65535);

  const x = coordinates(map.x);
  const y = coordinates(map.y);
  const ids = new Uint32Array(bytes(map.ids).buffer);
  const tiles = new Int32Array(bytes(map.tile).buffer);
  const tileCount = tiles.filter((index) => index >= 0).length;
  const pictures = bytes(map.picture);
  let chosen = [];
  let revision = 0;
  const webgl = Boolean(document.createElement("canvas").getContext("webgl"));
  /* Every so many points one is drawn. */
  const step = webgl ? 1 : Math.max(1, Math.ceil(map.count / map.slowPoints));

  const isDrawn = (point) => point % step === 0;
  const drawn = (values) => values.filter((_, point) => isDrawn(point));

  /* The point that Plotly calls by its number. */
  const pointOf = (one) => one.pointNumber * step;

  map.colourings.forEach((one) => (one.codes = bytes(one.codes)));

  /* A tile of a sheet as the background of an element. */
  function tile(point, side) {
    const made = element("div", { class: "thumb", role: "img" });
    made.setAttribute("aria-label", baseName(point));
    made.style.width = made.style.height = side + "px";
    const index = tiles[point];
    if (index < 0) return made;
    const per = map.tiles.perSheet;
    const columns = map.tiles.columns;
    const sheet = Math.floor(index / per);
    const within = index % per;
    const tilesOnSheet = Math.min(per, tileCount - sheet * per);
    const rows = Math.ceil(tilesOnSheet / columns);
    made.style.backgroundImage = 'url("images/map-' + String(sheet).padStart(3, "0") + '.jpg")';
    made.style.backgroundSize = columns * side + "px " + rows * side + "px";
    made.style.backgroundPosition =
      -(within % columns) * side + "px " + -Math.floor(within / columns) * side + "px";
    return made;
  }

  const baseName = (point) => imgvet.baseName(String(names[point]));

  /* Everything known of a point lies in a file of its own thousand points. */
  function withFacts(point, act) {
    const number = Math.floor(point / map.chunk);
    const key = "mapFacts" + number;
    const found = () => act(imgvet[key][point % map.chunk]);
    if (imgvet[key]) return found();
    const script = element("script", { src: "data/map-facts-" + String(number).padStart(3, "0") + ".js" });
    script.addEventListener("load", found);
    script.addEventListener("error", () => (status.textContent = "What is known of this image can't be loaded."));
    document.head.append(script);
    return undefined;
  }

  function openPoint(point) {
    withFacts(point, (row) => {
      const digest = row[row.length - 1];
      const source = pictures[point] ? "images/" + digest + ".jpg" : "";
      imgvet.zoom(row, source, tile(point, 192));
    });
  }

  /* Colours */

  const current = () => map.colourings[Number(document.getElementById("map-colour").value)];

  function colourOf(one, code) {
    const name = one.names[code];
    const last = one.names.length - 1;
    if ((name === "none" || name === "others") && code >= last - 1) return imgvet.colour("--map-rest");
    return PALETTE[code % PALETTE.length];
  }

  function marker(one) {
    const size = map.count > 20000 ? 3 : map.count > 3000 ? 5 : 8;
    const base = { size: size, opacity: map.count > 3000 ? 0.75 : 0.85, line: { width: 0 } };
    if (!one.names.length) {
      return {
        ...base,
        color: Array.from(drawn(one.codes), (code) => (code === MISSING ? NaN : one.low + ((one.high - one.low) * code) / 254)),
        colorscale: SCALE,
        cmin: one.low,
        cmax: one.high,
        showscale: true,
        colorbar: { thickness: 10, outlinewidth: 0, len: 0.86, y: 0, yanchor: "bottom", title: { text: one.unit, side: "right" } },
      };
    }
    const top = Math.max(1, one.names.length - 1);
    const ends = (code) => [code, code + 1].map((end) => [end / (top + 1), colourOf(one, code)]);
    const colorscale = one.names.flatMap((_, code) => ends(code));
    return { ...base, color: Array.from(drawn(one.codes)), colorscale, cmin: -0.5, cmax: top + 0.5, showscale: false };
  }

  function legend(one) {
    const root = document.getElementById("map-legend");
    const totals = new Array(one.names.length).fill(0);
    if (one.names.length) one.codes.forEach((code) => (totals[code] += 1));
    root.replaceChildren(
      ...one.names.map((name, code) => {
        const dot = element("span", { class: "dot", "aria-hidden": "true" });
        dot.style.backgroundColor = colourOf(one, code);
        const made = element("button", { type: "button" }, [
          dot,
          element("bdi", { text: name }),
          element("span", { class: "muted", text: imgvet.number(totals[code]) }),
        ]);
        made.addEventListener("click", () => select(indices((point) => one.codes[point] === code)));
        return made;
      })
    );
  }

  const indices = (test) => Array.from({ length: map.count }, (_, point) => point).filter(test);

  function layout() {
    const axis = { visible: false, fixedrange: false };
    return {
      template: imgvet.plotTemplate(),
      height: place.clientHeight,
      margin: { l: 4, r: 4, t: 4, b: 4 },
      xaxis: axis,
      yaxis: { scaleanchor: "x", rangemode: "normal", ...axis },
      dragmode: matchMedia("(pointer: coarse)").matches ? "pan" : "lasso",
      hovermode: "closest",
      uirevision: "map",
      /* A loop that stayed would select its points again. */
      selectionrevision: revision,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: imgvet.colour("--muted"), activecolor: imgvet.colour("--accent") },
      newselection: { line: { color: imgvet.colour("--accent"), width: 1.5 } },
      activeselection: { fillcolor: imgvet.colour("--accent"), opacity: 0.08 },
    };
  }

  /* What Plotly calls the points of a list that it draws; null if the list is empty. */
  const numbersOf = (points) => (points.length ? points.filter(isDrawn).map((point) => point / step) : null);

  function trace() {
    const one = current();
    return {
      type: webgl ? "scattergl" : "scatter",
      mode: "markers",
      x: drawn(x),
      y: drawn(y),
      marker: marker(one),
      hoverinfo: "none",
      selectedpoints: numbersOf(chosen),
      selected: { marker: { opacity: 1 } },
      unselected: { marker: { opacity: 0.12 } },
    };
  }

  const config = {
    responsive: true,
    scrollZoom: true,
    displaylogo: false,
    displayModeBar: true,
    modeBarButtons: [["pan2d", "lasso2d", "select2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };

  function draw() {
    legend(current());
    return Plotly.react(place, [trace()], layout(), config);
  }

  /* The list of chosen points */

  function select(points) {
    chosen = points;
    revision += 1;
    Plotly.react(place, [trace()], layout(), config);
    listChosen();
  }

  function listChosen() {
    selection.hidden = chosen.length === 0;
    const files = chosen.length === 1 ? " file." : " files.";
    const more = chosen.length > STRIP ? " The first " + STRIP + " are shown." : "";
    document.getElementById("map-selected").textContent = imgvet.number(chosen.length) + files + more;
    const strip = document.getElementById("map-strip");
    strip.replaceChildren(
      ...chosen.slice(0, STRIP).map((point) => {
        const made = element("button", { type: "button", class: "strip-tile", title: baseName(point) }, [tile(point, 64)]);
        made.addEventListener("click", () => openPoint(point));
        return made;
      })
    );
  }

  const chosenRows = () => chosen.map((point) => [ids[point], names[point]]);

  /* The thumbnail beside the pointer */

  function showCard(event) {
    const point = pointOf(event.points[0]);
    const side = Math.max(96, map.tiles.side);
    card.firstElementChild.replaceWith(tile(point, side * 1.5));
    const one = current();
    const note = one.names.length ? one.names[one.codes[point]] : valueOf(one, point);
    card.lastElementChild.replaceChildren(
      element("bdi", { text: baseName(point) }),
      element("span", { class: "muted", text: " " + one.title + ": " + note })
    );
    card.hidden = false;
    const box = place.getBoundingClientRect();
    const at = event.event || { clientX: box.left, clientY: box.top };
    const right = at.clientX + 24 + card.offsetWidth < innerWidth;
    card.style.left = (right ? at.clientX + 18 : Math.max(4, at.clientX - 18 - card.offsetWidth)) + "px";
    card.style.top = Math.max(4, Math.min(at.clientY + 12, innerHeight - card.offsetHeight - 8)) + "px";
  }

  function valueOf(one, point) {
    if (one.codes[point] === MISSING) return "not measured";
    const value = one.low + ((one.high - one.low) * one.codes[point]) / 254;
    return "about " + imgvet.number(Number(value.toPrecision(3))) + (one.unit ? " " + one.unit : "");
  }

  function find(text) {
    const part = text.toLowerCase();
    const found = indices((point) => part && String(names[point]).toLowerCase().includes(part));
    status.textContent = part && imgvet.number(found.length) + (found.length === 1 ? " point found." : " points found.");
    return select(found);
  }

  function connect() {
    place.on("plotly_hover", showCard);
    place.on("plotly_unhover", () => (card.hidden = true));
    place.on("plotly_click", (event) => {
      card.hidden = true;
      openPoint(pointOf(event.points[0]));
    });
    place.on("plotly_selected", (event) => {
      /* So Plotly tells that select() has taken a loop away. */
      if (event && event.selections && !event.selections.length) return;
      chosen = event ? event.points.map(pointOf) : [];
      listChosen();
    });
    place.on("plotly_deselect", () => select([]));
    let waiting = 0;
    document.getElementById("map-find").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => find(event.target.value), 150);
    });
    document.getElementById("map-colour").addEventListener("change", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    const buttons = imgvet.listButtons("map-selected", chosenRows, (text) => (status.textContent = text));
    const clear = imgvet.button("Clear", () => {
      document.getElementById("map-find").value = "";
      select([]);
    });
    document.getElementById("map-strip").before(element("div", { class: "tools" }, [...buttons, clear]));
  }

  function tellOfStep() {
    if (step === 1) return;
    const text = "This browser has no WebGL: one point in " + imgvet.number(step) +
      " is drawn. Search and list know them all.";
    document.getElementById("map-legend").before(element("p", { class: "note", text: text }));
  }

  const wait = document.getElementById("map-wait");
  if (typeof Plotly === "undefined") {
    wait.textContent = "The map can't be drawn: plotly.min.js is missing beside this page.";
    return;
  }
  draw().then(
    () => {
      wait.remove();
      tellOfStep();
      connect();
      place.dataset.ready = "true";
    },
    () => (wait.textContent = "The map can't be drawn by this browser. The table below has every place.")
  );
})();
