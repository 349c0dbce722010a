// What was tried, as a graph: the plain runs and which of them are equal, the recorded runs, and then each trial.

const MOST_DRAWN = 60;
const MOST_DOTS = 12;
const RAIL = 16;
const BRANCH = 48;
const TEXT = 72;
const LETTER_WIDTH = 7.6; // of the fixed-width font at 12.5 pixels, and a little more
const TRIAL_SIGNS = { repaired: "✓", differs: "≠", "equal, no proof": "=", "no answer": "?" };
const TRIAL_TONES = { repaired: "good", differs: "bad", "equal, no proof": "warn", "no answer": "warn" };

/** Break a list of names into lines.
 * @param {string[]} names @param {number} most letters in a line */
function wrapNames(names, most) {
  /** @type {string[]} */
  const lines = [];
  names.forEach((name, index) => {
    const whole = index < names.length - 1 ? `${name},` : name;
    const word = whole.length > most ? `${whole.slice(0, most - 1)}…` : whole;
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + 1 + word.length <= most) lines[last] += ` ${word}`;
    else lines.push(word);
  });
  return lines;
}

/** A sign in a shape of its own, so that colour is never the only difference.
 * @param {number} x @param {number} y @param {string} state */
function drawState(x, y, state) {
  const tone = TRIAL_TONES[/** @type {keyof typeof TRIAL_TONES} */ (state)] ?? "warn";
  const shape =
    tone === "good" ? svg("circle", { cx: x, cy: y, r: 10.5 })
    : tone === "bad" ? svg("rect", { x: x - 8.5, y: y - 8.5, width: 17, height: 17, rx: 2, transform: `rotate(45 ${x} ${y})` })
    : svg("rect", { x: x - 9.5, y: y - 9.5, width: 19, height: 19, rx: 4 });
  const sign = TRIAL_SIGNS[/** @type {keyof typeof TRIAL_SIGNS} */ (state)] ?? "?";
  return svg("g", { class: `state ${tone}` }, shape, svg("text", { x, y: y + 4.5, "text-anchor": "middle" }, sign));
}

/** @param {number} y @param {string} title @param {string} note */
function drawStop(y, title, note) {
  return [
    svg("circle", { class: "stop", cx: RAIL, cy: y, r: 6 }),
    svg("text", { class: "title", x: RAIL + 20, y: y + 5 }, title, note && svg("tspan", { class: "quiet", dx: 10 }, note)),
  ];
}

/** The plain runs, with the letters of their classes.
 * @param {Result} result @param {number} y @param {number} width */
function drawClasses(result, y, width) {
  const names = new Map(result.classes.flatMap(({ name, runs }) => runs.map((run) => /** @type {[number, string]} */ ([run, name]))));
  const runs = [...names.keys()].sort((a, b) => a - b);
  const most = Math.max(3, Math.floor((width - RAIL - 70) / 26));
  const parts = runs.slice(0, most).flatMap((run, index) => {
    const x = RAIL + 31 + index * 26;
    const name = names.get(run) ?? "";
    return [
      svg("g", { class: `run ${name === "A" ? "first" : ""}` }, svg("title", {}, `run ${run}, class ${name}`), svg("circle", { cx: x, cy: y, r: 11 }), svg("text", { x, y: y + 4.5, "text-anchor": "middle" }, name.slice(0, 3))),
    ];
  });
  if (runs.length > most) parts.push(svg("text", { class: "quiet", x: RAIL + 24 + most * 26, y: y + 4.5 }, `+ ${runs.length - most}`));
  return parts;
}

