// One finding in full: where, in its source, why, what shows it, and what repairs it.

/** @typedef {{ result: Result, glossary: { [word: string]: string } }} Context */

/** @param {Result} result @returns {Map<number, Map<number, string>>} of each excerpt, the findings by line */
function labelLines(result) {
  /** @type {Map<number, Map<number, string>>} */
  const labels = new Map();
  for (const finding of result.findings) {
    const [excerpt, line] = finding.code;
    if (excerpt === undefined || line === undefined) continue;
    const lines = labels.get(excerpt) ?? new Map();
    labels.set(excerpt, lines);
    const known = lines.get(line);
    // A line of a loop may have hundreds.
    if (known === undefined) lines.set(line, String(finding.number));
    else if (!known.endsWith("…")) lines.set(line, known.includes(",") ? `${known}…` : `${known},${finding.number}`);
  }
  return labels;
}

/** @param {[string, Child | Child[]][]} entries those without content are left out @returns {HTMLElement} */
function facts(entries) {
  const rows = entries
    .filter(([, content]) => content !== "" && content !== null && content !== false)
    .map(([label, content]) => el("div", {}, el("dt", {}, label), el("dd", {}, content)));
  return el("dl", { class: "facts" }, rows);
}

/** @param {Evidence} evidence @param {Context} context @returns {HTMLElement[]} */
function renderEvidence(evidence, { glossary }) {
  const parts = [];
  if (evidence.answers.length) {
    const signs = { yes: "●", no: "○", "-": "–" };
    const rows = evidence.answers.map(([kind, answer, meaning]) =>
      el(
        "tr",
        { class: answer === "-" ? "unknown" : answer },
        el("th", { scope: "row" }, term(kind, glossary[kind])),
        el("td", { class: "answer" }, el("span", { "aria-hidden": "true" }, `${signs[answer]} `), answer === "-" ? "" : answer),
        el("td", {}, meaning),
      ),
    );
    parts.push(el("div", { class: "scroll" }, el("table", { class: "evidence" }, el("tbody", {}, rows))));
  }
  if (evidence.said.length) parts.push(el("ul", { class: "said" }, evidence.said.map((text) => el("li", {}, text))));
  return parts;
}

/** Bars of how many elements are how far apart.
 * @param {[string, number][]} histogram @returns {HTMLElement} */
function renderHistogram(histogram) {
  const most = Math.max(...histogram.map(([, count]) => count));
  const rows = histogram.map(([upper, count]) => {
    const bar = svg("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(svg("rect", { width: Math.max(0.5, (100 * count) / most), height: 10 }));
    return el("tr", {}, el("th", { scope: "row" }, `≤ ${Number(upper).toLocaleString("en")}`), el("td", {}, bar), el("td", { class: "number" }, count.toLocaleString("en")));
  });
  const head = el("tr", {}, el("th", { scope: "col" }, "ULP"), el("td"), el("th", { scope: "col", class: "number" }, "elements"));
  return el("div", { class: "scroll" }, el("table", { class: "histogram" }, el("thead", {}, head), el("tbody", {}, rows)));
}

/** @param {string[]} names @param {Result} result @returns {Node[]} */
function nameSettings(names, result) {
  return names.flatMap((name, index) => {
    const word = term(name, result.shared.interventions[name]);
    return index ? [document.createTextNode(", "), word] : [word];
  });
}

/** @param {Finding} finding @param {Context} context @returns {HTMLElement | null} */
function renderFix(finding, { result }) {
  if (finding.fix === null) return null;
  const fix = result.shared.fixes[finding.fix];
  const patch = result.answer.patches.findIndex((one) => one.findings.includes(finding.number));
  return el(
    "div",
    { class: "repair" },
    el("h3", { class: "minor" }, "What repairs it"),
    fix.advice && el("p", {}, fix.advice),
    el("p", {}, tag(fix.is_verified ? "✓ verified" : "not verified", fix.is_verified ? "good" : "warn"), " ", fix.state),
    fix.settings.length > 0 && el("p", { class: "settings" }, "Interventions: ", nameSettings([...fix.settings, ...fix.together], result)),
    fix.is_diff && patch >= 0 && el("p", {}, el("a", { href: `#patch-${patch + 1}` }, result.answer.patches.length > 1 ? `Patch ${patch + 1}` : "The patch"), ` · ${fix.patch_state}`),
    !fix.is_diff && fix.patch_state && el("p", {}, `Patch: ${fix.patch_state}`),
    fix.by_hand.length > 0 && renderPatch(fix.by_hand, "In your own program", "the lines"),
  );
}

/** @param {Finding} finding @returns {HTMLElement} */
function renderPlace(finding) {
  /** @type {[string, Child][]} */
  const entries = [
    ["op", finding.kind === "op" && el("code", {}, finding.source)],
    ["call", finding.call && el("code", {}, finding.call)],
    ["line", el("code", {}, breakable(finding.place))],
    ["when", finding.when],
    ["module", finding.module && el("code", {}, finding.module)],
    ["times", finding.count > 1 && finding.count.toLocaleString("en")],
    ["difference", finding.difference],
    ["baseline", finding.accepted && tag(finding.accepted, "accepted")],
  ];
  return facts(entries);
}

/** @param {Finding} finding @param {Result} result @returns {HTMLElement} */
function renderCause(finding, result) {
  const rule = result.shared.rules[finding.rule];
  const known = rule && [
    el("p", {}, rule.explanation),
    el("p", { class: "references" }, "See also: ", [...rule.references, ""].join(" · "), el("code", {}, `reproaudit explain ${finding.rule}`)),
  ];
  return el("div", { class: "why" }, el("h3", { class: "minor" }, "Why"), el("p", {}, tag(finding.cause, "cause"), " ", el("span", { class: "muted" }, finding.rule)), el("p", { class: "lead" }, finding.title), known);
}

/** @param {Finding} finding @param {Context} context @param {{ withRepair: boolean }} options @returns {HTMLElement} */
function renderFinding(finding, context, { withRepair }) {
  const { result, glossary } = context;
  const [number, line] = finding.code;
  const excerpt = number === undefined ? undefined : result.excerpts[number];
  const labels = number === undefined ? undefined : labelLines(result).get(number);
  const source = excerpt && line !== undefined && labels && renderSource(excerpt, line, labels);
  const place = renderPlace(finding);
  const evidence = renderEvidence(result.shared.evidence[finding.evidence], context);
  const distances = finding.histogram.length > 0 && [el("h3", { class: "minor" }, "How far apart, in ", term("ULP", glossary.ULP)), renderHistogram(finding.histogram)];
  return el(
    "article",
    { class: "finding" },
    el(
      "div",
      { class: "columns" },
      el("div", {}, source || place, renderCause(finding, result)),
      el("div", {}, source && place, evidence.length > 0 && el("h3", { class: "minor" }, "Evidence"), evidence, distances),
    ),
    withRepair && renderFix(finding, context),
  );
}
