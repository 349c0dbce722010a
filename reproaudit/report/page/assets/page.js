// Puts the page together: what there is to say, in the order in which people ask.

/** @type {VerdictName[]} */
const GRAVITY = ["reproducible", "within-tolerance", "not-audited", "not-reproducible"];

/** @typedef {{ parts: Node[], draw?: () => Promise<void> }} Made */
/** @typedef {{ id: string, title: string, make: (context: Context) => Made }} Section */

/** A place for a picture, which is drawn once it stands on the page and has a width.
 * @param {string} name @param {(container: HTMLElement) => Promise<void>} draw */
function picture(name, draw) {
  const container = el("div", { class: "picture", "data-picture": name });
  return { parts: [container], draw: () => draw(container) };
}

/** @param {Result} result @returns {Section[]} */
function listSections(result) {
  const { growth, ops, findings, trials } = result;
  const count = findings.length;
  const nothing = { parts: [] };
  /** @param {(context: Context) => Node[]} render @returns {Section["make"]} */
  const text = (render) => (context) => ({ parts: render(context) });
  return [
    { id: "answer", title: "Answer", make: text(renderAnswer) },
    { id: "action", title: findings.length ? "What to do" : "What to do next", make: text(renderActions) },
    // Its scripts are there only where more was asked than whether runs are equal.
    ...(result.asked ? listAskedSections(result.asked, text) : []),
    { id: "finding", title: count > 1 && !result.asked ? `Where and why: the first of ${counted(count, "finding")}` : "Where and why", make: text(renderFirst) },
    { id: "growth", title: "Where and when it grows", make: () => (growth ? picture("growth", (box) => renderGrowth(box, growth, findings[0] ?? null)) : nothing) },
    { id: "stream", title: "Operators of both runs", make: () => (ops ? picture("stream", (box) => renderStream(box, ops, { findings })) : nothing) },
    { id: "findings", title: "All findings", make: text(renderFindings) },
    { id: "trials", title: "What was tried", make: (context) => (trials.length ? picture("trials", (box) => renderTrials(box, context)) : nothing) },
    { id: "classes", title: result.compared.length ? "Equal runs" : "Runs", make: text(renderClasses) },
    { id: "compared", title: "What was compared", make: text(renderCompared) },
    { id: "ranks", title: "Ranks", make: text(renderRanks) },
    { id: "tensors", title: "Tensors that differ", make: text(renderTensors) },
    { id: "refused", title: "Refused operators", make: text(renderAlerts) },
    { id: "warnings", title: "Warnings", make: text(renderWarnings) },
    { id: "environment", title: "Environment and settings", make: text(renderEnvironment) },
    { id: "not-checked", title: "Not checked", make: text(renderNotChecked) },
    { id: "certainty", title: "How sure", make: text(renderCertainty) },
  ];
}

/** Do what makes a part of the page; a fault in it is shown there, and the others are shown all the same.
 * @template T @param {HTMLElement} node @param {() => T | Promise<T>} work @returns {Promise<T | null>} */
async function guard(node, work) {
  try {
    return await work();
  } catch (error) {
    console.error(error);
    node.append(el("p", { class: "note bad" }, `This part cannot be shown: ${error instanceof Error ? error.message : error}`));
    return null;
  }
}

/** @param {Payload} payload @param {number} number @param {HTMLElement} main @param {Element[]} contents places for the list of parts */
async function showResult(payload, number, main, contents) {
  const result = payload.results[number];
  const context = { result, glossary: payload.glossary };
  const links = [];
  const nodes = [];
  const drawings = [];
  for (const section of listSections(result)) {
    const heading = section.id === "answer" ? null : el("h2", {}, section.title);
    const node = el("section", { id: section.id, "aria-label": section.title }, heading);
    const made = await guard(node, () => section.make(context));
    if (made && !made.parts.length) continue;
    node.append(...(made?.parts ?? []));
    nodes.push(node);
    links.push({ id: section.id, title: section.title });
    if (made?.draw) drawings.push({ node, draw: made.draw });
  }
  main.replaceChildren(...nodes);
  for (const place of contents) place.replaceChildren(el("ul", {}, links.map(({ id, title }) => el("li", {}, el("a", { href: `#${id}` }, title)))));
  followReader(nodes, contents);
  await Promise.all(drawings.map(({ node, draw }) => guard(node, draw)));
}

/** @type {IntersectionObserver | null} */
let readerObserver = null;

/** Mark in the list of parts the one that is read.
 * @param {HTMLElement[]} sections @param {Element[]} contents */
function followReader(sections, contents) {
  readerObserver?.disconnect();
  const seen = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) seen.add(entry.target);
        else seen.delete(entry.target);
      }
      const current = sections.find((section) => seen.has(section));
      if (!current) return;
      for (const link of contents.flatMap((place) => [...place.querySelectorAll("a")])) {
        if (link.hash === `#${current.id}`) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-72px 0px -55% 0px" },
  );
  readerObserver = observer;
  for (const section of sections) observer.observe(section);
}

