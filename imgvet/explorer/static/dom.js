/* Making elements, and foreign text as a person reads it. Text is only ever set as text. */

export function element(name, attributes = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function button(text, act, attributes = {}) {
  const made = element("button", { type: "button", text, ...attributes });
  made.addEventListener("click", act);
  return made;
}

export const byId = (id) => document.getElementById(id);

/* Characters without a shape of their own, and marks of direction, are spelled out as by
   imgvet/format.py. */
export function visible(text) {
  return text.replace(/[\p{C}\p{Z}]/gu, (letter) => {
    if (" \u200c\u200d".includes(letter)) return letter;
    const code = letter.codePointAt(0);
    const short = { 9: "t", 10: "n", 13: "r" }[code];
    if (short) return "\\" + short;
    const [kind, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return "\\" + kind + code.toString(16).padStart(digits, "0");
  });
}

/* A foreign name, isolated so that its direction does not turn what stands around it. */
export const named = (text) => element("bdi", { text: visible(text) });

const formats = new Intl.NumberFormat("en", { maximumFractionDigits: 4, maximumSignificantDigits: 6 });
const whole = new Intl.NumberFormat("en");

export function number(value) {
  return Number.isInteger(value) ? whole.format(value) : formats.format(value);
}

/* What was analysed, images or crops: one of them, and how many. */
export const noun = document.querySelector('meta[name="imgvet-noun"]').content;
export const counted = (many, before = "") => `${number(many)} ${before}${noun}${many === 1 ? "" : "s"}`;

export const capital = (text) => text.replace(/^./u, (letter) => letter.toUpperCase());

/* A link to some of what there is, with how many that are. */
export const badged = (title, total, attributes) =>
  element("a", attributes, [element("span", {}, [title]), element("span", { class: "badge", text: number(total) })]);

/* Cut off, so that only 1 reads as 1. */
export function similarity(value) {
  return value >= 1 ? "1" : (Math.floor(value * 1000 + 1e-6) / 1000).toFixed(3);
}

export function lastPart(name) {
  const parts = name.split(name.includes("/") ? "/" : "\\").filter(Boolean);
  return parts.length ? parts[parts.length - 1] : name;
}

export function folderOf(name) {
  return name.slice(0, name.length - lastPart(name).length);
}
