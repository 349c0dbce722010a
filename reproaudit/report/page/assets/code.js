// Code as text: lines of the program, patches, commands.

const PYTHON = new RegExp(
  [
    "(?<comment>#.*$)",
    "(?<text>[rRbBfFuU]{0,2}(?:\"\"\".*?(?:\"\"\"|$)|'''.*?(?:'''|$)|\"(?:\\\\.|[^\"\\\\])*(?:\"|$)|'(?:\\\\.|[^'\\\\])*(?:'|$)))",
    "(?<word>\\b(?:False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\\b)",
    "(?<number>\\b\\d[\\w.]*\\b)",
  ].join("|"),
  "g",
);

/** One line of Python in colours that a glance takes in; any other text stays as it is.
 * @param {string} line @returns {Node[]} */
function colourPython(line) {
  /** @type {Node[]} */
  const parts = [];
  let end = 0;
  for (const match of line.matchAll(PYTHON)) {
    if (match.index > end) parts.push(document.createTextNode(line.slice(end, match.index)));
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "";
    parts.push(el("span", { class: `py-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  if (end < line.length) parts.push(document.createTextNode(line.slice(end)));
  return parts;
}

const AROUND = 7; // lines before and after a place that are shown at first

/** @param {Excerpt} excerpt @param {number} number @param {number} marked @param {Map<number, string>} labels */
function renderLine(excerpt, number, marked, labels) {
  const text = excerpt.lines[number - excerpt.first_line];
  const isMarked = number === marked;
  const label = labels.get(number);
  const margin = el("span", { class: "margin" }, isMarked ? "▶" : "", label && el("span", { class: "label" }, label));
  if (label) margin.title = `finding ${label}`;
  const row = el("div", { class: isMarked ? "line marked" : label ? "line noted" : "line" }, margin);
  row.append(el("span", { class: "number" }, number), el("span", { class: "code" }, colourPython(text)));
  if (isMarked) row.setAttribute("aria-current", "true");
  return row;
}

/** Lines around a place, the place itself marked, and in the margin the numbers of the findings among them.
 * @param {Excerpt} excerpt @param {number} marked
 * @param {Map<number, string>} labels by line @returns {HTMLElement} */
function renderSource(excerpt, marked, labels) {
  const end = excerpt.first_line + excerpt.lines.length - 1;
  const first = Math.max(excerpt.first_line, marked - AROUND);
  const last = Math.min(end, marked + AROUND);
  const inner = el("div", { class: "inner" });
  /** @param {number} from @param {number} to */
  const makeLines = (from, to) => {
    const rows = [];
    for (let number = from; number <= to; number += 1) rows.push(renderLine(excerpt, number, marked, labels));
    return rows;
  };
  /** @param {number} from @param {number} to */
  const makeMore = (from, to) => {
    if (from > to) return null;
    const button = el("button", { type: "button", class: "unfold" }, `⋯ ${counted(to - from + 1, "line")} more`);
    button.addEventListener("click", () => button.replaceWith(...makeLines(from, to)));
    return button;
  };
  const parts = [makeMore(excerpt.first_line, first - 1), ...makeLines(first, last), makeMore(last + 1, end)];
  inner.append(...parts.filter((part) => part !== null));
  const name = excerpt.cell ? `${excerpt.path}, cell ${excerpt.cell}` : excerpt.path;
  return el(
    "figure",
    { class: "source" },
    el("figcaption", {}, el("span", { class: "mono" }, name)),
    el("div", { class: "lines scroll", tabindex: 0, role: "group", "aria-label": `Lines of ${name}` }, inner),
  );
}

/** @param {string[]} lines a unified diff, or lines to write by hand @param {string} caption
 * @param {string} name what the copy is of @returns {HTMLElement} */
function renderPatch(lines, caption, name) {
  const rows = lines.map((line) => {
    const isFile = line.startsWith("--- ") || line.startsWith("+++ ");
    const kind = isFile ? "file" : line.startsWith("@@") ? "hunk" : line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "";
    if (kind !== "add" && kind !== "del") return el("div", { class: `line ${kind}` }, line === "" ? " " : line);
    return el("div", { class: `line ${kind}` }, el("span", { class: "sign" }, line[0]), line.slice(1));
  });
  const text = lines.join("\n") + "\n";
  return el(
    "figure",
    { class: "patch" },
    el("figcaption", {}, el("span", {}, caption), copyButton(text, name)),
    el("div", { class: "lines scroll", tabindex: 0, role: "group", "aria-label": name }, el("div", { class: "inner" }, rows)),
  );
}

/** @param {string} command @returns {HTMLElement} */
function renderCommand(command) {
  // What stands behind the # is a remark to the reader.
  const [typed, ...remark] = command.split(/(?=\s{2}# )/);
  return el(
    "div",
    { class: "command" },
    el("code", {}, el("span", { class: "prompt" }, "$ "), typed, el("span", { class: "remark" }, remark.join(""))),
    copyButton(typed, "the command"),
  );
}
