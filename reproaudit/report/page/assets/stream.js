// Owns the operator stream: both runs side by side, aligned, around any place.
const renderStream = (() => {
  const { sizeCanvas, showCount, showCounted } = canvasTools;
  const HEADER = 26;
  const ROW = 22;
  const MOST_HEIGHT = 620;
  const PRINTED_ROWS = 60;
  const MOST_FINDINGS = 500; // of which one may be chosen from a list
  // Browsers lay out no element that is higher than some 17 million pixels.
  const MOST_PIXELS = 8_000_000;
  /** @type {StreamItems} */
  const NO_ITEMS = { length: 0, rowsShown: 0, row: new Uint32Array(0), folded: new Uint32Array(0), gaps: new Map() };

  class Stream {
    /**
     * @param {HTMLElement} container
     * @param {AlignedOps} ops
     * @param {StreamRows} rows
     * @param {StreamFinding[]} findings
     */
    constructor(container, ops, rows, findings) {
      this.container = container;
      this.ops = ops;
      this.rows = rows;
      this.findings = findings;
      this.items = NO_ITEMS;
      this.cursor = 0;
      this.openRow = -1;
      this.top = 0; // pixels of the whole list above the first that is seen
      this.set = -1; // where the scroller was put, not dragged
      this.isPrinting = false;
      /** @type {Uint8Array | null} */
      this.states = null;
      /** @type {[from: number, end: number][]} */
      this.opened = [];
      /** @type {Map<number, string>} */
      this.foldWords = new Map();
      this.painter = streamPaint.makePainter();
      this.draw = canvasTools.oncePerFrame(() => this.drawNow());
      this.parts = streamParts.makeParts(ops, findings, streamRows.listProcesses(ops));
      container.replaceChildren(...this.parts.all, streamParts.makeTableBehind(ops, () => this.rows));
      this.listen();
      this.takeRows(rows);
      this.goToStart();
    }

    listen() {
      const { parts } = this;
      for (const control of [parts.text, parts.phase, parts.onlyDiffering]) {
        control.addEventListener("input", () => this.list());
      }
      parts.process.addEventListener("change", () => this.changeProcess());
      parts.next.addEventListener("click", () => this.goToSource(1));
      parts.previous.addEventListener("click", () => this.goToSource(-1));
      parts.step.addEventListener("change", () => this.goToStep());
      parts.finding.addEventListener("change", () => {
        if (parts.finding.value !== "") this.goToRow(Number(parts.finding.value));
      });
      parts.scroller.addEventListener("scroll", () => this.followScroller(), { passive: true });
      parts.scroller.addEventListener("wheel", (event) => this.turn(event), { passive: false });
      streamInput.listen(this);
      canvasTools.keepDrawn(this, parts.scroller);
    }

    recolour() {
      this.painter.forgetColours();
      this.drawNow();
    }

    /** @param {StreamRows} rows */
    takeRows(rows) {
      this.rows = rows;
      this.opened = [];
      this.foldWords.clear();
      this.sources = streamRows.listSources(rows);
      this.counts = streamRows.countStates(rows);
      this.container.dataset.rowsTotal = String(rows.count);
      const { parts } = this;
      streamParts.fillLegend(parts.legend, this.ops, this.counts);
      parts.next.disabled = parts.previous.disabled = !this.sources.length;
      this.listFindings();
      this.close();
      this.list();
    }

    listFindings() {
      const { finding } = this.parts;
      const options = [];
      const sources = streamRows.groupByStep(this.rows, this.sources ?? new Uint32Array());
      for (const one of this.findings) {
        if (options.length === MOST_FINDINGS) break;
        const row = streamRows.findFinding(this.ops, this.rows, sources, one);
        if (row >= 0) options.push(new Option(`${one.number}: ${one.source || one.place}, step ${one.step}`, String(row)));
      }
      finding.replaceChildren(new Option("go to finding …", ""), ...options);
      finding.hidden = !options.length;
    }

    /** Show the first source, or the first row that differs; where all are equal nothing is opened. */
    goToStart() {
      const differs = (/** @type {number} */ state) => !streamRows.isQuiet(state);
      const start = this.sources?.[0] ?? this.rows.state.findIndex(differs);
      if (start >= 0) this.goToRow(start);
    }

    async changeProcess() {
      try {
        this.takeRows(await streamRows.decodeProcess(this.ops, this.parts.process.value));
      } catch (error) {
        console.error(error);
        this.parts.status.textContent = error instanceof Error ? error.message : String(error);
        return;
      }
      this.goToStart();
    }

    /** @returns {StreamQuery} */
    get query() {
      const { parts } = this;
      return { filter: makeTextFilter(parts.text.value), phase: Number(parts.phase.value), onlyDiffering: parts.onlyDiffering.checked };
    }

    list() {
      const { parts, rows } = this;
      const query = this.query;
      const row = this.items.row[this.cursor] ?? 0;
      this.items = streamRows.listItems(this.ops, rows, query, this.opened);
      this.states = null;
      this.cursor = Math.max(0, streamRows.findItem(this.items, row));
      const shown = this.items.rowsShown;
      const total = showCounted(rows.count, "aligned operator");
      let status = `${total}, ${showCounted(this.sources?.length ?? 0, "source")}`;
      if (!streamRows.isWhole(query)) status = `${showCount(shown)} of ${total}`;
      if (rows.total > rows.count) status += `; ${showCount(rows.total - rows.count)} more were not kept in this file`;
      if (this.ops.left_out_rows) status += `; ${showCount(this.ops.left_out_rows)} of other processes are not shown`;
      if (query.filter.fault) status = `This expression cannot be read: ${query.filter.fault}`;
      parts.text.setAttribute("aria-invalid", String(query.filter.fault !== ""));
      parts.status.textContent = status;
      this.container.dataset.rowsShown = String(shown);
      this.container.dataset.filter = parts.text.value;
      this.drawNow();
      this.scrollTo(streamRows.isWhole(query) ? this.centre(this.cursor) : 0);
      this.sayHere();
    }

    /** @param {number} item */
    wordFold(item) {
      const { row, folded } = this.items;
      let words = this.foldWords.get(row[item]);
      if (words === undefined) {
        let compared = 0;
        const end = row[item] + folded[item];
        for (let at = row[item]; at < end; at++) if (this.rows.state[at] === streamRows.EQUAL) compared += 1;
        const others = folded[item] - compared;
        words = others ? `${showCounted(folded[item], "operator")}: ${showCount(compared)} equal, ${showCount(others)} not compared` : showCounted(compared, "equal operator");
        this.foldWords.set(row[item], words);
      }
      return words;
    }

    /** @param {number} height */
    summary(height) {
      const known = this.states;
      if (known?.length === height) return known;
      const states = streamRows.summariseStates(this.rows, this.items, height);
      this.states = states;
      return states;
    }

    /** @returns {StreamPlace} */
    measure() {
      const width = this.parts.scroller.clientWidth;
      const content = this.items.length * ROW;
      const most = this.isPrinting ? PRINTED_ROWS * ROW : Math.max(240, Math.min(MOST_HEIGHT, window.innerHeight * 0.7));
      const height = HEADER + Math.min(Math.max(content, 2 * ROW), most - HEADER);
      const scroll = Math.max(0, Math.min(this.top, content - (height - HEADER)));
      return { ...streamPaint.layOut(width, streamRows.nameRuns(this.ops)), width, height, header: HEADER, rowHeight: ROW, content, scroll };
    }

    drawNow() {
      const { parts } = this;
      if (!parts.scroller.isConnected || !parts.scroller.clientWidth) return;
      const before = this.measure();
      const height = `${before.height}px`;
      if (parts.scroller.style.height !== height) parts.scroller.style.height = height;
      const room = `${this.findRoom(before)}px`;
      if (parts.spacer.style.height !== room) parts.spacer.style.height = room;
      // The scroll bar may have come or gone.
      const place = this.measure();
      this.place = place;
      this.top = place.scroll;
      this.painter.paint(sizeCanvas(parts.canvas, place.width, place.height), this, place);
    }

    /**
     * Return how far the scroller can be scrolled: as far as the list, unless it is too long.
     * @param {StreamPlace} place
     */
    findRoom(place) {
      return Math.min(MOST_PIXELS, Math.max(0, place.content + place.header - place.height));
    }

    /**
     * Return how many pixels of the list one of the scroller's stands for.
     * @param {StreamPlace} place
     */
    findScale(place) {
      const room = this.findRoom(place);
      return room ? (place.content + place.header - place.height) / room : 1;
    }

    followScroller() {
      const { scroller } = this.parts;
      if (Math.abs(scroller.scrollTop - this.set) < 1) return;
      this.set = -1;
      this.top = scroller.scrollTop * this.findScale(this.place ?? this.measure());
      this.draw();
    }

    /**
     * A turn of the wheel moves the list by as many pixels, however long it is.
     * @param {WheelEvent} event
     */
    turn(event) {
      const place = this.place;
      if (!place || event.ctrlKey || this.findScale(place) === 1) return;
      event.preventDefault();
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? ROW : 1;
      this.scrollTo(this.top + event.deltaY * unit);
    }

    /** @param {number} pixels */
    scrollTo(pixels) {
      const place = this.measure();
      this.top = Math.max(0, Math.min(pixels, place.content + place.header - place.height));
      this.parts.scroller.scrollTop = this.top / this.findScale(place);
      this.set = this.parts.scroller.scrollTop;
      this.draw();
    }

    /** @param {number} item */
    centre(item) {
      const place = this.measure();
      return item * ROW - (place.height - HEADER) / 3;
    }

    /** @param {number} item */
    moveTo(item) {
      if (!this.items.length) return;
      this.cursor = Math.max(0, Math.min(this.items.length - 1, item));
      const place = this.measure();
      const y = this.cursor * ROW;
      const inner = place.height - HEADER;
      if (y < this.top) this.scrollTo(y);
      else if (y + ROW > this.top + inner) this.scrollTo(y + ROW - inner);
      this.sayHere();
      this.draw();
    }

    /**
     * Show a row, unfolded and free of filters that hide it.
     * @param {number} row
     */
    goToRow(row) {
      let item = streamRows.findItem(this.items, row);
      if (item < 0) {
        const { parts } = this;
        parts.text.value = "";
        parts.phase.value = "-1";
        parts.onlyDiffering.checked = false;
        this.list();
        item = streamRows.findItem(this.items, row);
      }
      if (item >= 0 && this.items.folded[item]) {
        this.opened.push([Math.max(0, row - 5), Math.min(this.rows.count, row + 20)]);
        this.foldWords.clear();
        this.list();
        item = streamRows.findItem(this.items, row);
      }
      if (item < 0) return;
      this.cursor = item;
      this.scrollTo(this.centre(item));
      this.sayHere();
    }

    /** @param {1 | -1} direction */
    goToSource(direction) {
      const here = this.items.row[this.cursor] ?? 0;
      const sources = this.sources ?? new Uint32Array();
      const listed = [...sources].filter((row) => streamRows.findItem(this.items, row) >= 0);
      const next = direction > 0 ? listed.find((row) => row > here) : listed.filter((row) => row < here).pop();
      if (next !== undefined) this.goToRow(next);
    }

    goToStep() {
      const { step } = this.parts;
      if (step.value === "") return;
      const row = streamRows.findStep(this.rows, Number(step.value));
      if (row >= 0) this.goToRow(row);
      else this.parts.status.textContent = `There is no operator of step ${step.value} here.`;
    }

    /** Open a fold, or show a row in full.
     * @param {number} item */
    activate(item) {
      const { row, folded } = this.items;
      if (item >= this.items.length || folded[item] === streamRows.GAP) return;
      if (folded[item]) {
        this.opened.push(...streamRows.openFold(row[item], folded[item]));
        this.foldWords.clear();
        const top = this.top;
        this.list();
        this.cursor = item;
        this.scrollTo(top);
        this.sayHere();
        return;
      }
      this.cursor = item;
      this.openRow = row[item];
      this.container.dataset.open = String(row[item]);
      streamParts.fillDetail(this.parts.detail, this.ops, this.rows, row[item], () => {
        this.close();
        this.parts.canvas.focus();
      });
      this.sayHere();
      this.draw();
    }

    close() {
      this.openRow = -1;
      this.parts.detail.hidden = true;
      delete this.container.dataset.open;
    }

    sayHere() {
      const { items, cursor, rows } = this;
      const { here } = this.parts;
      const folded = items.folded[cursor];
      if (!items.length) here.textContent = "";
      else if (folded === streamRows.GAP) here.textContent = `${showCounted(items.gaps.get(cursor) ?? 0, "operator")} not kept in this file`;
      else if (folded) here.textContent = this.wordFold(cursor);
      else here.textContent = streamParts.wordRow(this.ops, rows, items.row[cursor]);
      this.container.dataset.cursorRow = items.length && !folded ? String(items.row[cursor]) : "";
    }
  }

  /**
   * Draw the operators of two runs. Rejects where the data is damaged.
   * @param {HTMLElement} container
   * @param {AlignedOps} ops
   * @param {{findings: StreamFinding[]}} options
   * @returns {Promise<void>}
   */
  return async function renderStream(container, ops, options) {
    container.classList.add("stream");
    const [process] = streamRows.listProcesses(ops);
    if (process === undefined) {
      container.replaceChildren(el("p", { class: "muted" }, "No operators of two runs were kept."));
      return;
    }
    new Stream(container, ops, await streamRows.decodeProcess(ops, process), options.findings);
  };
})();
