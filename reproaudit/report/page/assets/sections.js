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
      el("p", {}, verdictTag(result.verdict, result.verdict_words), answer.accepted && " ", answer.accepted && tag(answer.accepted, "accepted")),
      el("h1", {}, breakable(result.headline || result.verdict_words)),
      el("p", { class: "muted" }, tie(answer.confidence))),
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
    if (answer.interventions.length) parts.push(el("p", { class: "muted" }, "Interventions: ", nameSettings(answer.interventions, result)));
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
    if (parts.length) parts.push(el("h3", {}, "To type"));
    parts.push(...answer.commands.map(renderCommand));
  }
  return parts;
}

/** @param {Context} context @returns {Node[]} */
function renderFirst(context) {
  const { findings, verdict, asked } = context.result;
  // That of a variation stands with it.
  if (asked) return asked.first_finding === null || !findings[asked.first_finding] ? [] : [renderFinding(findings[asked.first_finding], context, { withRepair: false })];
  if (findings.length) return [renderFinding(findings[0], context, { withRepair: false })];
  return verdict === "not-reproducible" ? [el("p", {}, "No source was located.")] : [];
}

/** @param {Context} context @returns {Node[]} */
function renderFindings(context) {
  const { findings, shared } = context.result;
  if (findings.length < 2) return [];
  const columns = /** @type {Column[]} */ ([
    { name: "#", kind: "number" },
    { name: "variation", kind: "code" },
    { name: "op or call", kind: "code" },
    { name: "line", kind: "code" },
    { name: "step", kind: "number" },
    { name: "phase" },
    { name: "cause" },
    { name: "repaired by", kind: "prose" },
    { name: "baseline" },
  ]);
  const rows = findings.map((finding) => {
    const fix = finding.fix === null ? null : shared.fixes[finding.fix];
    const repair = fix === null || !fix.is_verified ? "" : fix.settings.join(", ") + (fix.together.length ? ` together with ${fix.together.join(", ")}` : "");
    return [finding.number, finding.variation ?? "", finding.source, finding.line, finding.step, finding.phase, finding.cause, repair, finding.accepted];
  });
  return [makeTable(columns, rows, { csvName: "findings", label: "Findings", expand: (row) => renderFinding(findings[row], context, { withRepair: true }) })];
}

/** What each run was made under, where runs are made under different conditions.
 * @param {Result} result @returns {Map<number, string>} */
function nameConditions({ runs }) {
  const named = new Map();
  for (const { index, condition } of runs) if (condition) named.set(index, condition);
  return named;
}

/** @param {Context} context @returns {Node[]} */
function renderClasses({ result, glossary }) {
  if (!result.runs.length) return [];
  const conditions = nameConditions(result);
  const classes = result.classes.map(({ name, runs }) =>
    el("li", {}, el("span", { class: "letter" }, name), el("span", { class: "runs" }, runs.slice(0, 200).map((run) => el("span", { class: "run" }, run, conditions.has(run) && ` ${conditions.get(run)}`)), runs.length > 200 && ` … and ${runs.length - 200} more`)),
  );
  const columns = /** @type {Column[]} */ ([
    { name: "run", kind: "number" },
    { name: "made under", kind: "code" },
    { name: "class" },
    { name: "recorded" },
    { name: "ended" },
    { name: "steps", kind: "number" },
    { name: "events", kind: "number" },
    { name: "ranks", kind: "number" },
    { name: "detail", kind: "prose" },
  ]);
  const rows = result.runs.map((run) => [run.index, run.condition ?? "", run.class, run.is_loaded ? `${run.level}, under load` : run.level, run.ended, run.steps, run.events, run.ranks || null, run.detail]);
  const each = lazyDetails("Each run", () => makeTable(columns, rows, { csvName: "runs", label: "Runs" }));
  // How they ended is news where one of them failed, or not all ended alike.
  if (result.runs.some((run) => !run.is_success || run.ended !== result.runs[0].ended)) {
    each.dispatchEvent(new Event("reveal"));
    each.open = true;
  }
  // Where nothing was compared, nothing is equal.
  if (!result.compared.length) return [each];
  return [
    el("p", { class: "muted" }, "Runs in one ", term("class", glossary.class), " are equal in every tensor that was compared, to the bit."),
    el("ul", { class: "classes" }, classes.slice(0, 50)),
    each,
  ];
}

