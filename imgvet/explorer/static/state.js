/* What is shown, as part of the address, so that Back, reload and bookmarks work.

   {similar: id, text, where, list, sort, descending, page}; all may be missing. A picture that was given has no
   address: it is {picture: ...} in memory only. */

export const PAGE = 60;

export function read() {
  const given = new URLSearchParams(location.search);
  const page = Math.max(0, Number.parseInt(given.get("page") || "1", 10) - 1 || 0);
  let where = [];
  try {
    where = JSON.parse(given.get("where") || "[]");
  } catch {
    where = [];
  }
  return {
    similar: /^\d+$/.test(given.get("similar") || "") ? Number(given.get("similar")) : undefined,
    list: given.get("list"),
    text: given.get("text") || "",
    where: Array.isArray(where) ? where : [],
    sort: given.get("sort"),
    descending: given.get("descending") === "1",
    page,
  };
}

export function address(state) {
  const made = new URLSearchParams();
  if (state.similar !== undefined) made.set("similar", state.similar);
  if (state.text) made.set("text", state.text);
  if (state.where && state.where.length) made.set("where", JSON.stringify(state.where));
  if (state.list) made.set("list", state.list);
  if (state.sort) made.set("sort", state.sort);
  if (state.descending) made.set("descending", "1");
  if (state.page) made.set("page", state.page + 1);
  const text = made.toString();
  return text ? "/explore?" + text : "/explore";
}

export function query(state) {
  const made = { text: state.text || "", where: state.where || [], descending: Boolean(state.descending) };
  if (state.list) made.list = state.list;
  if (state.sort) made.sort = state.sort;
  return made;
}
