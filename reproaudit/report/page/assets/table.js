// Tables: sorted by a click on a head, filtered, in pages of 50 rows, exported as CSV.

const PAGE_ROWS = 50;
const LONG_CELL = 60; // letters from which on a cell takes several lines
const MOST_PRINTED = 500;
const MOST_OPENED = 20; // rows that are opened on paper

/** @param {Cell} cell */
function cellText(cell) {
  if (cell === null) return "";
  if (typeof cell === "number") return cell.toLocaleString("en");
  return typeof cell === "string" ? cell : cell.text;
}

/** @param {Cell} cell @returns {string | number | null} */
function cellValue(cell) {
  return cell !== null && typeof cell === "object" ? cell.value : cell;
}

/** Compare numbers by size and texts by their letters; what is empty comes last.
 * @param {string | number | null} a @param {string | number | null} b */
function compareValues(a, b) {
  const isEmptyA = a === null || a === "";
  const isEmptyB = b === null || b === "";
  if (isEmptyA || isEmptyB) return Number(isEmptyA) - Number(isEmptyB);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

/** @param {Column[]} columns @param {Cell[][]} rows */
function writeCsv(columns, rows) {
  /** @param {string | number | null} value */
  const quote = (value) => {
    let text = value === null ? "" : String(value);
    // A spreadsheet would run what begins so.
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [columns.map((column) => quote(column.name))];
  for (const row of rows) lines.push(row.map((cell) => quote(cellValue(cell))));
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

/** Columns without any text are left out.
 * @param {Column[]} allColumns @param {Cell[][]} allRows @param {TableOptions} options @returns {HTMLElement} */
function makeTable(allColumns, allRows, options) {
  const used = allColumns.map((_, number) => allRows.length === 0 || allRows.some((row) => cellText(row[number]) !== ""));
  const columns = allColumns.filter((_, number) => used[number]);
  const rows = used.every(Boolean) ? allRows : allRows.map((row) => row.filter((_, number) => used[number]));
  const pageSize = options.pageSize ?? PAGE_ROWS;
  /** @type {number[]} */
  let shown = rows.map((_, index) => index);
  /** @type {string[] | null} */
  let searchable = null;
  let page = 0;
  let sortColumn = -1;
  let isDescending = false;
  const body = el("tbody");
  const status = el("span", { class: "status", role: "status" });
  const previous = el("button", { type: "button", class: "small", onclick: () => turn(page - 1) }, "‹ Previous");
  const next = el("button", { type: "button", class: "small", onclick: () => turn(page + 1) }, "Next ›");
  const pager = el("div", { class: "pager" }, previous, next);
  const isFiltered = rows.length > 12;
  // The one that takes the room that the others leave: prose, or else the last that is no number.
  const prose = columns.findIndex((column) => column.kind === "prose");
  const widest = prose < 0 ? columns.map((column) => column.kind !== "number").lastIndexOf(true) : prose;
  const filter = el("input", { type: "search", placeholder: "Filter", "aria-label": `Filter ${options.label ?? "rows"}` });
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    searchable ??= rows.map((row) => row.map(cellText).join("\n").toLowerCase());
    const texts = searchable;
    shown = rows.map((_, index) => index).filter((index) => texts[index].includes(wanted));
    sortShown();
    turn(0);
  });
  const exportButton = el("button", { type: "button", class: "small", "data-action": "csv" }, "CSV");
  const footer = el("div", { class: "footer" }, status, pager, exportButton);
  exportButton.addEventListener("click", () => offerFile(`${options.csvName}.csv`, writeCsv(columns, shown.map((index) => rows[index])), footer));

  const heads = columns.map((column, number) => {
    const button = el("button", { type: "button", class: "sort", onclick: () => sortBy(number) }, column.name);
    if (column.explanation) explain(button, column.explanation);
    return el("th", { scope: "col", class: `${column.kind ?? "text"} ${number === widest ? "widest" : ""}` }, rows.length > 1 ? button : column.name);
  });

  function sortShown() {
    if (sortColumn < 0) return;
    const sign = isDescending ? -1 : 1;
    const values = rows.map((row) => cellValue(row[sortColumn]));
    shown.sort((a, b) => {
      const isEmpty = values[a] === null || values[a] === "" || values[b] === null || values[b] === "";
      return (isEmpty ? 1 : sign) * compareValues(values[a], values[b]) || a - b;
    });
  }

  /** @param {number} number */
  function sortBy(number) {
    isDescending = sortColumn === number ? !isDescending : columns[number].kind === "number";
    sortColumn = number;
    heads.forEach((head, index) => {
      if (index === number) head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    sortShown();
    turn(0);
  }

  /** @param {number} index @returns {HTMLTableRowElement[]} */
  function makeRows(index) {
    const cells = rows[index].map((cell, number) => {
      const column = columns[number];
      const content = cell !== null && typeof cell === "object" && cell.node ? cell.node() : cellText(cell);
      const isLong = cellText(cell).length > LONG_CELL;
      return el("td", { class: `${column.kind ?? "text"} ${number === widest ? "widest" : ""} ${isLong ? "long" : ""}` }, content);
    });
    const row = el("tr", {}, cells);
    if (!options.expand) return [row];
    const expand = options.expand;
    const more = el("tr", { class: "more", hidden: true }, el("td", { colspan: columns.length }));
    const label = cells[0].textContent ?? "";
    const opener = el("button", { type: "button", class: "opener", "aria-expanded": "false", "aria-label": `Show ${label}` });
    opener.append(...cells[0].childNodes);
    cells[0].append(opener);
    opener.addEventListener("click", () => {
      if (more.hidden && !more.cells[0].hasChildNodes()) more.cells[0].append(expand(index));
      more.hidden = !more.hidden;
      opener.setAttribute("aria-expanded", String(!more.hidden));
    });
    return [row, more];
  }

  /** @param {number} wanted @param {number} [size] */
  function turn(wanted, size = pageSize) {
    const last = Math.max(0, Math.ceil(shown.length / size) - 1);
    page = Math.min(Math.max(wanted, 0), last);
    const first = page * size;
    const indices = shown.slice(first, first + size);
    body.replaceChildren(...indices.flatMap(makeRows));
    previous.disabled = page === 0;
    next.disabled = page === last;
    pager.hidden = last === 0;
    const total = shown.length.toLocaleString("en");
    const all = shown.length === rows.length ? "" : ` (${rows.length.toLocaleString("en")} in all)`;
    if (shown.length === 0) status.textContent = `nothing matches${all}`;
    else if (last === 0) status.textContent = isFiltered || all ? `${counted(shown.length, "row")}${all}` : "";
    else status.textContent = `${(first + 1).toLocaleString("en")} to ${(first + indices.length).toLocaleString("en")} of ${total}${all}`;
  }

  turn(0);
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads)), body);
  const box = el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": options.label ?? options.csvName }, table);
  const whole = el("div", { class: "table" }, isFiltered && el("div", { class: "toolbar" }, filter), box, footer);
  whole.addEventListener("printing", () => {
    turn(0, MOST_PRINTED);
    if (shown.length > MOST_OPENED) return;
    for (const opener of body.querySelectorAll("button.opener[aria-expanded=false]")) opener.dispatchEvent(new Event("click"));
  });
  whole.addEventListener("printed", () => turn(0));
  return whole;
}
