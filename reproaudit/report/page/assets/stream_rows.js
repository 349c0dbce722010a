// Owns which rows of the operator stream are shown, without drawing them. Rows stay in typed arrays:
// there may be a million.
const streamRows = (() => {
  // As RowState and Phase in Python.
  const EQUAL = 0;
  const SOURCE = 1;
  const CARRIER = 2;
  const ABSORBED = 3;
  const ONLY_A = 4;
  const ONLY_B = 5;
  const UNCOMPARED = 6;
  const STATES = 7;
  const PHASES = ["data", "forward", "backward", "optimizer", "initialisation"];

  const CONTEXT = 3; // quiet rows shown on either side of one that differs
  const LEAST_FOLDED = 4;
  const OPENED = 50; // rows shown more at either end of a fold
  const GAP = 0xffffffff;

  /** @param {number} state */
  function isQuiet(state) {
    return state === EQUAL || state === UNCOMPARED;
  }

  /**
   * Return the names of both runs: those of their folders, numbers where these do not tell them apart.
   * @param {AlignedOps} ops
   * @returns {[string, string]}
   */
  function nameRuns(ops) {
    const [first, second] = ops.folders;
    if (first && second && first !== second) return [first, second];
    return [`run ${ops.runs[0]}`, `run ${ops.runs[1]}`];
  }

  /** @param {AlignedOps} ops */
  function listProcesses(ops) {
    return [...new Set(ops.stretches.map((stretch) => stretch.process))];
  }

  /**
   * Decode the rows of a process. Rejects where a column is damaged.
   * @param {AlignedOps} ops
   * @param {string} process
   * @returns {Promise<StreamRows>}
   */
  async function decodeProcess(ops, process) {
    const stretches = ops.stretches.filter((stretch) => stretch.process === process);
    /** @param {(stretch: Stretch) => Packed} choose */
    const decode = async (choose) => joinColumns(await Promise.all(stretches.map((one) => decodeColumn(choose(one)))));
    const [state, phase, op, module, location, step] = await Promise.all([
      decode((one) => one.state),
      decode((one) => one.phase),
      decode((one) => one.op),
      decode((one) => one.module),
      decode((one) => one.location),
      decode((one) => one.step),
    ]);
    const count = state.length;
    for (const column of [phase, op, module, location, step]) {
      if (column.length !== count) throw new Error("the columns of operators are of several lengths");
    }
    checkBelow(state, STATES, "states");
    checkBelow(op, ops.strings.length, "operators");
    checkBelow(module, ops.strings.length, "modules");
    checkBelow(location, ops.locations.length, "places");
    const pieces = [];
    let row = 0;
    for (const stretch of stretches) {
      pieces.push({ row, count: stretch.state.length, firstRow: stretch.first_row });
      row += stretch.state.length;
    }
    const total = Math.max(count, ...stretches.map((stretch) => stretch.total));
    return { process, count, total, pieces, state, phase, op, module, location, step };
  }

  /**
   * @param {ColumnItems[]} columns
   * @returns {ColumnItems}
   */
  function joinColumns(columns) {
    if (columns.length === 1) return columns[0];
    const length = columns.reduce((sum, column) => sum + column.length, 0);
    // Stretches may number their strings in columns of several widths.
    const isSigned = columns.some((column) => column instanceof Int32Array);
    const joined = isSigned ? new Int32Array(length) : new Uint32Array(length);
    let at = 0;
    for (const column of columns) {
      joined.set(column, at);
      at += column.length;
    }
    return joined;
  }

  /**
   * @param {ColumnItems} column
   * @param {number} end
   * @param {string} name
   */
  function checkBelow(column, end, name) {
    for (let row = 0; row < column.length; row++) {
      if (!(column[row] >= 0 && column[row] < end)) throw new Error(`the column of ${name} names number ${column[row]} of ${end}`);
    }
  }

  /** @param {StreamRows} rows */
  function countStates(rows) {
    const counts = new Array(STATES).fill(0);
    for (let row = 0; row < rows.count; row++) counts[rows.state[row]] += 1;
    return counts;
  }

  /** @param {StreamRows} rows */
  function listSources(rows) {
    const sources = [];
    for (let row = 0; row < rows.count; row++) if (rows.state[row] === SOURCE) sources.push(row);
    return Uint32Array.from(sources);
  }

  /** @param {CodeLocation} location */
  function showPlace(location) {
    if (!location.line) return "";
    const cell = location.cell ? `, cell ${location.cell}, line ${location.line}` : `:${location.line}`;
    return location.path + cell;
  }

  /** @param {CodeLocation} location */
  function showLocation(location) {
    const place = showPlace(location);
    return place && location.function && location.function !== "<module>" ? `${place} in ${location.function}` : place;
  }

  /**
   * Return a mark for each row that a person asked for.
   * @param {AlignedOps} ops
   * @param {StreamRows} rows
   * @param {StreamQuery} query
   */
  function matchRows(ops, rows, query) {
    const { filter, phase, onlyDiffering } = query;
    // Each text is looked at once, each row only has its numbers looked up.
    const strings = Uint8Array.from(ops.strings, (text) => Number(filter.matches(text)));
    const places = Uint8Array.from(ops.locations, (location) => Number(filter.matches(showLocation(location))));
    const matched = new Uint8Array(rows.count);
    const all = filter.isEmpty;
    for (let row = 0; row < rows.count; row++) {
      if (phase >= 0 && rows.phase[row] !== phase) continue;
      if (onlyDiffering && isQuiet(rows.state[row])) continue;
      if (all || strings[rows.op[row]] | strings[rows.module[row]] | places[rows.location[row]]) matched[row] = 1;
    }
    return matched;
  }

  /** @param {StreamQuery} query */
  function isWhole(query) {
    return query.filter.isEmpty && !query.filter.fault && query.phase < 0 && !query.onlyDiffering;
  }

  /**
   * Return what is listed: rows, folds of quiet rows, and gaps between the stretches that were kept.
   * With a filter the rows that match it, one below the other.
   * @param {AlignedOps} ops
   * @param {StreamRows} rows
   * @param {StreamQuery} query
   * @param {[from: number, end: number][]} opened rows that were unfolded
   * @returns {StreamItems}
   */
  function listItems(ops, rows, query, opened) {
    const items = new ItemList(rows.count + 2 * rows.pieces.length + 2);
    if (!isWhole(query)) {
      const matched = matchRows(ops, rows, query);
      for (let row = 0; row < rows.count; row++) if (matched[row]) items.addRow(row);
      return items.finish();
    }
    const shown = markShown(rows, opened);
    let kept = 0; // the end of what was kept so far, in the numbers of the whole stream
    for (const piece of rows.pieces) {
      if (piece.firstRow > kept) items.addGap(piece.row, piece.firstRow - kept);
      addPiece(items, shown, piece.row, piece.row + piece.count);
      kept = piece.firstRow + piece.count;
    }
    if (rows.total > kept) items.addGap(rows.count, rows.total - kept);
    return items.finish();
  }

  /**
   * @param {StreamRows} rows
   * @param {[from: number, end: number][]} opened
   */
  function markShown(rows, opened) {
    const shown = new Uint8Array(rows.count);
    let last = -1; // the last row that was marked
    for (let row = 0; row < rows.count; row++) {
      if (isQuiet(rows.state[row])) continue;
      const end = Math.min(rows.count - 1, row + CONTEXT);
      for (let at = Math.max(last + 1, row - CONTEXT); at <= end; at++) shown[at] = 1;
      last = end;
    }
    for (const [from, end] of opened) shown.fill(1, from, end);
    return shown;
  }

  /**
   * @param {ItemList} items
   * @param {Uint8Array} shown
   * @param {number} from
   * @param {number} end
   */
  function addPiece(items, shown, from, end) {
    let row = from;
    while (row < end) {
      if (shown[row]) {
        items.addRow(row);
        row += 1;
        continue;
      }
      let next = row;
      while (next < end && !shown[next]) next += 1;
      if (next - row < LEAST_FOLDED) for (let at = row; at < next; at++) items.addRow(at);
      else items.addFold(row, next - row);
      row = next;
    }
  }

  class ItemList {
    /** @param {number} most */
    constructor(most) {
      this.row = new Uint32Array(most);
      this.folded = new Uint32Array(most);
      /** @type {Map<number, number>} */
      this.gaps = new Map();
      this.length = 0;
      this.rowsShown = 0;
    }

    /** @param {number} row */
    addRow(row) {
      this.row[this.length] = row;
      this.length += 1;
      this.rowsShown += 1;
    }

    /** @param {number} row @param {number} count */
    addFold(row, count) {
      this.row[this.length] = row;
      this.folded[this.length] = count;
      this.length += 1;
    }

    /** @param {number} row @param {number} missing */
    addGap(row, missing) {
      this.row[this.length] = row;
      this.folded[this.length] = GAP;
      this.gaps.set(this.length, missing);
      this.length += 1;
    }

    /** @returns {StreamItems} */
    finish() {
      const { length, rowsShown, gaps } = this;
      return { length, rowsShown, gaps, row: this.row.slice(0, length), folded: this.folded.slice(0, length) };
    }
  }

  /**
   * Return the item that is this row or folds it away; -1 where the row is not listed.
   * @param {StreamItems} items
   * @param {number} row
   */
  function findItem(items, row) {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items.row[middle] <= row) low = middle + 1;
      else high = middle;
    }
    const at = low - 1;
    if (at < 0 || items.folded[at] === GAP) return -1;
    return row < items.row[at] + Math.max(1, items.folded[at]) ? at : -1;
  }

  /**
   * Return the rows to show of a fold that was clicked: all, or some at both ends.
   * @param {number} row
   * @param {number} count
   * @returns {[from: number, end: number][]}
   */
  function openFold(row, count) {
    if (count <= 2 * OPENED + LEAST_FOLDED) return [[row, row + count]];
    return [[row, row + OPENED], [row + count - OPENED, row + count]];
  }

  /**
   * Return for each of `height` equal parts of the list the state to show there: sources first.
   * @param {StreamRows} rows
   * @param {StreamItems} items
   * @param {number} height
   */
  function summariseStates(rows, items, height) {
    const rank = [0, 6, 3, 2, 5, 5, 0];
    const summary = new Uint8Array(height);
    for (let at = 0; at < items.length; at++) {
      if (items.folded[at]) continue;
      const state = rows.state[items.row[at]];
      const first = Math.floor((at * height) / items.length);
      const end = Math.max(first + 1, Math.floor(((at + 1) * height) / items.length));
      for (let part = first; part < end; part++) if (rank[state] > rank[summary[part]]) summary[part] = state;
    }
    return summary;
  }

  /**
   * Return the sources of each step.
   * @param {StreamRows} rows
   * @param {Uint32Array} sources
   */
  function groupByStep(rows, sources) {
    /** @type {Map<number, number[]>} */
    const steps = new Map();
    for (const row of sources) {
      const known = steps.get(rows.step[row]);
      if (known) known.push(row);
      else steps.set(rows.step[row], [row]);
    }
    return steps;
  }

  /**
   * Return the row where a finding was born, -1 where this process does not show it.
   * @param {AlignedOps} ops
   * @param {StreamRows} rows
   * @param {Map<number, number[]>} sources those of each step
   * @param {StreamFinding} finding
   */
  function findFinding(ops, rows, sources, finding) {
    let best = -1;
    let bestScore = 0;
    const phase = PHASES.indexOf(finding.phase);
    for (const row of sources.get(finding.step) ?? []) {
      const place = showPlace(ops.locations[rows.location[row]]);
      const op = ops.strings[rows.op[row]];
      const isPlace = place !== "" && endsAt(finding.place.replace(/ in [^ ]*$/, ""), place);
      const isOp = op === finding.source || op.startsWith(`${finding.source}.`);
      const score = 4 * Number(isPlace) + 2 * Number(isOp) + Number(rows.phase[row] === phase);
      if (score > bestScore) [best, bestScore] = [row, score];
    }
    return bestScore >= 2 ? best : -1;
  }

  /** @param {string} place @param {string} end */
  function endsAt(place, end) {
    return place === end || place.endsWith(`/${end}`) || end.endsWith(`/${place}`);
  }

  /**
   * Return the first row of a step, or of the next one there is; -1 where none follows.
   * @param {StreamRows} rows
   * @param {number} step
   */
  function findStep(rows, step) {
    let next = -1;
    for (let row = 0; row < rows.count; row++) {
      if (rows.step[row] === step) return row;
      if (next < 0 && rows.step[row] > step) next = row;
    }
    return next;
  }

  /**
   * Return a row's number in the whole stream, from 1 on.
   * @param {StreamRows} rows
   * @param {number} row
   */
  function numberRow(rows, row) {
    for (const piece of rows.pieces) if (row < piece.row + piece.count) return piece.firstRow + row - piece.row + 1;
    return row + 1;
  }

  return {
    EQUAL, SOURCE, CARRIER, ABSORBED, ONLY_A, ONLY_B, UNCOMPARED, PHASES, GAP,
    isQuiet, nameRuns, listProcesses, decodeProcess, countStates, listSources, showPlace, showLocation, isWhole, matchRows,
    listItems, findItem, openFold, summariseStates, groupByStep, findFinding, findStep, numberRow,
  };
})();
