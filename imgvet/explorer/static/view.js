/* Two pictures that are zoomed and moved together, laid over each other to blink or behind a slider. */

import { byId } from "./dom.js";

const stage = byId("stage");
const pictures = [byId("left-picture"), byId("right-picture")];
let scale = 1;
let x = 0; // of a pane's width
let y = 0;
let mode = "";
let blinking = 0;

function place() {
  const moved = `translate(${x * 100}%, ${y * 100}%) scale(${scale})`;
  for (const picture of pictures) {
    picture.style.transform = moved;
    picture.style.imageRendering = scale > 3 ? "pixelated" : "auto";
  }
}

export function fit() {
  scale = 1;
  x = y = 0;
  place();
}

/* Keeps the point under the pointer where it is; at: [x, y] in a pane, 0..1. */
export function zoom(factor, at = [0.5, 0.5]) {
  const next = Math.min(Math.max(scale * factor, 1), 40);
  x = next === 1 ? 0 : at[0] - ((at[0] - x) * next) / scale;
  y = next === 1 ? 0 : at[1] - ((at[1] - y) * next) / scale;
  scale = next;
  place();
}

function slide() {
  const pane = pictures[0].parentElement;
  pane.style.clipPath = mode === "slide" ? `inset(0 ${100 - Number(byId("slider").value)}% 0 0)` : "";
}

/* "" is side by side; the same mode again goes back to that. */
export function show(wanted) {
  mode = wanted === mode ? "" : wanted;
  clearInterval(blinking);
  stage.classList.toggle("stacked", mode !== "");
  stage.classList.toggle("blinking", mode === "blink");
  stage.classList.add("first");
  if (mode === "blink") blinking = setInterval(() => stage.classList.toggle("first"), 600);
  for (const id of ["blink", "slide"]) byId(id).setAttribute("aria-pressed", String(mode === id));
  byId("slider-row").hidden = mode !== "slide";
  slide();
}

export function start() {
  byId("blink").addEventListener("click", () => show("blink"));
  byId("slide").addEventListener("click", () => show("slide"));
  byId("slider").addEventListener("input", slide);
  byId("in").addEventListener("click", () => zoom(1.5));
  byId("out").addEventListener("click", () => zoom(1 / 1.5));
  byId("fit").addEventListener("click", fit);
  stage.addEventListener(
    "wheel",
    (event) => {
      const pane = event.target.closest(".pane");
      if (!pane) return;
      event.preventDefault();
      const box = pane.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 400), [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
    },
    { passive: false }
  );
  stage.addEventListener("pointerdown", (event) => stage.setPointerCapture(event.pointerId));
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons || scale === 1) return;
    const pane = pictures[0].parentElement;
    x += event.movementX / pane.clientWidth;
    y += event.movementY / pane.clientHeight;
    place();
  });
}
