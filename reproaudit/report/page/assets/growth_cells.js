// Owns what the heat map shows, without drawing it: which rows, their order, what a cell says.
const growthCells = (() => {
  // The codes of `cells`, as reproaudit/model/growth.py writes them.
  const ABSENT = 0;
  const EQUAL = 1;
  const DIFFERS = 2;
  const UNLIKE = 3;
  const MEASURED = 4;
  const NO_ULP = 254;
  const NAN = 255;
  const STEPS_PER_OCTAVE = 3;
  const MOST_ULP = 2 ** 64; // no dtype has more bits
  const MOST_POWERS = 16; // of 16

  /** @type {Record<string, string>} */
  const KIND_WORDS = { final: "final tensor", saved: "saved tensor" };

  /** @param {string} kind */
  function nameKind(kind) {
    return KIND_WORDS[kind] ?? kind;
  }

  /** @param {number} code */
  function differs(code) {
    return code >= DIFFERS;
  }

  /** @param {number} code */
  function hasDistance(code) {
    return code >= MEASURED && code < NO_ULP;
  }

  /** @param {number} code */
  function ulpOfCode(code) {
    return 2 ** ((code - MEASURED) / STEPS_PER_OCTAVE);
  }

  /**
   * Return the ULPs at the upper end of the colours: a power of 16 that no cell exceeds, from 256 on.
   * @param {Uint8Array} cells
   */
  function findScaleEnd(cells) {
    let largest = MEASURED;
    for (const code of cells) if (code > largest && code < NO_ULP) largest = code;
    const octaves = (largest - MEASURED) / STEPS_PER_OCTAVE;
    return 16 ** Math.max(2, Math.min(MOST_POWERS, Math.ceil(octaves / 4)));
  }

  /**
   * Return where the code stands between 1 ULP (0) and the scale's end (1).
   * @param {number} code
   * @param {number} scaleEnd
   */
  function placeOnScale(code, scaleEnd) {
    return (code - MEASURED) / STEPS_PER_OCTAVE / Math.log2(scaleEnd);
  }

  /**
   * Return some ULPs that the legend names, from 1 on by equal powers of 16.
   * @param {number} scaleEnd
   */
  function listLegendUlps(scaleEnd) {
    const powers = Math.log2(scaleEnd) / 4;
    const stride = Math.ceil(powers / 5);
    const ulps = [];
    for (let power = 0; power <= powers; power += stride) ulps.push(16 ** power);
    return ulps;
  }

  /** @param {number} ulps */
  function showUlp(ulps) {
    if (ulps < 1e6) return canvasTools.showCount(Math.round(ulps));
    const exponent = Math.log2(ulps);
    const sign = Number.isInteger(exponent) ? "" : "≈ ";
    return `${sign}2^${Number(exponent.toFixed(1))}`;
  }

  /**
   * Return a distance that was measured, to the last ULP while anyone would read that.
   * @param {number} ulps
   */
  function showExactUlp(ulps) {
    return ulps < 1e12 ? canvasTools.showCount(ulps) : showUlp(ulps);
  }

  /**
   * Return the modules that a tensor lies in, the outermost first, then its own name.
   * @param {GrowthTensor} tensor
   */
  function splitName(tensor) {
    const parts = [];
    if (tensor.process) parts.push(tensor.process);
    let name = tensor.name;
    if (tensor.kind === "saved" && name.includes(": ")) {
      const [file, ...rest] = name.split(": ");
      parts.push(file);
      name = rest.join(": ");
    }
    // A dot within brackets, as in input["a.b"], parts no modules.
    return parts.concat(name.match(/(?:\[[^\]]*\]|[^.[])+/g) ?? [name]);
  }

  /**
   * Return the modules of these rows as a tree. Modules stand where their first row stands, so that
   * they keep the order of the program. One that holds a single row or a single module is joined
   * with it.
   * @param {GrowthTensor[]} tensors
   * @param {number[]} rows
   * @returns {GrowthModule}
   */
  function makeTree(tensors, rows) {
    const root = makeModule("", "");
    for (const row of rows) {
      const parts = splitName(tensors[row]);
      let module = root;
      for (const part of parts.slice(0, -1)) {
        let child = module.modules.get(part);
        if (!child) {
          child = makeModule(part, module.path ? `${module.path}.${part}` : part);
          module.modules.set(part, child);
          module.children.push(child);
        }
        module.rows.push(row);
        module = child;
      }
      module.rows.push(row);
      module.children.push({ row, label: parts[parts.length - 1] });
    }
    joinLonely(root);
    return root;
  }

  /**
   * @param {string} label
   * @param {string} path
   * @returns {GrowthModule}
   */
  function makeModule(label, path) {
    return { label, path, modules: new Map(), children: [], rows: [] };
  }

  /** @param {GrowthModule} module */
  function joinLonely(module) {
    module.children = module.children.map((child) => {
      let joined = child;
      while ("children" in joined && joined.children.length === 1) {
        const only = joined.children[0];
        joined = { ...only, label: `${joined.label}.${only.label}` };
      }
      if ("children" in joined) joinLonely(joined);
      return joined;
    });
  }

  /**
   * Return the lines of the picture: modules, and below those that are not folded what they hold.
   * @param {GrowthModule} root
   * @param {Set<string>} folded paths of modules
   * @returns {GrowthLine[]}
   */
  function listLines(root, folded) {
    /** @type {GrowthLine[]} */
    const lines = [];
    /** @param {GrowthModule} module @param {number} depth */
    const visit = (module, depth) => {
      for (const child of module.children) {
        if ("children" in child) {
          const isFolded = folded.has(child.path);
          lines.push({ label: child.label, depth, module: child, isFolded, row: -1 });
          if (!isFolded) visit(child, depth + 1);
        } else {
          lines.push({ label: child.label, depth, module: null, isFolded: false, row: child.row });
        }
      }
    };
    visit(root, 0);
    return lines;
  }

  /**
   * Return the modules to fold at first, so that some `most` lines are shown: the deepest go first,
   * but none that holds `row`.
   * @param {GrowthModule} root
   * @param {number} most
   * @param {number} row
   */
  function chooseFolded(root, most, row) {
    /** @type {GrowthModule[][]} */
    const levels = [];
    /** @param {GrowthModule} module @param {number} depth */
    const visit = (module, depth) => {
      for (const child of module.children) {
        if ("children" in child) {
          (levels[depth] ??= []).push(child);
          visit(child, depth + 1);
        }
      }
    };
    visit(root, 0);
    /** @type {Set<string>} */
    const folded = new Set();
    for (const level of levels.reverse()) {
      if (listLines(root, folded).length <= most) break;
      for (const module of level) if (!module.rows.includes(row)) folded.add(module.path);
    }
    return folded;
  }

  /**
   * Return for each step the largest code of these rows.
   * @param {Uint8Array} cells
   * @param {number} steps
   * @param {number[]} rows
   */
  function takeMaximum(cells, steps, rows) {
    const largest = new Uint8Array(steps);
    for (const row of rows) {
      const start = row * steps;
      for (let column = 0; column < steps; column++) {
        const code = cells[start + column];
        if (code > largest[column]) largest[column] = code;
      }
    }
    return largest;
  }

  /**
   * Write into `pooled` the largest code of each of its equal parts of the columns from `from` to
   * `to`, which need not be whole.
   * @param {Uint8Array} codes
   * @param {number} start of the row in `codes`
   * @param {number} from
   * @param {number} to
   * @param {Uint8Array} pooled
   */
  function poolColumns(codes, start, from, to, pooled) {
    const width = (to - from) / pooled.length;
    for (let part = 0; part < pooled.length; part++) {
      const first = Math.floor(from + part * width);
      const end = Math.max(first + 1, Math.ceil(from + (part + 1) * width - 1e-9));
      let largest = 0;
      for (let column = first; column < end; column++) {
        const code = codes[start + column] ?? 0;
        if (code > largest) largest = code;
      }
      pooled[part] = largest;
    }
  }

  /**
   * Return the first cell that differs in the program's order: the earliest step, there the first
   * row. `named` is taken instead where that tensor differs in that step.
   * @param {Growth} growth
   * @param {Uint8Array} cells
   * @param {{name?: string, step?: number} | null} named
   * @returns {GrowthPlace | null}
   */
  function findFirst(growth, cells, named) {
    const steps = growth.steps;
    if (named && named.name !== undefined && named.step !== undefined) {
      const column = named.step - growth.first_step;
      if (column >= 0 && column < steps) {
        for (let row = 0; row < growth.tensors.length; row++) {
          const isNamed = growth.tensors[row].name === named.name;
          if (isNamed && differs(cells[row * steps + column] ?? 0)) return { row, column };
        }
      }
    }
    for (let column = 0; column < steps; column++) {
      for (let row = 0; row < growth.tensors.length; row++) {
        if (differs(cells[row * steps + column] ?? 0)) return { row, column };
      }
    }
    return null;
  }

  /**
   * Return the rows that a person asked for, in the program's order.
   * @param {Growth} growth
   * @param {Uint8Array} cells
   * @param {TextFilter} filter of names
   * @param {string} kind "" is any
   * @param {boolean} onlyDiffering
   */
  function matchRows(growth, cells, filter, kind, onlyDiffering) {
    const rows = [];
    for (const [row, tensor] of growth.tensors.entries()) {
      if (kind && tensor.kind !== kind) continue;
      if (!filter.matches(tensor.name)) continue;
      if (onlyDiffering && !rowDiffers(cells, row, growth.steps)) continue;
      rows.push(row);
    }
    return rows;
  }

  /**
   * @param {Uint8Array} cells
   * @param {number} row
   * @param {number} steps
   */
  function rowDiffers(cells, row, steps) {
    for (let at = row * steps; at < (row + 1) * steps; at++) if (differs(cells[at] ?? 0)) return true;
    return false;
  }

  return {
    ABSENT, EQUAL, DIFFERS, UNLIKE, MEASURED, NO_ULP, NAN, MOST_ULP,
    nameKind, differs, hasDistance, ulpOfCode, findScaleEnd, placeOnScale, listLegendUlps, showUlp, showExactUlp,
    splitName, makeTree, listLines, chooseFolded, takeMaximum, poolColumns, findFirst, matchRows,
  };
})();