/** @param {Payload} payload @param {(number: number) => void} choose @returns {HTMLElement | null} */
function renderOverview(payload, choose) {
  if (payload.overview.length < 2) return null;
  const columns = /** @type {Column[]} */ ([{ name: "subject", kind: "code" }, { name: "verdict" }, { name: "first difference", kind: "prose" }, { name: "cause" }, { name: "repair", kind: "prose" }]);
  /** @param {string} name @param {number} index */
  const makeLink = (name, index) => {
    if (index >= payload.results.length) return document.createTextNode(name);
    const link = el("button", { type: "button", class: "link", "data-result": index, onclick: () => choose(index) }, name);
    markLink(link);
    return link;
  };
  const rows = payload.overview.map((row, index) => /** @type {Cell[]} */ ([
    { text: row.name, value: row.name, node: () => makeLink(row.name, index) },
    { text: row.verdict_words, value: row.verdict_words, node: () => verdictTag(row.verdict, row.verdict_words) },
    row.where, row.cause, row.fix,
  ]));
  return el("section", { id: "overview", "aria-label": "Results" }, el("h2", {}, counted(payload.overview.length, "result")), makeTable(columns, rows, { csvName: "results", label: "Results", pageSize: 20 }));
}

/** @returns {HTMLElement} */
function makeThemeButton() {
  const button = el("button", { type: "button", class: "small theme" });
  const name = () => {
    const other = currentTheme() === "dark" ? "light" : "dark";
    button.textContent = other === "dark" ? "◐ Dark" : "◑ Light";
    button.setAttribute("aria-label", `Change to ${other} colours`);
  };
  button.addEventListener("click", () => setTheme(currentTheme() === "dark" ? "light" : "dark"));
  onThemeChange(name);
  name();
  return button;
}

async function showPage() {
  const source = document.getElementById("payload");
  const payload = /** @type {Payload} */ (JSON.parse(source?.textContent ?? "{}"));
  const main = el("main", { id: "main", tabindex: -1 });
  const beside = el("nav", { class: "beside", "aria-label": "Contents" });
  const above = el("nav", { "aria-label": "Contents" });
  const folded = el("details", { class: "above" }, el("summary", {}, "Contents"), above);
  above.addEventListener("click", () => (folded.open = false));
  const subject = el("span", { class: "subject mono" });
  /** @param {number} number */
  const show = async (number) => {
    const { name } = payload.results[number];
    subject.textContent = name;
    subject.title = name;
    markChosen(number);
    await showResult(payload, number, main, [beside, above]);
  };
  const overview = renderOverview(payload, (number) => {
    show(number);
    main.scrollIntoView();
    main.focus({ preventScroll: true });
  });
  document.body.append(
    el("a", { class: "skip", href: "#main" }, "Skip to the answer"),
    el("header", { class: "top" }, el("span", { class: "wordmark" }, "reproaudit"), subject, makeThemeButton()),
    el("div", { class: "layout" }, beside, el("div", {}, payload.results.length > 0 && folded, overview, payload.left_out.map((text) => el("p", { class: "note warn" }, text)), main)),
  );
  if (payload.results.length) await show(findWorst(payload.results));
  else main.append(el("h1", {}, payload.title));
  document.documentElement.dataset.ready = "true";
}

/** The first of the gravest verdict.
 * @param {Result[]} results */
function findWorst(results) {
  const worst = Math.max(...results.map(({ verdict }) => GRAVITY.indexOf(verdict)));
  return results.findIndex(({ verdict }) => verdict === GRAVITY[worst]);
}

let chosen = -1;

/** @param {Element} link to a result */
function markLink(link) {
  if (link.getAttribute("data-result") === String(chosen)) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

/** @param {number} number */
function markChosen(number) {
  chosen = number;
  for (const link of document.querySelectorAll("#overview [data-result]")) markLink(link);
}

// On paper everything is open, in light colours.
/** @type {string | undefined} */
let themeOnScreen;
/** @type {HTMLDetailsElement[]} */
const openedForPaper = [];

function openForPaper() {
  themeOnScreen = document.documentElement.dataset.theme;
  setTheme("light");
  for (const node of document.querySelectorAll(".table")) node.dispatchEvent(new Event("printing"));
  /** @returns {HTMLDetailsElement | null} */
  const findClosed = () => document.querySelector("details:not([open], .above)");
  // What is opened may hold more of them.
  for (let node = findClosed(); node !== null; node = findClosed()) {
    node.dispatchEvent(new Event("reveal"));
    node.open = true;
    openedForPaper.push(node);
  }
  for (const node of document.querySelectorAll("button.unfold")) node.dispatchEvent(new Event("click"));
}

function closeAfterPaper() {
  for (const node of document.querySelectorAll(".table")) node.dispatchEvent(new Event("printed"));
  for (const node of openedForPaper.splice(0)) node.open = false;
  if (themeOnScreen === undefined) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = themeOnScreen;
  announceTheme();
}

/** Lead to the part that a link of the page names. Where the page is the text of a frame, as in a notebook, its address is
 * that of the page around it: the browser would load that one here.
 * @param {MouseEvent} event */
function followInFrame(event) {
  const link = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
  if (!link || location.href !== "about:srcdoc" || event.defaultPrevented) return;
  event.preventDefault();
  document.getElementById((link.getAttribute("href") ?? "").slice(1))?.scrollIntoView();
}

document.addEventListener("click", followInFrame);
window.addEventListener("beforeprint", openForPaper);
window.addEventListener("afterprint", closeAfterPaper);

showPage();
