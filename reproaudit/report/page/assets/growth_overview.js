// Owns the small picture of the whole heat map beside it, where only a part is in sight.
const growthOverview = (() => {
  const { poolColumns } = growthCells;
  const WIDTH = 64;
  const GAP = 12;

  /**
   * Return the largest code of each of `width` x `height` equal parts of the map.
   * @param {HeatMapState} map
   * @param {number} width
   * @param {number} height
   */
  function poolMap(map, width, height) {
    const codes = new Uint8Array(width * height);
    const pooled = new Uint8Array(width);
    for (const [at, line] of map.lines.entries()) {
      // What an open module holds comes below it.
      if (line.module && !line.isFolded) continue;
      const row = map.codesOf(line);
      poolColumns(row.codes, row.start, 0, map.growth.steps, pooled);
      const first = Math.floor((at * height) / map.lines.length);
      const end = Math.max(first + 1, Math.floor(((at + 1) * height) / map.lines.length));
      for (let y = first; y < end; y++) {
        for (let x = 0; x < width; x++) codes[y * width + x] = Math.max(codes[y * width + x], pooled[x]);
      }
    }
    return codes;
  }

  /**
   * Return the map as a canvas of this size.
   * @param {HeatMapState} map
   * @param {Uint32Array} pixels of each code
   * @param {number} height
   */
  function draw(map, pixels, height) {
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = height;
    const image = new ImageData(WIDTH, height);
    new Uint32Array(image.data.buffer).set(Uint32Array.from(poolMap(map, WIDTH, height), (code) => pixels[code]));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.putImageData(image, 0, 0);
    return canvas;
  }

  /**
   * Return what the heat map is to show when the pointer is there, null where that is no overview.
   * @param {HeatMapPlace} place
   * @param {number} x
   * @param {number} y
   * @param {number} steps
   * @returns {{scroll: number, left: number} | null}
   */
  function findPlace(place, x, y, steps) {
    const start = place.width - WIDTH;
    if (!place.hasOverview || x < start) return null;
    const inner = place.height - place.header;
    const whole = place.content - place.header;
    return {
      scroll: ((y - place.header) / inner) * whole - inner / 2,
      left: ((x - start) / WIDTH) * steps - place.columnsShown / 2,
    };
  }

  return { WIDTH, GAP, poolMap, draw, findPlace };
})();
