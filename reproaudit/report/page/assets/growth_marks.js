// Owns the colour and the mark of each code of the heat map, and its legend's small pictures.
const growthMarks = (() => {
  const { ABSENT, EQUAL, DIFFERS, UNLIKE, MEASURED, NO_ULP, NAN, placeOnScale } = growthCells;
  const { parseColour } = canvasTools;
  const SMALLEST_MARK = 9; // a cell that has room for a mark
  /** @type {Record<string, number>} */
  const MARKS = { equal: EQUAL, absent: ABSENT, unmeasured: DIFFERS, unlike: UNLIKE, "no-ulp": NO_ULP, nan: NAN, ring: EQUAL };

  const RAMP = Array.from({ length: 9 }, (_, at) => `heat-${at}`);

  class Marks {
    /** @param {number} scaleEnd */
    constructor(scaleEnd) {
      this.scaleEnd = scaleEnd;
      const scratch = document.createElement("canvas");
      this.context = /** @type {CanvasRenderingContext2D} */ (scratch.getContext("2d"));
      this.colours = themeColours();
      /** @type {string[]} of each code */
      this.styles = [];
      this.pixels = new Uint32Array(256);
      this.forgetColours();
    }

    forgetColours() {
      this.colours = themeColours();
      const { colours } = this;
      const ramp = RAMP.map((name) => parseColour(this.context, colours[name]));
      this.styles = [];
      for (let code = 0; code < 256; code++) {
        const [red, green, blue] = this.colourOf(code, ramp);
        this.pixels[code] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
        this.styles.push(`rgb(${red},${green},${blue})`);
      }
    }

    /**
     * @param {number} code
     * @param {[number, number, number][]} ramp
     * @returns {[number, number, number]}
     */
    colourOf(code, ramp) {
      const { colours, context } = this;
      if (code === ABSENT) return parseColour(context, colours.bg);
      if (code === EQUAL) return parseColour(context, colours.panel);
      if (code === DIFFERS || code === NO_ULP) return parseColour(context, colours.unmeasured);
      if (code === UNLIKE) return parseColour(context, colours.unlike);
      if (code === NAN) return parseColour(context, colours.bad);
      const at = Math.min(1, placeOnScale(code, this.scaleEnd)) * (ramp.length - 1);
      const low = Math.min(ramp.length - 2, Math.floor(at));
      /** @param {number} channel */
      const mix = (channel) => Math.round(ramp[low][channel] + (ramp[low + 1][channel] - ramp[low][channel]) * (at - low));
      return [mix(0), mix(1), mix(2)];
    }

    /**
     * What colour alone would not tell.
     * @param {CanvasRenderingContext2D} context
     * @param {number} code
     * @param {number} x
     * @param {number} y
     * @param {number} width
     * @param {number} height
     */
    paintMark(context, code, x, y, width, height) {
      if (width < SMALLEST_MARK || height < SMALLEST_MARK || code === EQUAL) return;
      context.save();
      context.beginPath();
      context.rect(x, y, width, height);
      context.clip();
      context.strokeStyle = context.fillStyle = this.colours.bg;
      context.lineWidth = 1.5;
      const [middle, centre, arm] = [x + width / 2, y + height / 2, Math.min(width, height) / 4];
      context.beginPath();
      if (code === DIFFERS) {
        context.globalAlpha = 0.55;
        for (let offset = -height; offset < width; offset += 5) {
          context.moveTo(x + offset, y + height);
          context.lineTo(x + offset + height, y);
        }
      } else if (code === UNLIKE) {
        context.lineWidth = 2;
        context.moveTo(middle - arm, centre - arm);
        context.lineTo(middle + arm, centre + arm);
        context.moveTo(middle + arm, centre - arm);
        context.lineTo(middle - arm, centre + arm);
      } else if (code === NO_ULP) {
        context.arc(middle, centre, arm * 0.9, 0, 2 * Math.PI);
        context.fill();
      } else if (code === NAN) {
        context.font = `bold ${Math.round(arm * 3)}px sans-serif`;
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillText("N", middle, centre + 1);
      }
      context.stroke();
      context.restore();
    }

    /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
    paintRamp(context, width, height) {
      const octaves = Math.log2(this.scaleEnd);
      for (let x = 0; x < width; x++) {
        const code = Math.min(NO_ULP - 1, MEASURED + Math.round((3 * octaves * x) / (width - 1)));
        context.fillStyle = this.styles[code];
        context.fillRect(x, 0, 1.5, height);
      }
    }

    /** @param {CanvasRenderingContext2D} context @param {string} mark @param {number} size */
    paintSwatch(context, mark, size) {
      const code = MARKS[mark];
      context.clearRect(0, 0, size, size);
      context.fillStyle = this.styles[code];
      context.fillRect(1, 1, size - 2, size - 2);
      context.strokeStyle = this.colours.line;
      context.lineWidth = 1;
      if (code <= EQUAL) context.strokeRect(1.5, 1.5, size - 3, size - 3);
      this.paintMark(context, code, 1, 1, size - 2, size - 2);
      if (mark !== "ring") return;
      context.strokeStyle = this.colours.bad;
      context.lineWidth = 2.5;
      context.beginPath();
      context.roundRect(1.5, 1.5, size - 3, size - 3, 5);
      context.stroke();
    }
  }

  return { makeMarks: (/** @type {number} */ scaleEnd) => new Marks(scaleEnd) };
})();
