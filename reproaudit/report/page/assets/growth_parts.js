// Owns the elements around the heat map's canvas: controls, legend, figures, the table behind it.
const growthParts = (() => {
  const { nameKind, listLegendUlps, showUlp } = growthCells;
  const { showCount, showCounted, sizeCanvas } = canvasTools;
  const NARROW = 560;
  /** @type {[code: number, name: string, words: string][]} */
  const MARKS = [
    [growthCells.EQUAL, "equal", "equal"],
    [growthCells.ABSENT, "absent", "not there"],
    [growthCells.DIFFERS, "unmeasured", "differs, not measured"],
    [growthCells.UNLIKE, "unlike", "other shape, or in one run only"],
    [growthCells.NO_ULP, "no-ulp", "differs, dtype without ULPs"],
    [growthCells.NAN, "nan", "NaN"],
  ];
  /** @type {Column[]} */
  const TABLE = [
    { name: "kind" },
    { name: "name", kind: "code" },
    { name: "tensor", kind: "code" },
    { name: "process" },
    { name: "first step that differs", kind: "number" },
    { name: "steps that differ", kind: "number" },
    { name: "max ULP", kind: "number" },
  ];

  /**
   * @param {Growth} growth
   * @param {Uint8Array} cells
   * @param {number} scaleEnd
   * @param {GrowthPlace | null} first
   */
  function makeParts(growth, cells, scaleEnd, first) {
    const text = el("input", { type: "search", placeholder: "filter names: text or /regex/", "aria-label": "filter tensors by name", "data-role": "filter" });
    const kind = el("select", { "aria-label": "kind of tensor", "data-role": "kind" });
    kind.append(new Option("all kinds", ""), ...[...new Set(growth.tensors.map((tensor) => tensor.kind))].map((one) => new Option(nameKind(one), one)));
    const onlyDiffering = el("input", { type: "checkbox", "data-role": "only-differing" });
    const fold = makeButton("fold all", "fold all modules", "fold");
    const unfold = makeButton("unfold all", "unfold all modules", "unfold");
    const zoomOut = makeButton("−", "zoom out", "zoom-out");
    const zoomIn = makeButton("+", "zoom in on steps", "zoom-in");
    const zoomFit = makeButton("all steps", "show all steps", "zoom-fit");
    const status = el("p", { class: "muted status", "aria-live": "polite" });
    const controls = el(
      "div",
      { class: "controls" },
      text,
      kind,
      el("label", {}, onlyDiffering, " only what differs"),
      el("span", { class: "buttons" }, fold, unfold),
      el("span", { class: "buttons" }, zoomOut, zoomIn, zoomFit),
    );
    const showFirst = first ? makeButton("show it", "show it: the first difference", "first") : null;
    const canvas = el("canvas", { tabindex: "0", role: "img", "aria-label": describe(growth, first), "aria-describedby": "growth-help", "data-role": "heat-map" });
    const spacer = el("div", { class: "spacer" });
    const scroller = el("div", { class: "scroller" }, canvas, spacer);
    const tip = el("div", { class: "tip", role: "status", "data-role": "figures" });
    tip.hidden = true;
    const legend = makeLegend(cells, scaleEnd, first);
    const detail = el("section", { class: "detail", "data-role": "detail" });
    detail.hidden = true;
    const help = el("p", { class: "muted help", id: "growth-help" }, "Arrow keys move, Enter opens a tensor's charts or a module, + and − zoom, / filters, Escape closes.");
    const all = [makeFirstLine(growth, first, showFirst), controls, status, el("div", { class: "picture" }, scroller, tip), legend, help, detail];
    return { all, text, kind, onlyDiffering, fold, unfold, zoomIn, zoomOut, zoomFit, showFirst, status, canvas, spacer, scroller, tip, legend, detail };
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
   * @param {Growth} growth
   * @param {GrowthPlace | null} first
   */
  function describe(growth, first) {
    const size = `${showCounted(growth.tensors.length, "tensor")} by ${showCounted(growth.steps, "step")}`;
    return `Heat map of ${size}: how far runs ${growth.runs.join(" and ")} are apart. ${wordFirst(growth, first)}`;
  }

  /**
   * @param {Growth} growth
   * @param {GrowthPlace | null} first
   */
  function wordFirst(growth, first) {
    if (!first) return "No tensor differs.";
    const tensor = growth.tensors[first.row];
    return `The first difference: ${nameKind(tensor.kind)} ${tensor.name} in step ${growth.first_step + first.column}.`;
  }

  /**
   * @param {Growth} growth
   * @param {GrowthPlace | null} first
   * @param {HTMLElement | null} button
   */
  function makeFirstLine(growth, first, button) {
    const line = el("p", { class: "first" });
    if (first && button) {
      const tensor = growth.tensors[first.row];
      // An audit records other runs to find the operator: these may part in another step.
      line.append(`First difference between runs ${growth.runs.join(" and ")}: `, nameKind(tensor.kind), " ", el("code", {}, tensor.name));
      line.append(` in step ${growth.first_step + first.column} `, button);
    } else {
      line.append(wordFirst(growth, first));
    }
    const lacks = [
      growth.not_compared && `${showCounted(growth.not_compared, "cell")} that differ were not compared element by element`,
      growth.left_out_steps && `${showCounted(growth.left_out_steps, "step")} before and after these are left out`,
      growth.left_out_tensors && `${showCounted(growth.left_out_tensors, "tensor")} that the program makes later are left out`,
    ];
    for (const lack of lacks) {
      if (lack) line.append(el("span", { class: "muted" }, ` ${lack}: there are too many.`));
    }
    return line;
  }

  /**
   * Say what colours and marks mean, those that the picture has.
   * @param {Uint8Array} cells
   * @param {number} scaleEnd
   * @param {GrowthPlace | null} first
   */
  function makeLegend(cells, scaleEnd, first) {
    const ramp = el("canvas", { class: "ramp", "aria-hidden": "true" });
    const ticks = el("div", { class: "ticks" });
    for (const ulps of listLegendUlps(scaleEnd)) {
      const tick = el("span", {}, ulps === 1 ? "1 ULP" : showUlp(ulps));
      tick.style.left = `${(100 * Math.log2(ulps)) / Math.log2(scaleEnd)}%`;
      ticks.append(tick);
    }
    const scale = el("div", { class: "scale" }, ramp, ticks);
    const legend = el("div", { class: "legend" }, scale);
    const codes = new Set(cells);
    scale.hidden = ![...codes].some(growthCells.hasDistance);
    for (const [code, name, words] of MARKS) {
      if (code !== growthCells.EQUAL && !codes.has(code)) continue;
      legend.append(el("span", { class: "entry" }, el("canvas", { class: "swatch", "data-mark": name, "aria-hidden": "true" }), words));
    }
    if (first) legend.append(el("span", { class: "entry" }, el("canvas", { class: "swatch", "data-mark": "ring", "aria-hidden": "true" }), "first difference"));
    legend.dataset.scaleEnd = String(scaleEnd);
    paintLegend(legend);
    return legend;
  }

  /**
   * Paint the legend's small canvases in the colours of now.
   * @param {HTMLElement} legend
   */
  function paintLegend(legend) {
    const marks = growthMarks.makeMarks(Number(legend.dataset.scaleEnd));
    const ramp = /** @type {HTMLCanvasElement} */ (legend.querySelector(".ramp"));
    marks.paintRamp(sizeCanvas(ramp, 260, 12), 260, 12);
    for (const swatch of legend.querySelectorAll("canvas")) {
      const mark = swatch.dataset.mark;
      if (mark) marks.paintSwatch(sizeCanvas(swatch, 18, 18), mark, 18);
    }
  }

  /**
   * @param {HTMLElement} tip
   * @param {Growth} growth
   * @param {GrowthColumns} columns
   * @param {GrowthLine} line
   * @param {number} step
   * @param {number} code
   */
  function fillTip(tip, growth, columns, line, step, code) {
    if (line.module) {
      const rows = line.module.rows.length;
      const end = line.isFolded ? "Enter unfolds" : "Enter folds";
      tip.replaceChildren(el("strong", {}, line.module.path), el("div", {}, `step ${step} · ${showCounted(rows, "tensor")}`), el("div", {}, growthFigures.wordLargest(code)), el("div", { class: "muted" }, end));
      return;
    }
    const tensor = growth.tensors[line.row];
    const measured = code >= growthCells.DIFFERS ? growthFigures.findMeasured(columns, line.row * growth.steps + step - growth.first_step) : null;
    const what = [nameKind(tensor.kind), tensor.tensor, tensor.process].filter(Boolean).join(" · ");
    const words = growthFigures.wordCell(code, measured, tensor.tensor).map((one) => el("div", {}, one));
    tip.replaceChildren(el("strong", {}, tensor.name), el("div", { class: "muted" }, what), el("div", {}, `step ${step}`), ...words);
  }

  /**
   * Put the figures beside a cell, or below the picture where it is narrow.
   * @param {HTMLElement} tip
   * @param {number} x
   * @param {number} y
   * @param {{width: number, height: number, cell: number, rowHeight: number}} place
   */
  function placeTip(tip, x, y, place) {
    tip.hidden = false;
    const isNarrow = place.width < NARROW;
    tip.classList.toggle("docked", isNarrow);
    if (isNarrow) {
      tip.style.left = tip.style.top = "";
      return;
    }
    const offset = Math.max(10, place.cell / 2 + 8);
    const fitsRight = x + offset + tip.offsetWidth < place.width;
    tip.style.left = `${fitsRight ? x + offset : Math.max(0, x - offset - tip.offsetWidth)}px`;
    tip.style.top = `${Math.max(0, Math.min(y + place.rowHeight + 4, place.height - tip.offsetHeight))}px`;
  }

  /**
   * Return the table behind the picture, made when it is opened.
   * @param {Growth} growth
   * @param {GrowthColumns} columns
   */
  function makeTableBehind(growth, columns) {
    return lazyDetails("The same as a table", () => {
      const rows = growthFigures.summariseTensors(growth, columns);
      const count = `${showCount(rows.length)} of ${showCounted(growth.tensors.length, "tensor")} differ in some step.`;
      return el("div", {}, el("p", { class: "muted" }, count), makeTable(...dropEmpty(TABLE, rows), { csvName: "growth", label: "tensors that differ" }));
    });
  }

  /**
   * Leave out the column of processes where there is one process.
   * @param {Column[]} columns
   * @param {Cell[][]} rows
   * @returns {[Column[], Cell[][]]}
   */
  function dropEmpty(columns, rows) {
    const kept = columns.map((_, at) => rows.some((row) => row[at] !== ""));
    return [columns.filter((_, at) => kept[at]), rows.map((row) => row.filter((_, at) => kept[at]))];
  }

  return { makeParts, paintLegend, fillTip, placeTip, makeTableBehind };
})();
