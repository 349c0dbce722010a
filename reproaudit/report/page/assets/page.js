// Puts the page together: what there is to say, in the order in which people ask.

/** @typedef {{ id: string, title: string, make: (context: Context) => Node[] | Promise<Node[]> }} Section */

/** @param {string} name @param {(container: HTMLElement) => Promise<void>} draw */
async function drawn(name, draw) {
  const container = el("div", { class: "picture", "data-picture": name });
  await draw(container);
  return [container];
}

/** @param {Result} result @returns {Section[]} */
function listSections(result) {
  const { growth, ops, findings } = result;
  const count = findings.length;
  return [
    { id: "answer", title: "Answer", make: renderAnswer },
    { id: "action", title: "What to do", make: renderActions },
    { id: "finding", title: count > 1 ? `Where and why: the first of ${counted(count, "finding")}` : "Where and why", make: renderFirst },
    { id: "growth", title: "Where and when it grows", make: () => (growth ? drawn("growth", (box) => renderGrowth(box, growth, findings[0] ?? null)) : []) },
    { id: "stream", title: "Operators of both runs", make: () => (ops ? drawn("stream", (box) => renderStream(box, ops, { findings })) : []) },
    { id: "findings", title: "All findings", make: renderFindings },
    { id: "trials", title: "What was tried", make: (context) => (result.trials.length ? drawn("trials", async (box) => renderTrials(box, context)) : []) },
    { id: "classes", title: "Equal runs", make: renderClasses },
    { id: "ranks", title: "Ranks", make: renderRanks },
    { id: "tensors", title: "Tensors that differ", make: renderTensors },
    { id: "refused", title: "Operators that use_deterministic_algorithms refuses", make: renderAlerts },
    { id: "warnings", title: "Warnings", make: renderWarnings },
    { id: "environment", title: "Environment and settings", make: renderEnvironment },
    { id: "not-checked", title: "Not checked", make: renderNotChecked },
    { id: "certainty", title: "How sure", make: renderCertainty },
  ];
}

/** Make one part; a fault in it is shown there, and the others are shown all the same.
 * @param {Section} section @param {Context} context */
async function makeSection(section, context) {
  const heading = section.id === "answer" ? null : el("h2", {}, section.title);
  const node = el("section", { id: section.id, "aria-label": section.title }, heading);
  try {
    const parts = await section.make(context);
    if (!parts.length) return null;
    node.append(...parts);
  } catch (error) {
    console.error(error);
    node.append(el("p", { class: "note bad" }, `This part cannot be shown: ${error instanceof Error ? error.message : error}`));
  }
  return node;
}

/** @param {Payload} payload @param {number} number @param {HTMLElement} main @param {HTMLElement} contents */
async function showResult(payload, number, main, contents) {
  const result = payload.results[number];
  const context = { result, glossary: payload.glossary };
  const sections = listSections(result);
  const nodes = await Promise.all(sections.map((section) => makeSection(section, context)));
  const shown = nodes.filter((node) => node !== null);
  main.replaceChildren(...shown);
  const links = sections.filter((_, index) => nodes[index] !== null).map(({ id, title }) => el("li", {}, el("a", { href: `#${id}` }, title)));
  contents.replaceChildren(el("ul", {}, links));
}

/** @param {Payload} payload @param {(number: number) => void} choose @returns {HTMLElement | null} */
function renderOverview(payload, choose) {
  if (payload.overview.length < 2) return null;
  const columns = /** @type {Column[]} */ ([{ name: "subject", kind: "code" }, { name: "verdict" }, { name: "first difference", kind: "code" }, { name: "cause" }, { name: "repair", kind: "prose" }]);
  const rows = payload.overview.map((row, index) => /** @type {Cell[]} */ ([
    { text: row.name, value: row.name, node: () => (index < payload.results.length ? el("button", { type: "button", class: "link", onclick: () => choose(index) }, row.name) : document.createTextNode(row.name)) },
    { text: row.verdict_words, value: row.verdict_words, node: () => verdictTag(row.verdict, row.verdict_words) },
    row.where, row.cause, row.fix,
  ]));
  return el("section", { id: "overview", "aria-label": "Results" }, el("h2", {}, counted(payload.overview.length, "result")), makeTable(columns, rows, { csvName: "results", label: "Results" }));
}

async function showPage() {
  const source = document.getElementById("payload");
  const payload = /** @type {Payload} */ (JSON.parse(source?.textContent ?? "{}"));
  const main = el("main", { id: "main" });
  const contents = el("nav", { "aria-label": "Contents" });
  const subject = el("span", { class: "subject mono" });
  const button = el("button", { type: "button", class: "small theme" });
  const nameTheme = () => (button.textContent = currentTheme() === "dark" ? "Light" : "Dark");
  button.addEventListener("click", () => setTheme(currentTheme() === "dark" ? "light" : "dark"));
  onThemeChange(nameTheme);
  nameTheme();
  /** @param {number} number */
  const choose = async (number) => {
    subject.textContent = payload.results[number].name;
    await showResult(payload, number, main, contents);
    main.scrollIntoView();
  };
  const overview = renderOverview(payload, choose);
  document.body.append(
    el("a", { class: "skip", href: "#main" }, "Skip to the answer"),
    el("header", { class: "top" }, el("span", { class: "wordmark" }, "reproaudit"), subject, button),
    el("div", { class: "layout" }, contents, el("div", {}, overview, payload.left_out.map((text) => el("p", { class: "note warn" }, text)), main)),
  );
  if (payload.results.length) {
    subject.textContent = payload.results[0].name;
    await showResult(payload, 0, main, contents);
  } else {
    main.append(el("h1", {}, payload.title));
  }
  document.documentElement.dataset.ready = "true";
}

window.addEventListener("beforeprint", () => {
  for (const node of document.querySelectorAll("details")) {
    node.dispatchEvent(new Event("reveal"));
    node.open = true;
  }
  for (const node of document.querySelectorAll(".table")) node.dispatchEvent(new Event("printing"));
});
window.addEventListener("afterprint", () => {
  for (const node of document.querySelectorAll(".table")) node.dispatchEvent(new Event("printed"));
});

showPage();
