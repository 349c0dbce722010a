// Owns the figures of a heat map's cells: exact where they were measured, and their words.
const growthFigures = (() => {
  const { ABSENT, EQUAL, DIFFERS, UNLIKE, NO_ULP, NAN, MOST_ULP, ulpOfCode, hasDistance, showUlp, showExactUlp } = growthCells;

  /**
   * Decode the columns of a growth.
   * @param {Growth} growth
   * @returns {Promise<GrowthColumns>}
   */
  async function decodeGrowth(growth) {
    const [cells, at, differing, maxUlp, maxAbs] = await Promise.all(
      [growth.cells, growth.at, growth.differing, growth.max_ulp, growth.max_abs].map(decodeColumn),
    );
    if (!(cells instanceof Uint8Array) || cells.length !== growth.tensors.length * growth.steps) {
      throw new Error(
        `the column of cells holds ${growth.cells.length}, not ${growth.tensors.length} tensors × ${growth.steps} steps`,
      );
    }
    if (!cells.length) throw new Error("there is no tensor in any step");
    if (!Number.isSafeInteger(growth.first_step + growth.steps)) throw new Error("its steps have no numbers");
    if (!at || !differing || !maxUlp || !maxAbs || new Set([at, differing, maxUlp, maxAbs].map((c) => c.length)).size > 1) {
      throw new Error("the columns of measured cells are of several lengths");
    }
    return { cells, at, differing, maxUlp, maxAbs };
  }

  /**
   * Return what was measured of the cell of this number, null if nothing was.
   * @param {GrowthColumns} columns
   * @param {number} cell row * steps + column
   * @returns {MeasuredCell | null}
   */
  function findMeasured(columns, cell) {
    let low = 0;
    let high = columns.at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (columns.at[middle] < cell) low = middle + 1;
      else high = middle;
    }
    if (columns.at[low] !== cell) return null;
    const ulp = columns.maxUlp[low] ?? 0;
    return {
      differing: columns.differing[low] ?? 0,
      maxUlp: ulp > 0 && ulp <= MOST_ULP ? ulp : 0,
      maxAbs: columns.maxAbs[low] ?? NaN,
    };
  }

  /**
   * Return the elements of a tensor such as "float32[8, 3]", NaN where the text has no shape.
   * @param {string} tensor
   */
  function countElements(tensor) {
    const shape = /\[([\d, ]*)\]$/.exec(tensor)?.[1];
    if (shape === undefined) return NaN;
    return shape.trim() === "" ? 1 : shape.split(",").reduce((product, size) => product * Number(size), 1);
  }

  /** @param {number} value */
  function showReal(value) {
    return Number(value.toPrecision(2)).toString();
  }

  /** @param {number} share */
  function showShare(share) {
    const percent = 100 * share;
    if (percent > 0 && percent < 0.1) return "below 0.1 %";
    return `${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)} %`;
  }

  /**
   * Say how a tensor compares in a step.
   * @param {number} code
   * @param {MeasuredCell | null} measured
   * @param {string} tensor dtype and shape
   * @returns {string[]} lines
   */
  function wordCell(code, measured, tensor) {
    if (code === ABSENT) return ["not there in this step"];
    if (code === EQUAL) return ["equal to the last bit"];
    if (code === UNLIKE) return ["in one run only, or of another shape or dtype"];
    if (code === DIFFERS) return ["differs; how far was not measured"];
    const lines = [];
    if (code === NO_ULP) lines.push("differs; this dtype has no ULPs");
    else if (code === NAN) lines.push("differs: NaN on one side, or NaNs of other bits");
    else if (measured) lines.push(`at most ${showExactUlp(measured.maxUlp)} ULP apart`);
    else lines.push(`about ${showUlp(ulpOfCode(code))} ULP apart`);
    if (!measured) return lines;
    if (!Number.isNaN(measured.maxAbs)) lines.push(`largest absolute difference ${showReal(measured.maxAbs)}`);
    const elements = countElements(tensor);
    const of = Number.isNaN(elements)
      ? ""
      : ` of ${canvasTools.showCount(elements)} (${showShare(measured.differing / elements)})`;
    lines.push(`${canvasTools.showCount(measured.differing)}${of} elements differ`);
    return lines;
  }

  /**
   * Say the same of the largest cell of a module.
   * @param {number} code
   */
  function wordLargest(code) {
    if (code === ABSENT || code === EQUAL) return "none of its tensors differs";
    if (hasDistance(code)) return `at most about ${showUlp(ulpOfCode(code))} ULP apart`;
    return wordCell(code, null, "")[0];
  }

  /**
   * Return the table behind the picture: one row per tensor that differs anywhere.
   * @param {Growth} growth
   * @param {GrowthColumns} columns
   * @returns {Cell[][]} kind, name, tensor, process, first step that differs, steps that differ, largest distance
   */
  function summariseTensors(growth, columns) {
    const rows = [];
    for (const [row, tensor] of growth.tensors.entries()) {
      let first = -1;
      let count = 0;
      let largest = 0;
      let exact = 0;
      for (let column = 0; column < growth.steps; column++) {
        const code = columns.cells[row * growth.steps + column] ?? 0;
        if (code < DIFFERS) continue;
        if (first < 0) first = growth.first_step + column;
        count += 1;
        if (hasDistance(code) && code >= largest) {
          const measured = findMeasured(columns, row * growth.steps + column);
          if (code > largest) exact = 0;
          exact = Math.max(exact, measured?.maxUlp ?? 0);
          largest = code;
        }
      }
      if (first < 0) continue;
      /** @type {Cell} */
      let distance = { text: "not measured", value: null };
      if (exact) distance = { text: showExactUlp(exact), value: exact };
      else if (largest) distance = { text: `about ${showUlp(ulpOfCode(largest))}`, value: Math.round(ulpOfCode(largest)) };
      rows.push([growthCells.nameKind(tensor.kind), tensor.name, tensor.tensor, tensor.process, first, count, distance]);
    }
    return rows;
  }

  /**
   * Return the tensor's way through the steps, for a chart: null where there is nothing to show.
   * @param {Growth} growth
   * @param {GrowthColumns} columns
   * @param {number} row
   */
  function traceTensor(growth, columns, row) {
    const elements = countElements(growth.tensors[row]?.tensor ?? "");
    /** @type {number[]} */
    const steps = [];
    /** @type {(number | null)[]} */
    const ulps = [];
    /** @type {(number | null)[]} */
    const shares = [];
    for (let column = 0; column < growth.steps; column++) {
      const cell = row * growth.steps + column;
      const code = columns.cells[cell] ?? 0;
      const measured = code >= DIFFERS ? findMeasured(columns, cell) : null;
      const about = hasDistance(code) ? ulpOfCode(code) : null;
      steps.push(growth.first_step + column);
      ulps.push(measured?.maxUlp ? measured.maxUlp : about);
      shares.push(measured?.differing && elements ? (100 * measured.differing) / elements : null);
    }
    return { steps, ulps, shares };
  }

  return { decodeGrowth, findMeasured, countElements, showReal, showShare, wordCell, wordLargest, summariseTensors, traceTensor };
})();
