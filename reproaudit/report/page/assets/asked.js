// What only some questions bring out: what was varied, how a run was resumed, what the seed reaches.

const MOST_OPEN = 8; // articles that stand open one below the other

/** @param {Asked} asked @param {(render: (context: Context) => Node[]) => Section["make"]} text @returns {Section[]} */
function listAskedSections(asked, text) {
  return [
    { id: "variations", title: "What was varied", make: text((context) => renderVariations(asked, context)) },
    { id: "dependences", title: "What it depends on", make: text((context) => renderDependences(asked, context)) },
    { id: "lost", title: "What was lost", make: text((context) => renderLostStates(asked, context)) },
    { id: "resumption", title: "How it was resumed", make: text(() => renderResumption(asked)) },
    { id: "streams", title: "What the seed reaches", make: text((context) => renderStreams(asked, context)) },
    { id: "timeline", title: "When seeds and flags were set", make: text((context) => renderTimeline(asked, context)) },
  ];
}

/** @param {[string, string][]} pairs */
function renderFacts(pairs) {
  const names = ["line"];
  return facts(pairs.map(([label, said]) => [label, names.includes(label) ? el("code", {}, breakable(said)) : said]));
}

// -- variations

/** @param {Asked} asked @param {Context} context @returns {Node[]} */
function renderVariations({ variations, groups, meanings }, context) {
  if (!variations.length) return [];
  const columns = /** @type {Column[]} */ ([
    { name: "variation", kind: "code" },
    { name: "answer" },
    { name: "how far" },
    { name: "first at" },
    { name: "why", kind: "prose" },
    { name: "run", kind: "number" },
  ]);
  const rows = variations.map((row) => /** @type {Cell[]} */ ([
    row.setting,
    { text: row.answer, value: row.answer, node: () => answerTag(row, meanings[row.answer]) },
    row.far, stacked(row.source, row.line), row.why, row.run,
  ]));
  const bySetting = new Map(groups.flatMap((group) => group.settings.map((setting) => [setting, group])));
  /** @param {number} row */
  const expand = (row) => {
    const group = bySetting.get(variations[row].setting);
    if (group) return renderGroup(group, context);
    return el("p", {}, variations[row].why || meanings[variations[row].answer]);
  };
  return [makeTable(columns, rows, { csvName: "variations", label: "What was varied", expand })];
}

/** A cell of two lines, the second of which says more of the first.
 * @param {string} first @param {string} second @returns {Cell} */
function stacked(first, second) {
  const text = [first, second].filter(Boolean).join(", ");
  return { text, value: text, node: () => el("span", { class: "stacked" }, first && el("code", {}, first), second && el("code", { class: "muted" }, second)) };
}

/** @param {Variation} row @param {string | undefined} meaning */
function answerTag(row, meaning) {
  const node = tag(row.answer, row.tone);
  if (meaning) node.title = meaning;
  return node;
}

/** The dependences in full that are not as documented.
 * @param {Asked} asked @param {Context} context @returns {Node[]} */
function renderDependences({ groups }, context) {
  const unsettled = groups.filter(({ tone }) => tone !== "");
  return openFirst(unsettled, (group) => `${group.title}: ${group.answer}`, (group) =>
    el("div", {}, el("h3", {}, el("code", {}, group.title), " ", tag(group.answer, group.tone)), renderGroup(group, context)));
}

/** The first ones open, the others to be opened.
 * @template T @param {T[]} entries @param {(entry: T) => string} name @param {(entry: T) => HTMLElement} render @returns {Node[]} */
function openFirst(entries, name, render) {
  return entries.map((entry, index) => (index < MOST_OPEN ? render(entry) : lazyDetails(name(entry), () => render(entry))));
}

/** @param {DependenceGroup} group @param {Context} context */
function renderGroup(group, context) {
  const { findings } = context.result;
  const [first, ...others] = group.findings.map((number) => findings[number]).filter((finding) => finding !== undefined);
  const more = new Set(others.map((finding) => `${finding.source ? `${finding.source}, ` : ""}${finding.line}`));
  more.delete(first ? `${first.source ? `${first.source}, ` : ""}${first.line}` : "");
  /** @type {[string, string][]} */
  const alsoAt = more.size ? [["also at", [...more].slice(0, 8).join("; ") + (more.size > 8 ? " …" : "")]] : [];
  return el(
    "div",
    { class: "dependence" },
    renderFacts([...group.facts, ...alsoAt]),
    group.diff.length > 0 && renderPatch(group.diff, "The environments of the two runs", "the difference of the environments"),
    first && renderFinding(first, context, { withRepair: true }),
  );
}