/** @param {Context} context @returns {Node[]} */
function renderCompared({ result }) {
  if (!result.compared.length) return [];
  const most = Math.max(...result.compared.map(([, count]) => count));
  const rows = result.compared.map(([kind, count]) => {
    const bar = svg("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(svg("rect", { width: Math.max(0.5, (100 * count) / most), height: 10 }));
    return el("tr", {}, el("th", { scope: "row" }, kind), el("td", { class: "number" }, count.toLocaleString("en")), el("td", {}, bar));
  });
  return [el("p", { class: "muted" }, "Of each run, to the bit:"), el("div", { class: "scroll" }, el("table", { class: "histogram compared" }, el("tbody", {}, rows)))];
}

/** @param {Context} context @returns {Node[]} */
function renderRanks({ result }) {
  const waited = Math.max(0, ...result.runs.map((run) => run.ranks));
  const parts = [];
  if (waited > 0) parts.push(el("p", { class: "muted" }, `${counted(waited, "process")} of each run waited for one another.`));
  if (result.ranks.some(({ findings }) => findings.length)) {
    const columns = /** @type {Column[]} */ ([{ name: "rank", kind: "number" }, { name: "findings", kind: "number" }, { name: "which", kind: "prose" }]);
    const rows = result.ranks.map(({ rank, findings }) => {
      const named = findings.slice(0, 8).map((number) => {
        const finding = result.findings[number - 1];
        return `${number}: ${finding.source || finding.line} (${finding.cause})`;
      });
      return [rank, findings.length, named.join("; ") + (findings.length > 8 ? " …" : "")];
    });
    parts.push(makeTable(columns, rows, { csvName: "ranks", label: "Ranks" }));
  }
  return parts;
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
  const conditions = nameConditions(result);
  /** @param {TensorRow[]} tensors */
  const make = (tensors) => {
    const rows = tensors.map((row) => /** @type {Cell[]} */ ([
      row.kind, row.name, { text: row.step, value: row.at }, pairs.size > 1 ? (conditions.get(row.runs[1]) ?? row.runs.join(", ")) : "", row.differing, row.elements,
      { text: row.ulp, value: row.max_ulp }, { text: row.abs, value: row.max_abs }, { text: row.rel, value: row.max_rel }, row.note,
    ]));
    return makeTable(columns, rows, { csvName: "tensors", label: "Tensors that differ" });
  };
  const pairs = new Set(result.tensors.map((row) => row.runs.join(", ")));
  const first = result.tensors.filter((row) => row.is_first);
  const place = el("div", {}, make(first));
  /** @type {HTMLElement[]} */
  const parts = [];
  if (first.length < result.tensors.length) {
    const box = el("input", { type: "checkbox" });
    box.addEventListener("change", () => place.replaceChildren(make(box.checked ? result.tensors : first)));
    parts.push(el("label", { class: "choice" }, box, ` every step (${result.tensors.length.toLocaleString("en")} rows), not only where each tensor first differs`));
  }
  const left = result.tensors_total - result.tensors.length;
  if (left > 0) parts.push(el("p", { class: "muted" }, `${counted(left, "more difference")}, later in the runs, were counted and not kept.`));
  if (pairs.size === 1) parts.unshift(el("p", { class: "muted" }, `Between runs ${result.tensors[0].runs.map((run) => (conditions.has(run) ? `${run} (${conditions.get(run)})` : run)).join(" and ")}.`));
  return [...parts, place];
}

/** The line that something names, in its source.
 * @param {CodeReference} code @param {Result} result */
function renderCode([number, line], result) {
  if (number === undefined || line === undefined) return null;
  return renderSource(result.excerpts[number], line, labelLines(result).get(number) ?? new Map());
}

/** @param {Context} context @returns {Node[]} */
function renderAlerts({ result }) {
  const { alerts } = result;
  if (!alerts.length) return [];
  const columns = /** @type {Column[]} */ ([{ name: "op", kind: "code" }, { name: "line", kind: "code" }, { name: "phase" }, { name: "module", kind: "code" }, { name: "times", kind: "number" }]);
  const rows = alerts.map((alert) => [alert.op, alert.place, alert.phase, alert.module, alert.count]);
  /** @param {number} row */
  const expand = (row) => el("div", {}, el("p", {}, alerts[row].message), renderCode(alerts[row].code, result));
  return [
    el("p", { class: "muted" }, el("code", {}, "torch.use_deterministic_algorithms(True)"), " refuses them: a risk, not a divergence that was seen."),
    makeTable(columns, rows, { csvName: "refused", label: "Refused operators", expand }),
  ];
}

/** @param {Context} context @returns {Node[]} */
function renderWarnings({ result }) {
  const { warnings, shared } = result;
  if (!warnings.length) return [];
  const entries = warnings.map(({ message, rule, code }) =>
    el(
      "li",
      {},
      el("p", {}, rule && tag(rule, "warn"), rule && " ", message),
      rule in shared.rules && el("p", { class: "muted" }, shared.rules[rule].explanation),
      code.length > 0 && lazyDetails("In its source", () => renderCode(code, result) ?? ""),
    ),
  );
  return [el("ul", { class: "warnings" }, entries)];
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
  return result.not_checked.length ? [renderNotes(result.not_checked)] : [el("p", { class: "muted" }, "The audit notes nothing that it left out.")];
}

/** @param {Context} context @returns {Node[]} */
function renderCertainty({ result }) {
  return [el("ul", { class: "notes" }, result.certainty.map((text) => el("li", {}, tie(text))))];
}
