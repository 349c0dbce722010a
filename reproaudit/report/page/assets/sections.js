// The parts of the page that are text and tables, in the order of the page.

const VERDICT_SIGNS = { reproducible: "✓", "not-reproducible": "≠", "within-tolerance": "≈", "not-audited": "?" };
const VERDICT_TONES = { reproducible: "good", "not-reproducible": "bad", "within-tolerance": "warn", "not-audited": "warn" };

/** @param {VerdictName} verdict @param {string} words */
function verdictTag(verdict, words) {
  return el("span", { class: `verdict ${VERDICT_TONES[verdict]}` }, el("span", { class: "sign", "aria-hidden": "true" }, VERDICT_SIGNS[verdict]), words);
}

/** @param {Context} context @returns {Node[]} */
function renderAnswer({ result }) {
  const { answer } = result;
  const figures = answer.figures.map(({ label, value, note }) =>
    el("div", { class: "figure" }, el("dt", {}, label), el("dd", {}, el("strong", {}, value), note && el("span", {}, note))),
  );
  return [
    el("div", { class: "hero" },
      el("p", {}, verdictTag(result.verdict, result.verdict_words), result.is_accepted && [" ", tag(result.is_accepted, "accepted")]),
      el("h1", {}, result.headline || result.verdict_words),
      el("p", { class: "muted" }, answer.confidence)),
    el("dl", { class: "figures" }, figures),
    result.left_out.length > 0 && el("div", { class: "note warn", id: "left-out" }, el("strong", {}, "Not on this page"), el("ul", {}, result.left_out.map((text) => el("li", {}, text)))),
  ].filter((part) => part !== false);
}

/** @param {Context} context @returns {Node[]} */
function renderActions({ result }) {
  const { answer } = result;
  const parts = [];
  if (answer.repair) {
    parts.push(el("p", { class: "lead" }, answer.advice));
    parts.push(el("p", {}, tag(answer.is_verified ? "✓ verified" : "not verified", answer.is_verified ? "good" : "warn"), " ", answer.repair));
  }
  answer.patches.forEach((patch, index) => {
    const title = patch.is_diff ? "Patch" : "In your own program";
    const caption = patch.state ? `${title} · ${patch.state}` : title;
    const figure = renderPatch(patch.lines, caption, patch.is_diff ? "the patch" : "the lines");
    figure.id = `patch-${index + 1}`;
    if (index < 3) parts.push(figure);
    else parts.push(lazyDetails(`Patch ${index + 1}`, () => figure));
  });
  if (answer.reproducer) parts.push(el("p", {}, el("code", {}, answer.reproducer), " shows it without this program"));
  if (answer.commands.length) {
    parts.push(el("h3", {}, "To type"));
    parts.push(...answer.commands.map(renderCommand));
  }
  return parts;
}

/** @param {Context} context @returns {Node[]} */
function renderFirst(context) {
  const { findings, verdict } = context.result;
  if (findings.length) return [renderFinding(findings[0], context)];
  return verdict === "not-reproducible" ? [el("p", {}, "No source was located.")] : [];
}

/** @param {Context} context @returns {Node[]} */
function renderFindings(context) {
  const { findings, shared } = context.result;
  if (findings.length < 2) return [];
  const columns = /** @type {Column[]} */ ([
    { name: "#", kind: "number" },
    { name: "op or call", kind: "code" },
    { name: "line", kind: "code" },
    { name: "step", kind: "number" },
    { name: "phase" },
    { name: "cause" },
    { name: "times", kind: "number" },
    { name: "repaired by", kind: "prose" },
    ...(findings.some((finding) => finding.accepted) ? [{ name: "baseline" }] : []),
  ]);
  const rows = findings.map((finding) => {
    const fix = finding.fix === null ? null : shared.fixes[finding.fix];
    const repair = fix === null || !fix.is_verified ? "" : fix.settings.join(", ") + (fix.together.length ? ` together with ${fix.together.join(", ")}` : "");
    const row = [finding.number, finding.source, finding.line, finding.step, finding.phase, finding.cause, finding.count, repair];
    if (columns.length > row.length) row.push(finding.accepted);
    return row;
  });
  return [makeTable(columns, rows, { csvName: "findings", label: "Findings", expand: (row) => renderFinding(findings[row], context) })];
}

/** @param {Context} context @returns {Node[]} */
function renderClasses({ result, glossary }) {
  if (!result.runs.length) return [];
  const classes = result.classes.map(({ name, runs }) =>
    el("li", {}, el("span", { class: "letter" }, name), el("span", { class: "runs" }, runs.slice(0, 200).map((run) => el("span", { class: "run" }, run)), runs.length > 200 && ` … and ${runs.length - 200} more`)),
  );
  const columns = /** @type {Column[]} */ ([
    { name: "run", kind: "number" },
    { name: "class" },
    { name: "recorded" },
    { name: "ended" },
    { name: "steps", kind: "number" },
    { name: "events", kind: "number" },
    { name: "ranks", kind: "number" },
    { name: "detail", kind: "prose" },
  ]);
  const rows = result.runs.map((run) => [run.index, run.class, run.is_loaded ? `${run.level}, under load` : run.level, run.ended, run.steps, run.events, run.ranks || null, run.detail]);
  return [
    el("p", { class: "muted" }, "Runs in one ", term("class", glossary.class), " are equal in every tensor that was compared, to the bit."),
    el("ul", { class: "classes" }, classes.slice(0, 50)),
    lazyDetails("Each run", () => makeTable(columns, rows, { csvName: "runs", label: "Runs" })),
  ];
}

