// Owns the heat map: tensors x steps, how far two runs are apart.
const renderGrowth = (() => {
  const { sizeCanvas, showCount, showCounted } = canvasTools;
  const { matchRows, makeTree, listLines, chooseFolded } = growthCells;
  const HEADER = 26;
  const GAP = 10; // between labels and cells
  const INDENT = 13;
  const WIDEST_CELL = 40;
  const LINES_AT_FIRST = 60;
  const MOST_HEIGHT = 660;
  const MOST_ZOOM_CELL = 48;
  const PRINTED_LINES = 90;
  const LEAST_WITH_OVERVIEW = 640; // pixels

  class HeatMap {
    /**
     * @param {HTMLElement} container
     * @param {Growth} growth
     * @param {GrowthColumns} columns
     * @param {{name?: string, step?: number} | null} named
     */
    constructor(container, growth, columns, named) {
      this.growth = growth;
      this.columns = columns;
      this.container = container;
      this.first = growthCells.findFirst(growth, columns.cells, named);
      this.scaleEnd = growthCells.findScaleEnd(columns.cells);
      /** @type {Map<string, Uint8Array>} */
      this.maxima = new Map();
      /** @type {Set<string> | null} paths of modules, null until the first tree is known */
      this.foldedWhole = null;
      /** @type {Set<string> | null} the same, or those that were folded while a name is looked for */
      this.folded = null;
      /** @type {GrowthLine[]} */
      this.lines = [];
      this.left = 0; // the column at the left edge
      this.zoom = 1;
      /** @type {{line: number, column: number} | null} */
      this.cursor = null;
      /** @type {OpenCharts | null} */
      this.charts = null;
      this.openRow = -1;
      this.isPrinting = false;
      this.parts = growthParts.makeParts(growth, columns.cells, this.scaleEnd, this.first);
      container.replaceChildren(...this.parts.all, growthParts.makeTableBehind(growth, columns));
      this.painter = growthPaint.makePainter(this.scaleEnd);
      this.draw = canvasTools.oncePerFrame(() => this.drawNow());
      this.listen();
      this.filter();
    }

    listen() {
      const { parts } = this;
      for (const control of [parts.text, parts.kind, parts.onlyDiffering]) {
        control.addEventListener("input", () => this.filter());
      }
      parts.fold.addEventListener("click", () => this.foldAll(true));
      parts.unfold.addEventListener("click", () => this.foldAll(false));
      parts.zoomIn.addEventListener("click", () => this.zoomBy(2));
      parts.zoomOut.addEventListener("click", () => this.zoomBy(1 / 2));
      parts.zoomFit.addEventListener("click", () => this.zoomBy(0));
      parts.showFirst?.addEventListener("click", () => this.goToFirst());
      parts.scroller.addEventListener("scroll", this.draw, { passive: true });
      growthInput.listen(this);
      canvasTools.keepDrawn(this, parts.scroller);
    }

    recolour() {
      this.painter.forgetColours();
      growthParts.paintLegend(this.parts.legend);
      this.charts?.redraw();
      this.drawNow();
    }

    filter() {
      const { parts, growth } = this;
      const filter = makeTextFilter(parts.text.value);
      const onlyDiffering = parts.onlyDiffering.checked;
      const rows = matchRows(growth, this.columns.cells, filter, parts.kind.value, onlyDiffering);
      this.tree = makeTree(growth.tensors, rows);
      this.maxima.clear();
      this.foldedWhole ??= chooseFolded(this.tree, LINES_AT_FIRST, this.first?.row ?? -1);
      // Who looks for a name wants to see it, not the module that holds it.
      if (filter.isEmpty) this.folded = this.foldedWhole;
      else if (this.folded === this.foldedWhole) this.folded = new Set();
      this.rows = rows;
      parts.text.setAttribute("aria-invalid", String(filter.fault !== ""));
      this.fault = filter.fault;
      this.list();
    }

    list() {
      if (!this.tree || !this.folded) return;
      this.lines = listLines(this.tree, this.folded);
      this.cursor = null;
      this.hideTip();
      const shown = this.rows?.length ?? 0;
      const total = this.growth.tensors.length;
      let status = shown === total ? `${showCounted(total, "tensor")}` : `${showCount(shown)} of ${showCounted(total, "tensor")}`;
      if (this.lines.length < shown) status += `, folded to ${showCounted(this.lines.length, "row")}`;
      if (this.fault) status = `This expression cannot be read: ${this.fault}`;
      this.parts.status.textContent = status;
      this.container.dataset.rowsShown = String(this.lines.length);
      this.container.dataset.tensorsShown = String(shown);
      this.drawNow();
    }

    /** @param {boolean} isFolded */
    foldAll(isFolded) {
      const folded = new Set();
      /** @param {GrowthModule} module */
      const visit = (module) => {
        for (const child of module.children) {
          if (!("children" in child)) continue;
          folded.add(child.path);
          visit(child);
        }
      };
      if (isFolded && this.tree) visit(this.tree);
      if (this.folded === this.foldedWhole) this.foldedWhole = folded;
      this.folded = folded;
      this.list();
    }

    /** @param {GrowthModule} module */
    toggle(module) {
      if (!this.folded?.delete(module.path)) this.folded?.add(module.path);
      const line = this.cursor?.line;
      const column = this.cursor?.column;
      this.list();
      if (line !== undefined && column !== undefined) this.moveTo(line, column, false);
    }

    /** Geometry in CSS pixels of the canvas, as the next frame uses it. */
    measure() {
      const { parts } = this;
      const width = parts.scroller.clientWidth;
      const rowHeight = this.lines.length <= 30 ? 24 : 18;
      const longest = this.painter.measureLabels(this.lines, INDENT);
      const gutter = Math.round(Math.min(longest, width * 0.4));
      const content = HEADER + this.lines.length * rowHeight + 2;
      const most = Math.max(220, Math.min(MOST_HEIGHT, window.innerHeight * 0.75));
      // A scroll bar for a line or two would only be in the way.
      const seen = content < most * 1.2 ? content : most;
      const hasOverview = content > seen && width >= LEAST_WITH_OVERVIEW && !this.isPrinting;
      const overview = hasOverview ? growthOverview.WIDTH + growthOverview.GAP : 4;
      const plotWidth = Math.max(40, width - gutter - GAP - overview);
      const steps = this.growth.steps;
      const fit = Math.min(WIDEST_CELL, plotWidth / steps);
      const cell = Math.min(fit * this.zoom, Math.max(fit, MOST_ZOOM_CELL));
      const columnsShown = Math.min(steps, plotWidth / cell);
      this.left = Math.max(0, Math.min(this.left, steps - columnsShown));
      const height = this.isPrinting ? HEADER + Math.min(this.lines.length, PRINTED_LINES) * rowHeight : seen;
      const scroll = this.isPrinting ? 0 : parts.scroller.scrollTop;
      return { width, height, content, header: HEADER, rowHeight, gutter, indent: INDENT, plot: gutter + GAP, plotWidth: columnsShown * cell, cell, columnsShown, fit, scroll, hasOverview };
    }

    drawNow() {
      const { parts } = this;
      if (!parts.scroller.isConnected || !parts.scroller.clientWidth) return;
      const place = this.measure();
      parts.scroller.style.height = `${place.height}px`;
      parts.spacer.style.height = `${Math.max(0, place.content - place.height)}px`;
      // The scroll bar may have come or gone.
      const settled = this.measure();
      this.place = settled;
      const context = sizeCanvas(parts.canvas, settled.width, settled.height);
      const from = Math.max(0, Math.floor(settled.scroll / settled.rowHeight));
      const end = Math.min(this.lines.length, Math.ceil((settled.scroll + settled.height - HEADER) / settled.rowHeight));
      this.painter.paint(context, this, settled, from, end);
      parts.zoomOut.disabled = parts.zoomFit.disabled = this.zoom <= 1;
      parts.zoomIn.disabled = settled.cell >= Math.max(settled.fit, MOST_ZOOM_CELL);
      const lastStep = Math.ceil(this.left + settled.columnsShown - 0.01) - 1;
      this.container.dataset.stepsShown = [Math.floor(this.left), lastStep].map((column) => this.growth.first_step + column).join(" ");
      this.container.dataset.ringedRow = this.first ? this.growth.tensors[this.first.row].name : "";
      this.container.dataset.ringedStep = this.first ? String(this.growth.first_step + this.first.column) : "";
    }

    /**
     * Return the codes of a line over all steps, and where they begin.
     * @param {GrowthLine} line
     */
    codesOf(line) {
      const { cells } = this.columns;
      const { steps } = this.growth;
      if (!line.module) return { codes: cells, start: line.row * steps };
      let codes = this.maxima.get(line.module.path);
      if (!codes) {
        codes = growthCells.takeMaximum(cells, steps, line.module.rows);
        this.maxima.set(line.module.path, codes);
      }
      return { codes, start: 0 };
    }

    /**
     * Return the line and the column that show the first divergence, null while a filter hides it.
     */
    findRinged() {
      if (!this.first) return null;
      const { row, column } = this.first;
      const line = this.lines.findIndex((one) => (one.module ? one.isFolded && one.module.rows.includes(row) : one.row === row));
      return line < 0 ? null : { line, column };
    }

    goToFirst() {
      const { parts } = this;
      if (!this.findRinged()) {
        parts.text.value = "";
        parts.kind.value = "";
        this.filter();
      }
      const ringed = this.findRinged();
      if (ringed) this.moveTo(ringed.line, ringed.column, true);
      parts.canvas.focus({ preventScroll: true });
    }

    /**
     * Zoom around the middle, or around a column. 0 shows all steps.
     * @param {number} factor
     * @param {number} [around]
     */
    zoomBy(factor, around) {
      const place = this.place ?? this.measure();
      const centre = around ?? this.cursor?.column ?? this.left + place.columnsShown / 2;
      const share = (centre - this.left) / place.columnsShown;
      const most = Math.max(1, MOST_ZOOM_CELL / place.fit);
      this.zoom = factor ? Math.min(most, Math.max(1, this.zoom * factor)) : 1;
      this.left = centre - share * this.measure().columnsShown;
      this.drawNow();
    }

    /** @param {number} columns */
    panBy(columns) {
      this.left += columns;
      this.draw();
    }

    /**
     * Put the cursor on a cell, show its figures, and scroll there where asked.
     * @param {number} line
     * @param {number} column
     * @param {boolean} scroll
     */
    moveTo(line, column, scroll) {
      if (!this.lines.length) return;
      line = Math.max(0, Math.min(this.lines.length - 1, line));
      column = Math.max(0, Math.min(this.growth.steps - 1, column));
      this.cursor = { line, column };
      const place = this.place ?? this.measure();
      if (scroll) {
        const { scroller } = this.parts;
        const top = line * place.rowHeight;
        const inner = place.height - HEADER - 4;
        if (top < scroller.scrollTop) scroller.scrollTop = top;
        else if (top + place.rowHeight > scroller.scrollTop + inner) scroller.scrollTop = top + place.rowHeight - inner;
        if (column < this.left) this.left = column;
        if (column + 1 > this.left + place.columnsShown) this.left = column + 1 - place.columnsShown;
      }
      this.drawNow();
      this.showTip();
    }

    showTip() {
      if (!this.cursor || !this.place) return;
      const line = this.lines[this.cursor.line];
      const step = this.growth.first_step + this.cursor.column;
      const { codes, start } = this.codesOf(line);
      const code = codes[start + this.cursor.column] ?? 0;
      growthParts.fillTip(this.parts.tip, this.growth, this.columns, line, step, code);
      const { place, cursor } = this;
      const x = place.plot + (cursor.column - this.left + 0.5) * place.cell;
      const y = HEADER + cursor.line * place.rowHeight - this.parts.scroller.scrollTop;
      growthParts.placeTip(this.parts.tip, x, y, place);
      this.container.dataset.cursorStep = String(step);
      this.container.dataset.cursorRow = line.module ? line.module.path : this.growth.tensors[line.row]?.name;
    }

    hideTip() {
      this.parts.tip.hidden = true;
    }

    /** Open what the cursor stands on: a tensor's charts, or what a module holds. */
    open() {
      const line = this.cursor && this.lines[this.cursor.line];
      if (!line) return;
      if (line.module) {
        this.toggle(line.module);
        return;
      }
      this.close();
      this.openRow = line.row;
      const { detail } = this.parts;
      detail.hidden = false;
      this.container.dataset.open = this.growth.tensors[line.row]?.name;
      this.charts = growthDetail.showTensor(detail, this.growth, this.columns, line.row, () => {
        this.close();
        this.parts.canvas.focus();
      });
      this.drawNow();
    }

    close() {
      this.charts?.stop();
      this.charts = null;
      this.parts.detail.hidden = true;
      this.parts.detail.replaceChildren();
      this.openRow = -1;
      delete this.container.dataset.open;
    }
  }

  /**
   * Draw how the tensors of two runs part over the steps. Rejects where the data is damaged.
   * @param {HTMLElement} container
   * @param {Growth} growth
   * @param {{name?: string, step?: number} | null} finding
   * @returns {Promise<void>}
   */
  return async function renderGrowth(container, growth, finding) {
    container.classList.add("growth");
    const columns = await growthFigures.decodeGrowth(growth);
    new HeatMap(container, growth, columns, finding);
  };
})();
