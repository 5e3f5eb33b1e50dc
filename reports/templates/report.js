/* What every page does: draws figures in the colours of the style sheet, writes numbers as the
   reader's language does, and follows links to sections that stand on another page. The page says
   everything without this script. */
(function () {
  "use strict";

  const imgvet = (globalThis.imgvet = globalThis.imgvet || {});
  const english = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
  const local = new Intl.NumberFormat(navigator.language, { maximumFractionDigits: 20 });
  const drawn = new Set();
  const PAPER = 600;

  imgvet.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* An element with text and attributes: nothing that comes from data is ever parsed as HTML. */
  imgvet.element = (tag, attributes = {}, children = []) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "text") made.textContent = value;
      else if (value !== null && value !== false) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  imgvet.number = (value) => local.format(value);

  function separators(format) {
    const parts = new Map(format.formatToParts(1234567.5).map((one) => [one.type, one.value]));
    return (parts.get("decimal") || "") + (parts.get("group") || "");
  }

  /* Numbers of our own words in the reader's notation; names and code stay as they are. */
  function localise(root) {
    if (separators(local) === separators(english)) return;
    const number = /(^|[^\w.,:-])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\w:]|[.,]\d)/g;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("bdi, code, pre, script, time")) continue;
      node.data = node.data.replace(number, (whole, before, digits) => {
        const decimals = (digits.split(".")[1] || "").length;
        const format = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
        const value = Number(digits.replaceAll(",", ""));
        return before + value.toLocaleString(navigator.language, format);
      });
    }
  }

  /* The common template with the colours that the style sheet has right now. */
  imgvet.plotTemplate = function () {
    const made = JSON.parse(JSON.stringify(imgvet.template));
    const ink = imgvet.colour("--figure-ink");
    const layout = made.layout;
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
    const plain = imgvet.colour("--figure-plain");
    if (trace.meta.band) trace.fillcolor = imgvet.colour("--figure-band");
    else if (trace.meta.limit) trace.marker.color = imgvet.colour("--figure-threshold");
    else {
      trace.line = { color: plain };
      trace.marker.color = trace.meta.over.map((over) => (over ? imgvet.colour("--figure-flagged") : plain));
    }
  }

  function draw(place) {
    const figure = imgvet.figures[place.id];
    const layout = { ...figure.layout, template: imgvet.plotTemplate() };
    // A figure takes the size of its place, unless its own layout gives one.
    layout.height = layout.height || layout.template.layout.height;
    const data = JSON.parse(JSON.stringify(figure.data));
    data.forEach(colourByMeaning);
    drawn.add(place);
    return Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  }

  function drawWhenNear(places) {
    const drawSeen = (entries) =>
      entries
        .filter((entry) => entry.isIntersecting)
        .forEach(({ target }) => {
          observer.unobserve(target);
          draw(target);
        });
    const observer = new IntersectionObserver(drawSeen, { rootMargin: "600px 0px" });
    places.forEach((place) => observer.observe(place));
  }

  function drawFigures() {
    const places = Array.from(document.querySelectorAll(".plot"));
    if (!places.length) return;
    if (typeof Plotly === "undefined") {
      const missing = "The figure can't be drawn: plotly.min.js is missing beside this page.";
      places.forEach((place) => (place.textContent = missing));
      return;
    }
    drawWhenNear(places);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
    addEventListener("beforeprint", () => places.forEach(draw));
  }

  /* Paper is narrower than most windows: what keeps its width would be cut off. */
  function fitToPaper() {
    const zoomAll = (zoomOf) =>
      document.querySelectorAll(".plot-container").forEach((drawing) => (drawing.style.zoom = zoomOf(drawing.clientWidth)));
    addEventListener("beforeprint", () => zoomAll((width) => Math.min(1, PAPER / width)));
    addEventListener("afterprint", () => zoomAll(() => ""));
  }

  /* index.html#outliers leads to the page on which that section stands. */
  function followSection() {
    const name = decodeURIComponent(location.hash.slice(1));
    if (!/^[a-z-]+$/.test(name) || document.getElementById(name)) return;
    const link = document.querySelector('.contents a[data-sections~="' + name + '"]');
    if (link) location.replace(link.getAttribute("href") + "#" + name);
  }

  /* On a narrow window the pages stand in one line: the current one is brought into sight. */
  function showCurrentPage() {
    const link = document.querySelector('.contents a[aria-current="page"]');
    if (!link) return;
    const list = link.closest("nav");
    list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
  }

  /* In a report of one file each picture is there once. */
  function placePictures() {
    document.querySelectorAll("img[data-picture]").forEach((image) => (image.src = imgvet.pictures[image.dataset.picture]));
  }

  placePictures();
  followSection();
  showCurrentPage();
  addEventListener("hashchange", followSection);
  drawFigures();
  fitToPaper();
  localise(document.body);
})();