/** @param {Context} context @returns {Node[]} */
function renderRanks({ result }) {
  if (!result.ranks.length) return [];
  const waited = Math.max(...result.runs.map((run) => run.ranks));
  const columns = /** @type {Column[]} */ ([{ name: "rank", kind: "number" }, { name: "findings", kind: "number" }, { name: "which", kind: "prose" }]);
  const rows = result.ranks.map(({ rank, findings }) => [rank, findings.length, findings.slice(0, 20).join(", ") + (findings.length > 20 ? " …" : "")]);
  return [waited > 0 && el("p", { class: "muted" }, `${counted(waited, "process")} of each run waited for one another.`), makeTable(columns, rows, { csvName: "ranks", label: "Ranks" })].filter((part) => part !== false);
}

/** @param {Context} context @returns {Node[]} */
function renderTensors({ result, glossary }) {
  if (!result.tensors.length) return [];
  const columns = /** @type {Column[]} */ ([
    { name: "kind" },
    { name: "name", kind: "code" },
    { name: "step", kind: "number" },
    { name: "runs" },
    { name: "differing", kind: "number" },
    { name: "elements", kind: "number" },
    { name: "max ULP", kind: "number", explanation: glossary.ULP },
    { name: "max abs", kind: "number" },
    { name: "max rel", kind: "number" },
    { name: "note", kind: "prose" },
  ]);
  /** @param {TensorRow[]} tensors */
  const make = (tensors) => {
    const rows = tensors.map((row) => /** @type {Cell[]} */ ([
      row.kind, row.name, { text: row.step, value: row.at }, row.runs.join(", "), row.differing, row.elements,
      { text: row.ulp, value: row.max_ulp }, { text: row.abs, value: row.max_abs }, { text: row.rel, value: row.max_rel }, row.note,
    ]));
    return makeTable(columns, rows, { csvName: "tensors", label: "Tensors that differ" });
  };
  const first = result.tensors.filter((row) => row.is_first);
  const place = el("div", {}, make(first));
  const parts = [];
  if (first.length < result.tensors.length) {
    const box = el("input", { type: "checkbox" });
    box.addEventListener("change", () => place.replaceChildren(make(box.checked ? result.tensors : first)));
    parts.push(el("label", { class: "choice" }, box, ` every step (${result.tensors.length.toLocaleString("en")} rows), not only where each tensor first differs`));
  }
  const left = result.tensors_total - result.tensors.length;
  if (left > 0) parts.push(el("p", { class: "muted" }, `${counted(left, "more difference")}, later in the runs, were counted and not kept.`));
  return [place, ...parts];
}

/** @param {Context} context @returns {Node[]} */
function renderAlerts({ result }) {
  if (!result.alerts.length) return [];
  const columns = /** @type {Column[]} */ ([{ name: "op", kind: "code" }, { name: "line", kind: "code" }, { name: "phase" }, { name: "module", kind: "code" }, { name: "times", kind: "number" }]);
  const rows = result.alerts.map((alert) => [alert.op, alert.place, alert.phase, alert.module, alert.count]);
  return [el("p", { class: "muted" }, "A risk, not a divergence that was seen."), makeTable(columns, rows, { csvName: "refused", label: "Refused operators" })];
}

/** @param {Context} context @returns {Node[]} */
function renderWarnings({ result }) {
  if (!result.warnings.length) return [];
  return [el("ul", { class: "notes" }, result.warnings.map((warning) => el("li", {}, warning.text)))];
}

/** @param {Note[]} notes */
function renderNotes(notes) {
  return el("dl", { class: "notes" }, notes.map((note) => el("div", {}, el("dt", {}, note.what), el("dd", {}, note.why))));
}

/** @param {[string, string][]} pairs @param {string} name */
function renderPairs(pairs, name) {
  return makeTable([{ name: "name", kind: "code" }, { name: "value", kind: "code" }], pairs, { csvName: name, label: name });
}

/** @param {Context} context @returns {Node[]} */
function renderEnvironment({ result }) {
  const parts = [];
  if (result.environment_differs.length) parts.push(el("h3", {}, "Differs between the runs"), renderNotes(result.environment_differs));
  if (result.changes.length) parts.push(el("h3", {}, "Changed by the program"), el("ul", { class: "notes" }, result.changes.map((text) => el("li", {}, text))));
  if (result.settings.length) parts.push(el("h3", {}, "Settings"), renderPairs(result.settings, "settings"));
  if (result.environment.length) parts.push(el("h3", {}, "Environment"), renderPairs(result.environment, "environment"));
  return parts;
}

/** @param {Context} context @returns {Node[]} */
function renderNotChecked({ result }) {
  return result.not_checked.length ? [renderNotes(result.not_checked)] : [el("p", { class: "muted" }, "Nothing that could have been compared was left out.")];
}

/** @param {Context} context @returns {Node[]} */
function renderCertainty({ result }) {
  return [el("ul", { class: "notes" }, result.certainty.map((text) => el("li", {}, text)))];
}
