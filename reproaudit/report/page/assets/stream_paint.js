// Owns the pixels of the operator stream.
const streamPaint = (() => {
  const { SOURCE, CARRIER, ABSORBED, ONLY_A, ONLY_B, UNCOMPARED, EQUAL, PHASES, GAP, showPlace, isQuiet } = streamRows;
  const { shorten, showCounted } = canvasTools;
  const MARKS = ["=", "★", "≠", "⇥", "−", "+", "·"];
  const TEXT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const SMALL = TEXT.replace("12px", "11px");
  const NARROW = 640;
  const MAP_WIDTH = 16;
  const PAD = 8;

  /**
   * Lay out the columns: both runs side by side, or one list where the picture is narrow.
   * @param {number} width
   * @param {[string, string]} runs
   */
  function layOut(width, runs) {
    const inner = width - MAP_WIDTH - PAD;
    if (width < NARROW) {
      const left = 62;
      const line = Math.min(110, (inner - left) * 0.38);
      const op = inner - left - line - PAD;
      /** @type {StreamSide} */
      const side = {
        run: -1, title: "operator", left, right: inner,
        op: [left, op], module: [left, 0], line: [left + op + PAD, line],
      };
      return { mark: 6, step: 54, phase: 0, sides: [side], mapWidth: MAP_WIDTH };
    }
    const left = 152;
    const half = (inner - left - PAD) / 2;
    const sides = runs.map((run, at) => laySide(at, run, left + at * (half + PAD), half));
    return { mark: 8, step: 64, phase: 72, sides, mapWidth: MAP_WIDTH };
  }

  /**
   * @param {number} run
   * @param {string} title
   * @param {number} left
   * @param {number} width
   * @returns {StreamSide}
   */
  function laySide(run, title, left, width) {
    const inner = width - 2 * PAD;
    const hasModule = inner > 380;
    const line = Math.min(190, inner * (hasModule ? 0.27 : 0.42));
    const module = hasModule ? Math.min(240, inner * 0.3) : 0;
    const op = inner - line - module - (hasModule ? 2 : 1) * PAD;
    const start = left + PAD;
    return {
      run, title, left, right: left + width,
      op: [start, op], module: [start + op + PAD, module], line: [start + inner - line, line],
    };
  }

  class Painter {
    constructor() {
      this.colours = themeColours();
      this.mono = "";
      this.forgetColours();
      /** @type {Map<string, string>} */
      this.shortened = new Map();
    }

    forgetColours() {
      this.colours = themeColours();
      this.mono = `12px ${this.colours.mono || "monospace"}`;
    }

    /** @param {number} state */
    colourOf(state) {
      const { colours } = this;
      if (state === SOURCE) return colours["state-source"];
      if (state === CARRIER) return colours["state-carrier"];
      if (state === ABSORBED) return colours["state-absorbed"];
      if (state === ONLY_A || state === ONLY_B) return colours["state-only"];
      return colours.muted;
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {StreamState} stream
     * @param {StreamPlace} place
     */
    paint(context, stream, place) {
      context.fillStyle = this.colours.bg;
      context.fillRect(0, 0, place.width, place.height);
      context.textBaseline = "middle";
      const from = Math.max(0, Math.floor(place.scroll / place.rowHeight));
      const end = Math.min(stream.items.length, Math.ceil((place.scroll + place.height - place.header) / place.rowHeight));
      for (let item = from; item < end; item++) {
        const y = place.header + item * place.rowHeight - place.scroll;
        if (stream.items.folded[item]) this.paintFold(context, stream, place, item, y);
        else this.paintRow(context, stream, place, item, y);
        if (item === stream.cursor) this.paintCursor(context, place, y);
      }
      if (!stream.items.length) this.paintNothing(context, place);
      this.paintHeader(context, place);
      this.paintMap(context, stream, place);
    }

    /** @param {CanvasRenderingContext2D} context @param {StreamPlace} place */
    paintNothing(context, place) {
      context.font = TEXT;
      context.fillStyle = this.colours.muted;
      context.textAlign = "left";
      context.fillText("no operator matches", place.sides[0].op[0], place.header + place.rowHeight);
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {StreamState} stream
     * @param {StreamPlace} place
     * @param {number} item
     * @param {number} y
     */
    paintRow(context, stream, place, item, y) {
      const { ops, rows, items } = stream;
      const row = items.row[item];
      const state = rows.state[row];
      const middle = y + place.rowHeight / 2;
      this.paintState(context, place, state, y);
      context.textAlign = "center";
      context.fillStyle = this.colourOf(state);
      context.font = `bold ${TEXT}`;
      context.fillText(MARKS[state], place.mark + 7, middle);
      context.font = SMALL;
      context.fillStyle = this.colours.muted;
      context.textAlign = "right";
      context.fillText(String(rows.step[row]), place.step, middle);
      context.textAlign = "left";
      if (place.phase) context.fillText(PHASES[rows.phase[row]] ?? "", place.phase, middle);
      const texts = {
        op: ops.strings[rows.op[row]],
        module: ops.strings[rows.module[row]],
        line: showPlace(ops.locations[rows.location[row]]),
      };
      for (const side of place.sides) {
        const isAbsent = (state === ONLY_A && side.run === 1) || (state === ONLY_B && side.run === 0);
        if (isAbsent) this.paintAbsent(context, place, side, y);
        else this.paintSide(context, side, texts, state, middle);
        if (side === place.sides[0]) continue;
        context.fillStyle = this.colours.line;
        context.fillRect(Math.round(side.left - PAD / 2), y, 1, place.rowHeight);
      }
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {StreamPlace} place
     * @param {number} state
     * @param {number} y
     */
    paintState(context, place, state, y) {
      if (isQuiet(state)) return;
      context.fillStyle = this.colourOf(state);
      context.fillRect(0, y, 3, place.rowHeight);
      if (state === CARRIER) return;
      context.globalAlpha = state === SOURCE ? 0.2 : 0.12;
      context.fillRect(3, y, place.width - place.mapWidth - PAD - 3, place.rowHeight);
      context.globalAlpha = 1;
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {StreamSide} side
     * @param {{op: string, module: string, line: string}} texts
     * @param {number} state
     * @param {number} middle
     */
    paintSide(context, side, texts, state, middle) {
      context.textAlign = "left";
      context.font = state === SOURCE ? `bold ${this.mono}` : this.mono;
      context.fillStyle = isQuiet(state) ? this.colours.muted : this.colours.fg;
      context.fillText(this.fit(context, texts.op, side.op[1]), side.op[0], middle);
      context.font = this.mono;
      context.fillStyle = this.colours.muted;
      if (side.module[1]) context.fillText(this.fit(context, texts.module, side.module[1]), side.module[0], middle);
      context.fillText(this.fitPlace(context, texts.line, side.line[1]), side.line[0], middle);
    }

    /**
     * A side whose run did not make the call: hatched.
     * @param {CanvasRenderingContext2D} context
     * @param {StreamPlace} place
     * @param {StreamSide} side
     * @param {number} y
     */
    paintAbsent(context, place, side, y) {
      context.save();
      context.beginPath();
      context.rect(side.left, y, side.right - side.left, place.rowHeight);
      context.clip();
      context.fillStyle = this.colours.bg;
      context.fillRect(side.left, y, side.right - side.left, place.rowHeight);
      context.strokeStyle = this.colours.line;
      context.lineWidth = 1;
      context.beginPath();
      for (let x = side.left - place.rowHeight; x < side.right; x += 8) {
        context.moveTo(x, y + place.rowHeight);
        context.lineTo(x + place.rowHeight, y);
      }
      context.stroke();
      context.restore();
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {StreamState} stream
     * @param {StreamPlace} place
     * @param {number} item
     * @param {number} y
     */
    paintFold(context, stream, place, item, y) {
      const isGap = stream.items.folded[item] === GAP;
      const right = place.width - place.mapWidth - PAD;
      const middle = y + place.rowHeight / 2;
      context.fillStyle = this.colours.panel;
      context.fillRect(0, y + 1, right, place.rowHeight - 2);
      context.font = isGap ? `italic ${TEXT}` : TEXT;
      context.fillStyle = isGap ? this.colours.muted : this.colours.accent;
      context.textAlign = "center";
      const words = isGap ? `${showCounted(stream.items.gaps.get(item) ?? 0, "operator")} not kept in this file` : `… ${stream.wordFold(item)}`;
      const fitting = this.fit(context, words, right - 24);
      context.fillText(fitting, right / 2, middle);
      const half = context.measureText(fitting).width / 2 + 12;
      context.strokeStyle = this.colours.line;
      context.lineWidth = 1;
      context.setLineDash(isGap ? [2, 4] : []);
      context.beginPath();
      for (const [start, stop] of [[8, right / 2 - half], [right / 2 + half, right - 8]]) {
        if (stop <= start) continue;
        context.moveTo(start, Math.round(middle) + 0.5);
        context.lineTo(stop, Math.round(middle) + 0.5);
      }
      context.stroke();
      context.setLineDash([]);
    }

    /** @param {CanvasRenderingContext2D} context @param {StreamPlace} place @param {number} y */
    paintCursor(context, place, y) {
      context.strokeStyle = this.colours.accent;
      context.lineWidth = 1.5;
      context.strokeRect(1, y + 0.75, place.width - place.mapWidth - PAD, place.rowHeight - 1.5);
    }

    /** @param {CanvasRenderingContext2D} context @param {StreamPlace} place */
    paintHeader(context, place) {
      const { colours } = this;
      context.fillStyle = colours.bg;
      context.fillRect(0, 0, place.width, place.header);
      context.fillStyle = colours.line;
      context.fillRect(0, place.header - 1, place.width - place.mapWidth - PAD, 1);
      const middle = place.header / 2;
      context.font = SMALL;
      context.fillStyle = colours.muted;
      context.textAlign = "right";
      context.fillText("step", place.step, middle);
      context.textAlign = "left";
      if (place.phase) context.fillText("phase", place.phase, middle);
      for (const side of place.sides) {
        context.font = `bold ${TEXT}`;
        context.fillStyle = colours.fg;
        context.fillText(this.fit(context, side.title, side.op[1]), side.op[0], middle);
        context.font = SMALL;
        context.fillStyle = colours.muted;
        if (side.module[1]) context.fillText("module", side.module[0], middle);
        context.fillText("line", side.line[0], middle);
      }
    }

    /**
     * The whole list at the right edge.
     * @param {CanvasRenderingContext2D} context
     * @param {StreamState} stream
     * @param {StreamPlace} place
     */
    paintMap(context, stream, place) {
      const { colours } = this;
      const left = place.width - place.mapWidth;
      const height = place.height - place.header;
      context.fillStyle = colours.panel;
      context.fillRect(left, place.header, place.mapWidth, height);
      const summary = stream.summary(Math.floor(height));
      for (const pass of ["wide", "over"]) {
        for (let y = 0; y < summary.length; y++) {
          const state = summary[y];
          if (state === EQUAL || state === UNCOMPARED || (pass === "over") !== (state === SOURCE)) continue;
          context.fillStyle = this.colourOf(state);
          if (state === SOURCE) context.fillRect(left, place.header + y - 1, place.mapWidth, 2);
          else context.fillRect(left + 4, place.header + y, place.mapWidth - 8, 1);
        }
      }
      const share = height / Math.max(place.content, height);
      const tall = Math.max(10, height * share);
      const top = place.header + Math.min(height - tall, place.scroll * share);
      context.fillStyle = colours.fg;
      context.globalAlpha = 0.15;
      context.fillRect(left, top, place.mapWidth, tall);
      context.globalAlpha = 1;
      context.strokeStyle = colours.fg;
      context.lineWidth = 1;
      context.strokeRect(left + 0.5, top + 0.5, place.mapWidth - 1, tall - 1);
    }

    /**
     * A file is known by its name: folders are left out first.
     * @param {CanvasRenderingContext2D} context
     * @param {string} place
     * @param {number} room
     */
    fitPlace(context, place, room) {
      const whole = this.fit(context, place, room);
      const slash = place.lastIndexOf("/");
      return whole === place || slash < 0 ? whole : this.fit(context, `…${place.slice(slash)}`, room);
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {string} text
     * @param {number} room
     */
    fit(context, text, room) {
      const key = `${context.font}|${Math.floor(room)}|${text}`;
      let short = this.shortened.get(key);
      if (short === undefined) {
        if (this.shortened.size > 5000) this.shortened.clear();
        short = shorten(context, text, room);
        this.shortened.set(key, short);
      }
      return short;
    }
  }

  return { layOut, MARKS, makePainter: () => new Painter() };
})();
