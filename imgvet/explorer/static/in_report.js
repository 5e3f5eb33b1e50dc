/* In the pages of the report while the explorer serves them: links to it. */
(function () {
  "use strict";
  const list = document.querySelector(".contents ol");
  if (list) {
    const link = document.createElement("a");
    link.href = "/explore";
    link.textContent = "Explore";
    const entry = document.createElement("li");
    entry.append(link);
    list.prepend(entry);
  }

  /* A number of pairs opens all of them, not only those that the report shows. */
  document.querySelectorAll("a[data-labels]").forEach(function (link) {
    link.href = "/pairs?kind=near&labels=" + encodeURIComponent(link.dataset.labels);
  });
  const decide = { labels: "/labels", leaks: "/pairs?kind=leaks", duplicates: "/pairs?kind=near" };
  Object.entries(decide).forEach(function ([section, address]) {
    const heading = document.getElementById(section + "-title");
    if (!heading || !heading.closest("section").querySelector(".pair")) return;
    const link = document.createElement("a");
    link.href = address;
    link.textContent = "Decide on them one after the other";
    const line = document.createElement("p");
    line.append(link);
    heading.after(line);
  });

  /* The report's large picture tells which image it shows by the first value of its row. */
  const imgvet = globalThis.imgvet;
  if (!imgvet || typeof imgvet.zoom !== "function") return;
  const zoom = imgvet.zoom;
  imgvet.zoom = function (row, ...rest) {
    zoom.call(imgvet, row, ...rest);
    const tools = document.querySelector("dialog.zoom .tools");
    if (!tools) return;
    let link = tools.querySelector(".to-explorer");
    if (!link) {
      link = document.createElement("a");
      link.className = "to-explorer";
      link.textContent = "Similar images";
      tools.insertBefore(link, tools.lastElementChild);
    }
    link.href = "/explore?similar=" + encodeURIComponent(row[0]);
  };
})();
