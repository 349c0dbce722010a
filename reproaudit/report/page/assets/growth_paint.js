// Owns the pixels of the heat map.
const growthPaint = (() => {
  const { ABSENT, UNLIKE, NO_ULP, poolColumns, nameKind } = growthCells;
  const { shorten } = canvasTools;
  const SMALLEST_TILE = 7; // a cell that has a gap around it
  const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const BOLD = `600 ${FONT}`;
  const SMALL = FONT.replace("12px", "10px");
  /** @type {Record<string, string>} */
  const SHORT_KINDS = { gradient: "grad", parameter: "param", output: "out", batch: "batch", saved: "saved", final: "final", buffer: "buffer", state: "state", replica: "replica" };
  class Painter {
    /** @param {number} scaleEnd */
    constructor(scaleEnd) {
      this.scratch = document.createElement("canvas");
      this.context = /** @type {CanvasRenderingContext2D} */ (this.scratch.getContext("2d"));
      /** @type {Map<string, string>} */
      this.shortened = new Map();
      this.marks = growthMarks.makeMarks(scaleEnd);
      /** @type {{lines: GrowthLine[], canvas: HTMLCanvasElement} | null} */
      this.overview = null;
    }

    forgetColours() {
      this.marks.forgetColours();
      this.overview = null;
    }

    get colours() {
      return this.marks.colours;
    }

    /**
     * Return the width that the labels of these lines want.
     * @param {GrowthLine[]} lines
     * @param {number} indent
     */
    measureLabels(lines, indent) {
      this.context.font = BOLD;
      let widest = 60;
      // The widest of thousands of names is not worth measuring each.
      const longest = [...lines].sort((a, b) => b.label.length + b.depth - a.label.length - a.depth).slice(0, 12);
      for (const line of longest) widest = Math.max(widest, this.context.measureText(line.label).width + (line.depth + 1) * indent);
      return widest + 40;
    }

    /**
     * Draw the lines from `from` to `end`, which are in sight.
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     * @param {number} from
     * @param {number} end
     */
    paint(context, map, place, from, end) {
      context.fillStyle = this.colours.bg;
      context.fillRect(0, 0, place.width, place.height);
      context.save();
      context.beginPath();
      context.rect(0, place.header, place.width, place.height - place.header);
      context.clip();
      if (place.cell >= SMALLEST_TILE) this.paintTiles(context, map, place, from, end);
      else this.paintPixels(context, map, place, from, end);
      this.paintLabels(context, map, place, from, end);
      this.paintCursor(context, map, place);
      this.paintRing(context, map, place);
      context.restore();
      this.paintHeader(context, map, place);
      if (place.hasOverview) this.paintOverview(context, map, place);
    }

    /**
     * The whole map at the right edge, and in it what is in sight.
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     */
    paintOverview(context, map, place) {
      const height = Math.floor(place.height - place.header);
      if (this.overview?.lines !== map.lines || this.overview.canvas.height !== height) {
        this.overview = { lines: map.lines, canvas: growthOverview.draw(map, this.marks.pixels, height) };
      }
      const { WIDTH } = growthOverview;
      const left = place.width - WIDTH;
      context.fillStyle = this.colours.bg;
      context.fillRect(left - growthOverview.GAP, 0, WIDTH + growthOverview.GAP, place.height);
      context.drawImage(this.overview.canvas, left, place.header);
      const { steps } = map.growth;
      const whole = place.content - place.header;
      context.strokeStyle = this.colours.fg;
      context.lineWidth = 1.5;
      context.strokeRect(
        left + (map.left / steps) * WIDTH + 0.75,
        place.header + (place.scroll / whole) * height + 0.75,
        (place.columnsShown / steps) * WIDTH - 1.5,
        Math.max(6, (height / whole) * height - 1.5),
      );
    }

    /**
     * @param {HeatMapPlace} place
     * @param {number} line
     */
    top(place, line) {
      return place.header + line * place.rowHeight - place.scroll;
    }

    /**
     * Few large cells: a rectangle each.
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     * @param {number} from
     * @param {number} end
     */
    paintTiles(context, map, place, from, end) {
      const first = Math.floor(map.left);
      const last = Math.min(map.growth.steps, Math.ceil(map.left + place.columnsShown));
      const gap = place.cell >= 14 ? 2 : 1;
      context.save();
      context.beginPath();
      context.rect(place.plot, 0, place.plotWidth + 1, place.height);
      context.clip();
      for (let at = from; at < end; at++) {
        const line = map.lines[at];
        const { codes, start } = map.codesOf(line);
        const isStrip = line.module !== null && !line.isFolded;
        const y = this.top(place, at);
        const high = isStrip ? Math.round(place.rowHeight / 3) : place.rowHeight - gap;
        const top = isStrip ? y + Math.round(place.rowHeight / 3) : y + gap / 2;
        for (let column = first; column < last; column++) {
          const code = codes[start + column];
          if (code === ABSENT) continue;
          const x = Math.round(place.plot + (column - map.left) * place.cell);
          const next = Math.round(place.plot + (column + 1 - map.left) * place.cell);
          context.fillStyle = this.marks.styles[code];
          context.fillRect(x, top, next - x - gap, high);
          if (!isStrip && (code <= UNLIKE || code >= NO_ULP)) this.marks.paintMark(context, code, x, top, next - x - gap, high);
        }
      }
      context.restore();
    }

    /**
     * Many small cells: an image with a pixel for each, or for several, stretched line by line.
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     * @param {number} from
     * @param {number} end
     */
    paintPixels(context, map, place, from, end) {
      const ratio = window.devicePixelRatio || 1;
      const parts = Math.max(1, Math.round(place.plotWidth * ratio));
      const count = end - from;
      if (count <= 0) return;
      const image = new ImageData(parts, count);
      const target = new Uint32Array(image.data.buffer);
      const pooled = new Uint8Array(parts);
      const { pixels } = this.marks;
      for (let at = from; at < end; at++) {
        const { codes, start } = map.codesOf(map.lines[at]);
        poolColumns(codes, start, map.left, Math.min(map.growth.steps, map.left + place.columnsShown), pooled);
        const row = (at - from) * parts;
        for (let part = 0; part < parts; part++) target[row + part] = pixels[/** @type {number} */ (pooled[part])];
      }
      this.scratch.width = parts;
      this.scratch.height = count;
      this.context.putImageData(image, 0, 0);
      context.imageSmoothingEnabled = false;
      for (let at = from; at < end; at++) {
        const line = map.lines[at];
        const isStrip = line.module !== null && !line.isFolded;
        const y = this.top(place, at);
        const third = Math.round(place.rowHeight / 3);
        context.drawImage(this.scratch, 0, at - from, parts, 1, place.plot, isStrip ? y + third : y + 0.5, parts / ratio, isStrip ? third : place.rowHeight - 1);
      }
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     * @param {number} from
     * @param {number} end
     */
    paintLabels(context, map, place, from, end) {
      const { colours } = this;
      context.textBaseline = "middle";
      const kindWidth = 36;
      for (let at = from; at < end; at++) {
        const line = map.lines[at];
        const middle = this.top(place, at) + place.rowHeight / 2;
        const x = 2 + line.depth * place.indent;
        const isHere = map.cursor?.line === at;
        const tensor = line.module ? null : map.growth.tensors[line.row];
        if (map.openRow >= 0 && line.row === map.openRow) {
          context.fillStyle = colours.accent;
          context.fillRect(0, middle - place.rowHeight / 2 + 2, 2, place.rowHeight - 4);
        }
        context.textAlign = "left";
        context.fillStyle = isHere ? colours.accent : colours.fg;
        context.font = line.module ? BOLD : FONT;
        if (line.module) this.paintTriangle(context, x + 5, middle, line.isFolded);
        const room = place.gutter - x - place.indent - (tensor ? kindWidth : 0);
        context.fillText(this.fit(context, line.label, room), x + place.indent, middle);
        context.textAlign = "right";
        context.font = SMALL;
        context.fillStyle = colours.muted;
        if (tensor) context.fillText(SHORT_KINDS[tensor.kind] ?? nameKind(tensor.kind), place.gutter, middle);
        else if (line.isFolded) context.fillText(`× ${canvasTools.showCount(line.module?.rows.length ?? 0)}`, place.gutter, middle);
      }
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {number} x
     * @param {number} y
     * @param {boolean} isFolded
     */
    paintTriangle(context, x, y, isFolded) {
      context.beginPath();
      if (isFolded) {
        context.moveTo(x - 2, y - 4);
        context.lineTo(x + 3, y);
        context.lineTo(x - 2, y + 4);
      } else {
        context.moveTo(x - 4, y - 2);
        context.lineTo(x + 4, y - 2);
        context.lineTo(x, y + 3);
      }
      context.fill();
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {string} label
     * @param {number} room
     */
    fit(context, label, room) {
      const key = `${context.font}|${Math.floor(room)}|${label}`;
      let short = this.shortened.get(key);
      if (short === undefined) {
        if (this.shortened.size > 5000) this.shortened.clear();
        short = shorten(context, label, room);
        this.shortened.set(key, short);
      }
      return short;
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     */
    paintCursor(context, map, place) {
      if (!map.cursor) return;
      const { line, column } = map.cursor;
      const x = place.plot + (column - map.left) * place.cell;
      const wide = Math.max(place.cell, 3);
      context.strokeStyle = this.colours.fg;
      context.lineWidth = 1.5;
      context.strokeRect(x - 0.75, this.top(place, line) + 0.25, wide, place.rowHeight - 1);
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     */
    paintRing(context, map, place) {
      const ringed = map.findRinged();
      if (!ringed) return;
      const x = place.plot + (ringed.column - map.left) * place.cell;
      if (x < place.plot - place.cell || x > place.plot + place.plotWidth) return;
      const y = this.top(place, ringed.line);
      const wide = Math.max(place.cell, 14);
      const left = x + (place.cell - wide) / 2;
      for (const [colour, width] of /** @type {const} */ ([[this.colours.bg, 6], [this.colours.bad, 2.5]])) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.beginPath();
        context.roundRect(left - 2.5, y - 1.5, wide + 3, place.rowHeight + 2, 6);
        context.stroke();
      }
      this.paintCallout(context, left - 10, y + place.rowHeight / 2, place);
    }

    /**
     * Name the ring where there is room: left of it nothing differs.
     * @param {CanvasRenderingContext2D} context
     * @param {number} right
     * @param {number} middle
     * @param {HeatMapPlace} place
     */
    paintCallout(context, right, middle, place) {
      context.font = BOLD;
      const words = "first difference";
      const width = context.measureText(words).width;
      if (right - width - 8 < place.plot) return;
      context.fillStyle = this.colours.bg;
      context.beginPath();
      context.roundRect(right - width - 10, middle - 9, width + 12, 18, 4);
      context.fill();
      context.fillStyle = this.colours.bad;
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(words, right - 4, middle + 0.5);
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     */
    paintHeader(context, map, place) {
      const { colours } = this;
      context.fillStyle = colours.bg;
      context.fillRect(0, 0, place.width, place.header - 1);
      context.font = SMALL;
      context.textBaseline = "middle";
      context.textAlign = "right";
      context.fillStyle = colours.muted;
      context.fillText("step", place.gutter, place.header / 2);
      context.textAlign = "center";
      const last = map.growth.first_step + map.growth.steps - 1;
      const room = context.measureText(String(last)).width + 12;
      const every = niceStride(room / place.cell);
      const here = map.cursor ? map.growth.first_step + map.cursor.column : NaN;
      const from = map.growth.first_step + Math.floor(map.left);
      const to = Math.min(last, from + Math.ceil(place.columnsShown));
      for (let step = Math.ceil(from / every) * every; step <= to; step += every) {
        const isHidden = Math.abs(step - here) * place.cell < room;
        if (!isHidden) this.paintStep(context, map, place, step, colours.muted);
      }
      if (map.cursor) this.paintStep(context, map, place, here, colours.accent);
      this.paintModule(context, map, place);
      if (map.zoom > 1) {
        const share = place.plotWidth / map.growth.steps;
        context.fillStyle = colours.line;
        context.fillRect(place.plot, place.header - 4, place.plotWidth, 3);
        context.fillStyle = colours.accent;
        context.fillRect(place.plot + map.left * share, place.header - 4, Math.max(6, place.columnsShown * share), 3);
      }
    }

    /**
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     * @param {number} step
     * @param {string} colour
     */
    paintStep(context, map, place, step, colour) {
      const gap = place.cell >= SMALLEST_TILE ? 1 : 0;
      const x = place.plot + (step - map.growth.first_step - map.left + 0.5) * place.cell - gap;
      if (x < place.plot - 1 || x > place.plot + place.plotWidth + 1) return;
      const text = String(step);
      context.fillStyle = colour;
      context.fillText(text, Math.min(x, place.width - context.measureText(text).width / 2), place.header / 2);
    }

    /**
     * Name the module of the first line in sight where its own line is out of it.
     * @param {CanvasRenderingContext2D} context
     * @param {HeatMapState} map
     * @param {HeatMapPlace} place
     */
    paintModule(context, map, place) {
      const first = Math.floor(place.scroll / place.rowHeight);
      const depth = map.lines[first]?.depth ?? 0;
      if (!depth) return;
      let above = first;
      while (above > 0 && !(map.lines[above].module && map.lines[above].depth < depth)) above -= 1;
      context.font = BOLD;
      context.textAlign = "left";
      context.fillStyle = this.colours.muted;
      context.fillText(this.fit(context, map.lines[above].module?.path ?? "", place.gutter - 30), 2, place.header / 2);
    }

  }

  /** @param {number} least */
  function niceStride(least) {
    for (let power = 1; ; power *= 10) {
      for (const factor of [1, 2, 5]) if (factor * power >= least) return factor * power;
    }
  }

  return { makePainter: (/** @type {number} */ scaleEnd) => new Painter(scaleEnd) };
})();
