/* What every page does: draws figures in the colours of the style sheet, writes numbers as the
   reader's language does, and follows links to sections that stand on another page. The page says
   everything without this script. */
(function () {
  "use strict";

  var imgvet = (globalThis.imgvet = globalThis.imgvet || {});
  var english = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
  var local = new Intl.NumberFormat(navigator.language, { maximumFractionDigits: 20 });
  var drawn = new Set();
  var PAPER = 600;

  imgvet.colour = function (name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  };

  /* An element with text and attributes: nothing that comes from data is ever parsed as HTML. */
  imgvet.element = function (tag, attributes, children) {
    var made = document.createElement(tag);
    Object.entries(attributes || {}).forEach(function (entry) {
      if (entry[0] === "text") made.textContent = entry[1];
      else if (entry[1] !== null && entry[1] !== false) made.setAttribute(entry[0], entry[1]);
    });
    (children || []).forEach(function (child) {
      made.append(child);
    });
    return made;
  };

  imgvet.number = function (value) {
    return local.format(value);
  };

  function separators(format) {
    var parts = format.formatToParts(1234567.5);
    function find(type) {
      var part = parts.find(function (one) {
        return one.type === type;
      });
      return part ? part.value : "";
    }
    return find("decimal") + find("group");
  }

  /* Numbers of our own words in the reader's notation; names and code stay as they are. */
  function localise(root) {
    if (separators(local) === separators(english)) return;
    var number = /(^|[^\w.,:-])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\w:]|[.,]\d)/g;
    var walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (var node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("bdi, code, pre, script, time")) continue;
      node.data = node.data.replace(number, function (whole, before, digits) {
        var decimals = (digits.split(".")[1] || "").length;
        var format = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
        var value = Number(digits.replaceAll(",", ""));
        return before + value.toLocaleString(navigator.language, format);
      });
    }
  }

  /* The common template with the colours that the style sheet has right now. */
  imgvet.plotTemplate = function () {
    var made = JSON.parse(JSON.stringify(imgvet.template));
    var ink = imgvet.colour("--figure-ink");
    var layout = made.layout;
    layout.colorway = [imgvet.colour("--figure-plain"), imgvet.colour("--figure-flagged")];
    layout.font = { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily };
    layout.separators = separators(local);
    layout.xaxis.linecolor = layout.xaxis.tickcolor = imgvet.colour("--figure-line");
    layout.yaxis.gridcolor = imgvet.colour("--figure-line");
    layout.shapedefaults = {
      line: { color: imgvet.colour("--figure-threshold"), width: 1.5, dash: "dash" },
    };
    layout.annotationdefaults = { font: { color: imgvet.colour("--figure-threshold"), size: 12 } };
    layout.hoverlabel = {
      bgcolor: imgvet.colour("--surface"),
      bordercolor: imgvet.colour("--figure-line"),
      font: { color: ink },
    };
    made.data.bar[0].marker.line.color = imgvet.colour("--surface");
    return made;
  };

  /* Of a control chart: the band, the ticks of limits, and what is over them. */
  function colourByMeaning(trace) {
    if (!trace.meta) return;
    var plain = imgvet.colour("--figure-plain");
    if (trace.meta.band) trace.fillcolor = imgvet.colour("--figure-band");
    else if (trace.meta.limit) trace.marker.color = imgvet.colour("--figure-threshold");
    else {
      trace.line = { color: plain };
      trace.marker.color = trace.meta.over.map(function (over) {
        return over ? imgvet.colour("--figure-flagged") : plain;
      });
    }
  }

  function draw(place) {
    var figure = imgvet.figures[place.id];
    var layout = Object.assign({}, figure.layout, { template: imgvet.plotTemplate() });
    // A figure takes the size of its place, unless its own layout gives one.
    layout.height = layout.height || layout.template.layout.height;
    var data = JSON.parse(JSON.stringify(figure.data));
    data.forEach(colourByMeaning);
    drawn.add(place);
    return Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  }

  function redraw() {
    drawn.forEach(draw);
  }

  function drawWhenNear(places) {
    var observer = new IntersectionObserver(
      function (entries) {
        entries.forEach(function (entry) {
          if (entry.isIntersecting) {
            observer.unobserve(entry.target);
            draw(entry.target);
          }
        });
      },
      { rootMargin: "600px 0px" }
    );
    places.forEach(function (place) {
      observer.observe(place);
    });
  }

  function drawFigures() {
    var places = Array.from(document.querySelectorAll(".plot"));
    if (!places.length) return;
    if (typeof Plotly === "undefined") {
      places.forEach(function (place) {
        place.textContent = "The figure can't be drawn: plotly.min.js is missing beside this page.";
      });
      return;
    }
    drawWhenNear(places);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("beforeprint", function () {
      places.forEach(draw);
    });
  }

  /* Paper is narrower than most windows: what keeps its width would be cut off. */
  function fitToPaper() {
    function zoomAll(zoomOf) {
      document.querySelectorAll(".plot-container").forEach(function (drawing) {
        drawing.style.zoom = zoomOf(drawing.clientWidth);
      });
    }
    addEventListener("beforeprint", function () {
      zoomAll(function (width) {
        return Math.min(1, PAPER / width);
      });
    });
    addEventListener("afterprint", function () {
      zoomAll(function () {
        return "";
      });
    });
  }

  /* index.html#outliers leads to the page on which that section stands. */
  function followSection() {
    var name = decodeURIComponent(location.hash.slice(1));
    if (!/^[a-z-]+$/.test(name) || document.getElementById(name)) return;
    var link = document.querySelector('.contents a[data-sections~="' + name + '"]');
    if (link) location.replace(link.getAttribute("href") + "#" + name);
  }

  /* On a narrow window the pages stand in one line: the current one is brought into sight. */
  function showCurrentPage() {
    var link = document.querySelector('.contents a[aria-current="page"]');
    if (!link) return;
    var list = link.closest("nav");
    list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
  }

  /* In a report of one file each picture is there once. */
  function placePictures() {
    document.querySelectorAll("img[data-picture]").forEach(function (image) {
      image.src = imgvet.pictures[image.dataset.picture];
    });
  }

  placePictures();
  followSection();
  showCurrentPage();
  addEventListener("hashchange", followSection);
  drawFigures();
  fitToPaper();
  localise(document.body);
})();