// -- resume

/** @param {Asked} asked @returns {Node[]} */
function renderResumption({ resumption, checkpoints }) {
  if (!resumption.length) return [];
  const columns = /** @type {Column[]} */ ([
    { name: "file", kind: "code" },
    { name: "written by", kind: "code" },
    { name: "after step", kind: "number" },
    { name: "line", kind: "code" },
    { name: "holds", kind: "prose" },
  ]);
  return [
    facts(resumption.map(([label, said]) => [label, label === "by" ? el("code", {}, said) : said])),
    ...(checkpoints.length ? [el("h3", {}, "Checkpoints"), makeTable(columns, checkpoints, { csvName: "checkpoints", label: "Checkpoints" })] : []),
  ];
}

/** @param {Asked} asked @param {Context} context @returns {Node[]} */
function renderLostStates({ lost }, { result }) {
  return openFirst(lost, ({ title }) => title, (state) => {
    const source = renderCode(state.code, result);
    const facts = renderFacts(state.facts);
    return el(
      "article",
      { class: "finding" },
      el("h3", {}, state.title),
      el(
        "div",
        { class: "columns" },
        el("div", {}, source ?? facts, state.advice && el("div", { class: "why" }, el("h3", { class: "minor" }, "What to do"), el("p", {}, state.advice))),
        el("div", {}, source && facts, state.evidence.length > 0 && [el("h3", { class: "minor" }, "Evidence"), el("ul", { class: "said" }, state.evidence.map((text) => el("li", {}, text)))]),
      ),
    );
  });
}

// -- seeds

/** @param {Asked} asked @param {Context} context @returns {Node[]} */
function renderStreams({ streams }, { result }) {
  if (!streams.length) return [];
  const columns = /** @type {Column[]} */ ([
    { name: "use" },
    { name: "effect" },
    { name: "line", kind: "code" },
    { name: "drawn from" },
    { name: "draws", kind: "number" },
    { name: "process" },
    { name: "why", kind: "prose" },
  ]);
  const rows = streams.map((row) => /** @type {Cell[]} */ ([
    row.use,
    { text: row.effect, value: row.effect, node: () => tag(row.is_expected ? row.effect : `✗ ${row.effect}`, row.is_expected ? (row.effect === "follows" ? "good" : "") : "bad") },
    row.line, stacked(row.stream, row.call), row.draws, row.process, row.why,
  ]));
  /** @param {number} row */
  const expand = (row) => {
    const code = renderCode(streams[row].code, result);
    const said = streams[row].is_expected ? "It is as it ought to be." : "It is not as it ought to be.";
    return el("div", {}, el("p", {}, streams[row].why ? `${said} ${streams[row].why}.` : said), code);
  };
  return [makeTable(columns, rows, { csvName: "streams", label: "What the seed reaches", expand })];
}

/** @param {Asked} asked @param {Context} context @returns {Node[]} */
function renderTimeline({ timeline }, { result }) {
  if (!timeline.length) return [];
  const most = 200;
  const entries = timeline.slice(0, most).map((row) =>
    el(
      "li",
      { class: row.why ? "late" : "", value: row.number, id: `setting-${row.number}` },
      el("p", {}, el("code", {}, row.value ? `${row.what} = ${row.value}` : row.what), row.by && " ", row.by && tag(`by ${row.by}`)),
      el("p", { class: "muted" }, row.line && el("code", {}, breakable(row.line)), row.line && " · ", `step ${row.step}`, row.made && ` · there already: ${row.made}`),
      row.why && el("p", {}, row.why, "."),
      row.undoes !== null && el("p", {}, "Undoes ", el("a", { href: `#setting-${row.undoes}` }, `number ${row.undoes}`), "."),
      row.code.length > 0 && lazyDetails("In its source", () => renderCode(row.code, result) ?? ""),
    ));
  return [
    el("ol", { class: "timeline" }, entries),
    ...(timeline.length > most ? [el("p", { class: "muted" }, `… and ${timeline.length - most} more; result.json has all`)] : []),
  ];
}
