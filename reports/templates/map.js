/* The map: points drawn by Plotly's WebGL scatter (without WebGL a part of them as SVG), coloured by
   what is chosen, a thumbnail where the pointer is, and the files inside a loop. */
(function () {
  "use strict";

  var imgvet = globalThis.imgvet;
  var element = imgvet.element;
  var map = imgvet.map;
  var names = imgvet.mapNames;
  var place = document.getElementById("map-plot");
  var card = document.getElementById("map-card");
  var status = document.getElementById("map-status");
  var selection = document.getElementById("map-selection");
  var STRIP = 60;
  var MISSING = 255;
  /* Told apart by people who see few colours, too; after Okabe and Ito, widened to twelve. */
  var PALETTE = [
    "#3b76c4", "#e08a1e", "#2f9e77", "#c9518f", "#7a6fd0", "#b8860b",
    "#4aa3c7", "#d1495b", "#6b8e23", "#9c6b4e", "#a05fb4", "#5b7f95",
  ];
  var SCALE = [
    [0, "#443a83"], [0.25, "#31688e"], [0.5, "#21918c"], [0.75, "#5ec962"], [1, "#f2d324"],
  ];

  function bytes(text) {
    var raw = atob(text);
    var made = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i += 1) made[i] = raw.charCodeAt(i);
    return made;
  }

  function coordinates(text, flipped) {
    return Float32Array.from(new Uint16Array(bytes(text).buffer), function (value) {
      return (flipped ? 65535 - value : value) / 65535;
    });
  }

  var x = coordinates(map.x, false);
  var y = coordinates(map.y, false);
  var ids = new Uint32Array(bytes(map.ids).buffer);
  var tiles = new Int32Array(bytes(map.tile).buffer);
  var pictures = bytes(map.picture);
  var chosen = [];
  var revision = 0;
  var webgl = hasWebgl();
  /* Every so many points one is drawn. */
  var step = webgl ? 1 : Math.max(1, Math.ceil(map.count / map.slowPoints));

  function hasWebgl() {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  }

  function isDrawn(point) {
    return point % step === 0;
  }

  function drawn(values) {
    return values.filter(function (_, point) {
      return isDrawn(point);
    });
  }

  /* The point that Plotly calls by its number. */
  function pointOf(one) {
    return one.pointNumber * step;
  }

  map.colourings.forEach(function (one) {
    one.codes = bytes(one.codes);
  });

  /* A tile of a sheet as the background of an element. */
  function tile(point, side) {
    var made = element("div", { class: "thumb", role: "img" });
    made.setAttribute("aria-label", baseName(point));
    made.style.width = made.style.height = side + "px";
    var index = tiles[point];
    if (index < 0) return made;
    var per = map.tiles.perSheet;
    var columns = map.tiles.columns;
    var sheet = Math.floor(index / per);
    var within = index % per;
    var tilesOnSheet = Math.min(per, tileCount() - sheet * per);
    var rows = Math.ceil(tilesOnSheet / columns);
    made.style.backgroundImage = 'url("images/map-' + String(sheet).padStart(3, "0") + '.jpg")';
    made.style.backgroundSize = columns * side + "px " + rows * side + "px";
    made.style.backgroundPosition =
      -(within % columns) * side + "px " + -Math.floor(within / columns) * side + "px";
    return made;
  }

  var counted = -1;
  function tileCount() {
    if (counted < 0) {
      counted = 0;
      tiles.forEach(function (index) {
        if (index >= 0) counted += 1;
      });
    }
    return counted;
  }

  function baseName(point) {
    return imgvet.baseName(String(names[point]));
  }

  /* Everything known of a point lies in a file of its own thousand points. */
  function withFacts(point, act) {
    var number = Math.floor(point / map.chunk);
    var key = "mapFacts" + number;
    function found() {
      act(imgvet[key][point % map.chunk]);
    }
    if (imgvet[key]) return found();
    var script = element("script", { src: "data/map-facts-" + String(number).padStart(3, "0") + ".js" });
    script.addEventListener("load", found);
    script.addEventListener("error", function () {
      status.textContent = "What is known of this image can't be loaded.";
    });
    document.head.append(script);
    return undefined;
  }

  function openPoint(point) {
    withFacts(point, function (row) {
      var digest = row[row.length - 1];
      var source = pictures[point] ? "images/" + digest + ".jpg" : "";
      imgvet.zoom(row, source, tile(point, 192));
    });
  }

  /* Colours */

  function current() {
    return map.colourings[Number(document.getElementById("map-colour").value)];
  }

  function colourOf(one, code) {
    var name = one.names[code];
    var last = one.names.length - 1;
    if ((name === "none" || name === "others") && code >= last - 1) return imgvet.colour("--map-rest");
    return PALETTE[code % PALETTE.length];
  }

  function marker(one) {
    var size = map.count > 20000 ? 3 : map.count > 3000 ? 5 : 8;
    var base = { size: size, opacity: map.count > 3000 ? 0.75 : 0.85, line: { width: 0 } };
    if (!one.names.length) {
      var values = Array.from(drawn(one.codes), function (code) {
        return code === MISSING ? NaN : one.low + ((one.high - one.low) * code) / 254;
      });
      return Object.assign(base, {
        color: values,
        colorscale: SCALE,
        cmin: one.low,
        cmax: one.high,
        showscale: true,
        colorbar: { thickness: 10, outlinewidth: 0, len: 0.86, y: 0, yanchor: "bottom", title: { text: one.unit, side: "right" } },
      });
    }
    var top = Math.max(1, one.names.length - 1);
    var steps = [];
    one.names.forEach(function (_, code) {
      steps.push([code / (top + 1), colourOf(one, code)], [(code + 1) / (top + 1), colourOf(one, code)]);
    });
    return Object.assign(base, {
      color: Array.from(drawn(one.codes)),
      colorscale: steps,
      cmin: -0.5,
      cmax: top + 0.5,
      showscale: false,
    });
  }

  function legend(one) {
    var root = document.getElementById("map-legend");
    var totals = new Array(one.names.length).fill(0);
    if (one.names.length) {
      one.codes.forEach(function (code) {
        totals[code] += 1;
      });
    }
    root.replaceChildren.apply(
      root,
      one.names.map(function (name, code) {
        var dot = element("span", { class: "dot", "aria-hidden": "true" });
        dot.style.backgroundColor = colourOf(one, code);
        var made = element("button", { type: "button" }, [
          dot,
          element("bdi", { text: name }),
          element("span", { class: "muted", text: imgvet.number(totals[code]) }),
        ]);
        made.addEventListener("click", function () {
          select(indices(function (point) {
            return one.codes[point] === code;
          }));
        });
        return made;
      })
    );
  }

  function indices(test) {
    var found = [];
    for (var point = 0; point < map.count; point += 1) if (test(point)) found.push(point);
    return found;
  }

  function layout() {
    var axis = { visible: false, fixedrange: false };
    return {
      template: imgvet.plotTemplate(),
      height: place.clientHeight,
      margin: { l: 4, r: 4, t: 4, b: 4 },
      xaxis: axis,
      yaxis: Object.assign({ scaleanchor: "x", rangemode: "normal" }, axis),
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
  function numbersOf(points) {
    if (!points.length) return null;
    return points.filter(isDrawn).map(function (point) {
      return point / step;
    });
  }

  function trace() {
    var one = current();
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

  var config = {
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
    var files = chosen.length === 1 ? " file." : " files.";
    var more = chosen.length > STRIP ? " The first " + STRIP + " are shown." : "";
    document.getElementById("map-selected").textContent = imgvet.number(chosen.length) + files + more;
    var strip = document.getElementById("map-strip");
    strip.replaceChildren.apply(
      strip,
      chosen.slice(0, STRIP).map(function (point) {
        var made = element("button", { type: "button", class: "strip-tile", title: baseName(point) }, [
          tile(point, 64),
        ]);
        made.addEventListener("click", function () {
          openPoint(point);
        });
        return made;
      })
    );
  }

  function chosenRows() {
    return chosen.map(function (point) {
      return [ids[point], names[point]];
    });
  }

  /* The thumbnail beside the pointer */

  function showCard(event) {
    var point = pointOf(event.points[0]);
    var side = Math.max(96, map.tiles.side);
    card.firstElementChild.replaceWith(tile(point, side * 1.5));
    var one = current();
    var note = one.names.length ? one.names[one.codes[point]] : valueOf(one, point);
    card.lastElementChild.replaceChildren(
      element("bdi", { text: baseName(point) }),
      element("span", { class: "muted", text: " " + one.title + ": " + note })
    );
    card.hidden = false;
    var box = place.getBoundingClientRect();
    var at = event.event || { clientX: box.left, clientY: box.top };
    var right = at.clientX + 24 + card.offsetWidth < innerWidth;
    card.style.left = (right ? at.clientX + 18 : Math.max(4, at.clientX - 18 - card.offsetWidth)) + "px";
    card.style.top = Math.max(4, Math.min(at.clientY + 12, innerHeight - card.offsetHeight - 8)) + "px";
  }

  function valueOf(one, point) {
    if (one.codes[point] === MISSING) return "not measured";
    var value = one.low + ((one.high - one.low) * one.codes[point]) / 254;
    return "about " + imgvet.number(Number(value.toPrecision(3))) + (one.unit ? " " + one.unit : "");
  }

  function find(text) {
    var part = text.toLowerCase();
    var found = indices(function (point) {
      return part && String(names[point]).toLowerCase().includes(part);
    });
    status.textContent = part && imgvet.number(found.length) + (found.length === 1 ? " point found." : " points found.");
    return select(found);
  }

  function connect() {
    place.on("plotly_hover", showCard);
    place.on("plotly_unhover", function () {
      card.hidden = true;
    });
    place.on("plotly_click", function (event) {
      card.hidden = true;
      openPoint(pointOf(event.points[0]));
    });
    place.on("plotly_selected", function (event) {
      /* So Plotly tells that select() has taken a loop away. */
      if (event && event.selections && !event.selections.length) return;
      chosen = event
        ? event.points.map(pointOf)
        : [];
      listChosen();
    });
    place.on("plotly_deselect", function () {
      select([]);
    });
    var waiting = 0;
    document.getElementById("map-find").addEventListener("input", function (event) {
      clearTimeout(waiting);
      waiting = setTimeout(function () {
        find(event.target.value);
      }, 150);
    });
    document.getElementById("map-colour").addEventListener("change", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    var buttons = imgvet.listButtons("map-selected", chosenRows, function (text) {
      status.textContent = text;
    });
    buttons.push(element("button", { type: "button", text: "Clear" }));
    buttons[buttons.length - 1].addEventListener("click", function () {
      document.getElementById("map-find").value = "";
      select([]);
    });
    var tools = element("div", { class: "tools" }, buttons);
    document.getElementById("map-strip").before(tools);
  }

  function tellOfStep() {
    if (step === 1) return;
    var text = "This browser has no WebGL: one point in " + imgvet.number(step) +
      " is drawn. Search and list know them all.";
    document.getElementById("map-legend").before(element("p", { class: "note", text: text }));
  }

  function start() {
    var wait = document.getElementById("map-wait");
    if (typeof Plotly === "undefined") {
      wait.textContent = "The map can't be drawn: plotly.min.js is missing beside this page.";
      return;
    }
    draw().then(
      function () {
        wait.remove();
        tellOfStep();
        connect();
        place.dataset.ready = "true";
      },
      function () {
        wait.textContent = "The map can't be drawn by this browser. The table below has every place.";
      }
    );
  }

  start();
})();
