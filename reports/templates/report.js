/* Draws each figure when it comes near the screen, in the colours of the style sheet, and marks the
   section that is being read. The page says everything without this script. */
(function () {
  "use strict";

  var payload = JSON.parse(document.getElementById("figure-data").textContent);
  var drawn = new Set();

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  /* The common template with the colours that the style sheet has right now. */
  function template() {
    var made = JSON.parse(JSON.stringify(payload.template));
    var ink = colour("--figure-ink");
    var layout = made.layout;
    layout.colorway = [colour("--figure-plain"), colour("--figure-flagged")];
    layout.font = { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily };
    layout.xaxis.linecolor = layout.xaxis.tickcolor = colour("--figure-line");
    layout.yaxis.gridcolor = colour("--figure-line");
    layout.shapedefaults = { line: { color: colour("--figure-threshold"), width: 1.5, dash: "dash" } };
    layout.annotationdefaults = { font: { color: colour("--figure-threshold"), size: 12 } };
    layout.hoverlabel = {
      bgcolor: colour("--surface"),
      bordercolor: colour("--figure-line"),
      font: { color: ink },
    };
    made.data.bar[0].marker.line.color = colour("--surface");
    return made;
  }

  function draw(place) {
    var figure = payload.figures[place.id];
    var layout = Object.assign({}, figure.layout, { template: template() });
    var data = JSON.parse(JSON.stringify(figure.data));
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

  /* The contents mark the last section whose heading has passed the upper third of the window. */
  function markCurrent() {
    var links = Array.from(document.querySelectorAll(".contents a"));
    var sections = links.map(function (link) {
      return document.getElementById(link.hash.slice(1));
    });
    function mark() {
      var line = window.innerHeight / 3;
      var current = 0;
      sections.forEach(function (section, index) {
        if (section.getBoundingClientRect().top <= line) current = index;
      });
      links.forEach(function (link, index) {
        if (index === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }
    var waiting = false;
    function soon() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(function () {
        waiting = false;
        mark();
      });
    }
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    mark();
  }

  function start() {
    var places = Array.from(document.querySelectorAll(".plot"));
    markCurrent();
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

  start();
})();
