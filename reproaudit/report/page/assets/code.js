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

/** Lines around a place, the place itself marked, and in the margin what else is found among them.
 * @param {Excerpt} excerpt @param {number} marked
 * @param {Map<number, string>} labels by line @returns {HTMLElement} */
function renderSource(excerpt, marked, labels) {
  const lines = excerpt.lines.map((text, index) => {
    const number = excerpt.first_line + index;
    const isMarked = number === marked;
    const label = labels.get(number);
    const margin = el("span", { class: "margin" }, isMarked ? "▶" : label ? "▷" : "");
    const code = el("span", { class: "code" }, colourPython(text), text === "" && " ");
    const row = el("div", { class: isMarked ? "line marked" : label ? "line noted" : "line" }, margin);
    row.append(el("span", { class: "number" }, number), code);
    if (label) row.append(el("span", { class: "label" }, label));
    if (isMarked) row.setAttribute("aria-current", "true");
    return row;
  });
  const name = excerpt.cell ? `${excerpt.path}, cell ${excerpt.cell}` : excerpt.path;
  return el(
    "figure",
    { class: "source" },
    el("figcaption", {}, el("span", { class: "mono" }, name)),
    el("div", { class: "lines scroll", tabindex: 0, role: "region", "aria-label": `Lines of ${name}` }, el("div", { class: "inner" }, lines)),
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
    el("div", { class: "lines scroll", tabindex: 0, role: "region", "aria-label": name }, el("div", { class: "inner" }, rows)),
  );
}

/** @param {string} command @returns {HTMLElement} */
function renderCommand(command) {
  // What stands behind the # is a remark to the reader.
  const [typed, ...remark] = command.split(/(?=\s{2}# )/);
  return el(
    "div",
    { class: "command" },
    el("code", { class: "scroll", tabindex: 0 }, el("span", { class: "prompt" }, "$ "), typed, el("span", { class: "remark" }, remark.join(""))),
    copyButton(typed, "the command"),
  );
}
