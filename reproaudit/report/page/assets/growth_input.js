// Owns what pointer, wheel and keys do to the heat map.
const growthInput = (() => {
  const DRAG_FROM = 4; // pixels before a press becomes a pan

  /** @param {HeatMapControl} map */
  function listen(map) {
    const { canvas, tip } = map.parts;
    /** @type {{x: number, left: number, isDrag: boolean, was: string} | null} */
    let press = null;

    let isOnOverview = false;

    canvas.addEventListener("pointermove", (event) => {
      if (isOnOverview && event.buttons) {
        jump(map, event);
        return;
      }
      if (press && event.buttons) {
        const moved = event.clientX - press.x;
        if (!press.isDrag && (Math.abs(moved) < DRAG_FROM || map.zoom <= 1)) return;
        press.isDrag = true;
        map.hideTip();
        map.left = press.left - moved / (map.place?.cell ?? 1);
        map.draw();
        return;
      }
      if (event.pointerType === "touch") return;
      const spot = find(map, event);
      canvas.style.cursor = spot ? "pointer" : "default";
      if (spot && spot.column >= 0) map.moveTo(spot.line, spot.column, false);
      else leave(map);
    });
    canvas.addEventListener("pointerleave", (event) => {
      // Figures that a tap or a key asked for stay.
      if (!press && event.pointerType === "mouse" && document.activeElement !== canvas) leave(map);
    });
    canvas.addEventListener("pointerdown", (event) => {
      isOnOverview = jump(map, event);
      if (isOnOverview) {
        canvas.setPointerCapture(event.pointerId);
        return;
      }
      press = { x: event.clientX, left: map.left, isDrag: false, was: map.cursor ? `${map.cursor.line}/${map.cursor.column}` : "" };
      if (event.pointerType !== "touch") canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointercancel", () => {
      isOnOverview = false;
      press = null;
    });
    canvas.addEventListener("pointerup", (event) => {
      const was = press;
      isOnOverview = false;
      press = null;
      if (!was || was.isDrag) return;
      const spot = find(map, event);
      if (!spot) return;
      const line = map.lines[spot.line];
      if (spot.column < 0) {
        if (line?.module) map.toggle(line.module);
        else {
          map.moveTo(spot.line, map.cursor?.column ?? 0, false);
          map.open();
        }
        return;
      }
      map.moveTo(spot.line, spot.column, false);
      // A first tap gives the figures, as hovering does for a mouse.
      if (event.pointerType !== "touch" || was.was === `${spot.line}/${spot.column}`) map.open();
    });
    canvas.addEventListener("wheel", (event) => turn(map, event), { passive: false });
    canvas.addEventListener("keydown", (event) => handleKey(map, event));
    tip.addEventListener("click", () => map.open());
    map.container.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        map.close();
        leave(map);
      }
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        map.parts.text.focus();
      }
    });
  }

  /**
   * Show the part of the map that the pointer names in the overview; false where it is not there.
   * @param {HeatMapControl} map
   * @param {MouseEvent} event
   */
  function jump(map, event) {
    if (!map.place) return false;
    const box = map.parts.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const wanted = growthOverview.findPlace(map.place, x, event.clientY - box.top, map.growth.steps);
    if (!wanted) return false;
    leave(map);
    map.parts.scroller.scrollTop = wanted.scroll;
    map.left = wanted.left;
    map.draw();
    return true;
  }

  /** @param {HeatMapControl} map */
  function leave(map) {
    if (!map.cursor) return;
    map.cursor = null;
    map.hideTip();
    map.draw();
  }

  /**
   * Return the cell below the pointer; column -1 is the label.
   * @param {HeatMapControl} map
   * @param {MouseEvent} event
   */
  function find(map, event) {
    const { place } = map;
    if (!place) return null;
    const box = map.parts.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const line = Math.floor((y - place.header + place.scroll) / place.rowHeight);
    if (y < place.header || line < 0 || line >= map.lines.length) return null;
    if (x < place.plot) return { line, column: -1 };
    if (x >= place.plot + place.plotWidth) return null;
    return { line, column: findColumn(map, line, x - place.plot) };
  }

  /**
   * Return the column at this distance: of several in one pixel the one that gave it its colour.
   * @param {HeatMapControl} map
   * @param {number} line
   * @param {number} x
   */
  function findColumn(map, line, x) {
    const cell = map.place?.cell ?? 1;
    const at = Math.floor(map.left + x / cell);
    if (cell >= 1) return at;
    const { codes, start } = map.codesOf(map.lines[line]);
    let best = at;
    const end = Math.min(map.growth.steps, Math.ceil(map.left + (x + 1) / cell));
    for (let column = at; column < end; column++) {
      if ((codes[start + column] ?? 0) > (codes[start + best] ?? 0)) best = column;
    }
    return best;
  }

  /** @param {HeatMapControl} map @param {WheelEvent} event */
  function turn(map, event) {
    const place = map.place;
    if (!place) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const x = event.clientX - map.parts.canvas.getBoundingClientRect().left - place.plot;
      map.zoomBy(2 ** (-event.deltaY / 200), map.left + Math.max(0, x) / place.cell);
      return;
    }
    const sideways = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
    if (!sideways || map.zoom <= 1) return;
    event.preventDefault();
    map.panBy(sideways / place.cell);
  }

  /** @param {HeatMapControl} map @param {KeyboardEvent} event */
  function handleKey(map, event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = map.cursor ?? map.findRinged() ?? { line: 0, column: 0 };
    const page = Math.max(1, Math.floor(((map.place?.height ?? 0) - 40) / (map.place?.rowHeight ?? 1)));
    const isFresh = !map.cursor;
    /** @type {Record<string, [number, number]>} */
    const moves = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      PageUp: [-page, 0], PageDown: [page, 0], Home: [0, -at.column], End: [0, map.growth.steps],
    };
    const move = moves[event.key];
    if (move) {
      const [lines, columns] = isFresh ? [0, 0] : move;
      map.moveTo(at.line + lines, at.column + columns, true);
    } else if (event.key === "Enter" || event.key === " ") map.open();
    else if (event.key === "+" || event.key === "=") map.zoomBy(2);
    else if (event.key === "-") map.zoomBy(1 / 2);
    else if (event.key === "0") map.zoomBy(0);
    else return;
    event.preventDefault();
  }

  return { listen };
})();