/** @param {Trial} trial @param {number} y @param {number} width */
function drawTrial(trial, y, width) {
  const letters = Math.max(12, Math.floor((width - TEXT - 8) / LETTER_WIDTH));
  const lines = wrapNames(trial.settings, letters);
  const middle = y + 12;
  const parts = [
    svg("path", { class: "branch", d: `M${RAIL} ${middle - 22} C${RAIL} ${middle - 4} ${RAIL + 8} ${middle} ${BRANCH - 12} ${middle}` }),
    drawState(BRANCH, middle, trial.state),
    ...lines.map((line, index) => svg("text", { class: "settings", x: TEXT, y: y + 16 + index * 17 }, line)),
  ];
  const below = y + 16 + lines.length * 17 + 2;
  const dots = Math.min(trial.runs, MOST_DOTS, Math.floor(width / 70));
  for (let index = 0; index < dots; index += 1) {
    // The last of them differed, or nobody knows.
    const isOdd = !trial.is_equal && index === dots - 1;
    parts.push(svg("circle", { class: isOdd ? "dot odd" : "dot", cx: TEXT + 5 + index * 12, cy: below - 4, r: 3.6 }));
  }
  const room = Math.floor((width - TEXT - dots * 12 - 16) / 7);
  const said = trial.cost ? `${trial.outcome} · ${trial.cost}` : trial.outcome;
  const shown = said.length > room ? `${said.slice(0, Math.max(8, room - 1))}…` : said;
  parts.push(svg("text", { class: "quiet", x: TEXT + dots * 12 + 8, y: below }, shown));
  const label = `${trial.settings.join(", ")}: ${said}`;
  const meanings = trial.meanings.filter((meaning) => meaning !== "");
  const group = svg("g", { class: `trial ${trial.is_proof ? "proof" : ""}` }, svg("title", {}, [label, ...meanings].join("\n")), parts);
  return { group, height: below - y + 20 };
}

/** @param {Result} result @param {number} width @returns {SVGElement} */
function drawTrials(result, width) {
  const plain = result.classes.reduce((sum, { runs }) => sum + runs.length, 0);
  const recorded = result.runs.filter((run) => !run.is_plain).length;
  /** @type {SVGElement[]} */
  const parts = [];
  const classes = result.classes.length === 1 ? "all equal" : `${result.classes.length.toLocaleString("en")} distinct`;
  let y = 16;
  parts.push(...drawStop(y, counted(plain, "plain run"), classes));
  y += 30;
  parts.push(...drawClasses(result, y, width));
  y += 44;
  if (recorded > 0) {
    parts.push(...drawStop(y, counted(recorded, "recorded run"), "every operator, to find the first that differs"));
    y += 30;
  }
  const trials = result.trials.slice(0, MOST_DRAWN);
  let last = y;
  for (const trial of trials) {
    const { group, height } = drawTrial(trial, y, width);
    parts.push(group);
    last = y;
    y += height;
  }
  parts.unshift(svg("line", { class: "rail", x1: RAIL, x2: RAIL, y1: 16, y2: last - 10 }));
  const label = `Graph: ${counted(plain, "plain run")}, ${classes}; ${counted(result.trials.length, "trial")}. The table below has the same.`;
  return svg("svg", { role: "img", "aria-label": label, class: "trials", width, height: y, viewBox: `0 0 ${width} ${y}` }, parts);
}

/** @param {Context} context @returns {HTMLElement} */
function tabulateTrials({ result, glossary }) {
  const columns = /** @type {Column[]} */ ([
    { name: "#", kind: "number" },
    { name: "interventions", kind: "prose" },
    { name: "runs", kind: "number" },
    { name: "outcome" },
    { name: "what came of it", kind: "prose" },
    { name: "cost", explanation: glossary.slowdown },
  ]);
  const rows = result.trials.map((trial, index) => [
    index + 1,
    { text: trial.settings.join(", "), value: trial.settings.join(", "), node: () => el("span", {}, trial.settings.flatMap((name, at) => [document.createTextNode(at ? ", " : ""), term(name, trial.meanings[at])])) },
    trial.runs,
    trial.state,
    trial.outcome,
    { text: trial.cost, value: trial.slowdown },
  ]);
  return makeTable(columns, rows, { csvName: "trials", label: "Trials" });
}

/** @param {HTMLElement} container @param {Context} context */
async function renderTrials(container, context) {
  const { result } = context;
  const place = el("div", { class: "graph scroll", tabindex: 0, role: "group", "aria-label": "What was tried" });
  container.append(place);
  if (result.trials.length > MOST_DRAWN) container.append(el("p", { class: "muted" }, `The first ${MOST_DRAWN} of ${result.trials.length.toLocaleString("en")} trials are drawn; the table has all.`));
  container.append(lazyDetails("As a table", () => tabulateTrials(context)));
  let width = 0;
  const draw = () => {
    const room = Math.max(320, Math.floor(place.clientWidth));
    if (room === width) return;
    width = room;
    place.replaceChildren(drawTrials(result, width));
  };
  draw();
  new ResizeObserver(draw).observe(place);
}
