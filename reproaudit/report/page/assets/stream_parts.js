// Owns the elements around the operator stream's canvas: controls, legend, a row in full, the table.
const streamParts = (() => {
  const { PHASES, showLocation, isQuiet, numberRow } = streamRows;
  const { showCount, showCounted } = canvasTools;
  const MOST_TABLE_ROWS = 500;
  /** @type {Column[]} */
  const TABLE = [
    { name: "number", kind: "number" },
    { name: "state" },
    { name: "step", kind: "number" },
    { name: "phase" },
    { name: "operator", kind: "code" },
    { name: "module", kind: "code" },
    { name: "line", kind: "code" },
  ];

  /** @param {AlignedOps} ops */
  function nameStates(ops) {
    const [first, second] = streamRows.nameRuns(ops);
    return ["equal", "source", "carrier", "absorbed", `only in ${first}`, `only in ${second}`, "not compared"];
  }

  /** @type {Record<number, string>} */
  const MEANINGS = {
    0: "inputs and outputs are equal to the last bit",
    1: "its inputs are equal, its outputs differ: a difference is born here",
    2: "its inputs differ already, and its outputs too",
    3: "its inputs differ, its outputs do not",
    4: "the other run did not make this call",
    5: "the other run did not make this call",
    6: "a view, undefined memory, or not digested: its outputs say nothing",
  };

  /**
   * @param {AlignedOps} ops
   * @param {StreamFinding[]} findings
   * @param {string[]} processes
   */
  function makeParts(ops, findings, processes) {
    const text = el("input", { type: "search", placeholder: "filter operator, module or line: text or /regex/", "aria-label": "filter operators by operator, module or line", "data-role": "filter" });
    const phase = el("select", { "aria-label": "phase", "data-role": "phase" });
    phase.append(new Option("all phases", "-1"), ...PHASES.map((name, number) => new Option(name, String(number))));
    const onlyDiffering = el("input", { type: "checkbox", "data-role": "only-differing" });
    const process = el("select", { "aria-label": "process", "data-role": "process" });
    process.append(...processes.map((name) => new Option(name || "main process", name)));
    process.hidden = processes.length < 2;
    const previous = makeButton("‹ source", "previous source (p)", "previous-source");
    const next = makeButton("source ›", "next source (n)", "next-source");
    const step = el("input", { type: "number", placeholder: "step", "aria-label": "go to step", class: "step", "data-role": "step" });
    const finding = el("select", { "aria-label": "go to finding", "data-role": "finding" });
    finding.append(new Option("go to finding …", ""));
    const controls = el(
      "div",
      { class: "controls" },
      process,
      text,
      phase,
      el("label", {}, onlyDiffering, " only what differs"),
      el("span", { class: "buttons" }, previous, next),
      el("label", {}, "step ", step),
      findings.length ? finding : null,
    );
    const status = el("p", { class: "muted status", role: "status" });
    const label = `Operators of ${streamRows.nameRuns(ops).join(" and ")}, aligned, one row per pair`;
    const canvas = el("canvas", { tabindex: 0, role: "img", "aria-label": label, "aria-describedby": "stream-help", "data-role": "stream" });
    const spacer = el("div", { class: "spacer" });
    const scroller = el("div", { class: "scroller" }, canvas, spacer);
    const here = el("p", { class: "here", role: "status", "data-role": "here" });
    const legend = el("div", { class: "legend" });
    const help = el("p", { class: "muted help", id: "stream-help" }, "Arrow keys move, n and p go to the next and the previous source, Enter shows a row in full or opens a fold, / filters, Escape closes.");
    const detail = el("section", { class: "detail", "data-role": "detail" });
    detail.hidden = true;
    const all = [controls, status, el("div", { class: "picture" }, scroller), here, detail, legend, help];
    return { all, text, phase, onlyDiffering, process, previous, next, step, finding, status, canvas, spacer, scroller, here, legend, detail };
  }

  /**
   * @param {string} label
   * @param {string} title
   * @param {string} role
   */
  function makeButton(label, title, role) {
    return el("button", { type: "button", class: "small", title, "aria-label": title, "data-role": role }, label);
  }

  /**
   * Say what marks and colours mean, and how many rows have each.
   * @param {HTMLElement} legend
   * @param {AlignedOps} ops
   * @param {number[]} counts
   */
  function fillLegend(legend, ops, counts) {
    const variables = ["muted", "state-source", "state-carrier", "state-absorbed", "state-only", "state-only", "muted"];
    const entries = nameStates(ops).map((name, state) => {
      if (!counts[state]) return null;
      const mark = el("b", { class: "mark" }, streamPaint.MARKS[state]);
      mark.style.color = `var(--${variables[state]})`;
      return el("span", { class: "entry", title: MEANINGS[state] }, mark, name, el("span", { class: "muted" }, showCount(counts[state])));
    });
    legend.replaceChildren(...entries.filter((entry) => entry !== null));
  }

  /**
   * Say a row in one line, names unshortened.
   * @param {AlignedOps} ops
   * @param {StreamRows} rows
   * @param {number} row
   */
  function wordRow(ops, rows, row) {
    const parts = [
      `operator ${showCount(numberRow(rows, row))}`,
      nameStates(ops)[rows.state[row]],
      `step ${rows.step[row]}`,
      PHASES[rows.phase[row]] ?? "",
      ops.strings[rows.op[row]],
      ops.strings[rows.module[row]],
      showLocation(ops.locations[rows.location[row]]),
    ];
    return parts.filter(Boolean).join(" · ");
  }

  /**
   * Show a row in full, one column per run.
   * @param {HTMLElement} host
   * @param {AlignedOps} ops
   * @param {StreamRows} rows
   * @param {number} row
   * @param {() => void} close
   */
  function fillDetail(host, ops, rows, row, close) {
    const state = rows.state[row];
    const isMade = [state !== streamRows.ONLY_B, state !== streamRows.ONLY_A];
    /** @type {[string, string][]} */
    const facts = [
      ["operator", ops.strings[rows.op[row]]],
      ["module", ops.strings[rows.module[row]] || "–"],
      ["line", showLocation(ops.locations[rows.location[row]]) || "unknown"],
      ["step", String(rows.step[row])],
      ["phase", PHASES[rows.phase[row]] ?? ""],
    ];
    const button = el("button", { type: "button", class: "small", "aria-label": "close", onclick: close }, "close");
    const heads = ["", ...streamRows.nameRuns(ops)].map((head) => el("th", { scope: "col" }, head));
    const lines = facts.map(([name, value]) =>
      el("tr", {}, el("th", { scope: "row" }, name), ...isMade.map((made) => el("td", {}, made ? el("code", {}, value) : "–"))),
    );
    const number = `operator ${showCount(numberRow(rows, row))} of ${showCount(rows.total)}`;
    host.replaceChildren(
      el("header", {}, el("h3", { class: "minor" }, nameStates(ops)[state]), el("span", { class: "muted" }, `${number} · ${MEANINGS[state]}`), copyButton(wordRow(ops, rows, row), "this row"), button),
      el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, lines))),
    );
    host.hidden = false;
  }

  /**
   * Return the table behind the picture, made when it is opened.
   * @param {AlignedOps} ops
   * @param {() => StreamRows} getRows
   */
  function makeTableBehind(ops, getRows) {
    return lazyDetails("The rows that differ as a table", () => {
      const rows = getRows();
      /** @type {Cell[][]} */
      const cells = [];
      let total = 0;
      for (let row = 0; row < rows.count; row++) {
        if (isQuiet(rows.state[row])) continue;
        total += 1;
        if (total > MOST_TABLE_ROWS) continue;
        cells.push([
          numberRow(rows, row),
          nameStates(ops)[rows.state[row]],
          rows.step[row],
          PHASES[rows.phase[row]] ?? "",
          ops.strings[rows.op[row]],
          ops.strings[rows.module[row]],
          showLocation(ops.locations[rows.location[row]]),
        ]);
      }
      const cut = total > cells.length ? `The first ${showCount(cells.length)} of ${showCounted(total, "row")} that differ.` : `${showCounted(total, "row")} differ.`;
      return el("div", {}, el("p", { class: "muted" }, cut), makeTable(TABLE, cells, { csvName: "operators", label: "operators that differ" }));
    });
  }

  return { makeParts, fillLegend, wordRow, fillDetail, makeTableBehind };
})();
