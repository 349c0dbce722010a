// Owns what the pictures on canvases share: sharp pixels, colours, and text that fits.
const canvasTools = (() => {
  const ELLIPSIS = "…";

  /**
   * Give the canvas this size in CSS pixels, and return a context in these units.
   * @param {HTMLCanvasElement} canvas
   * @param {number} width
   * @param {number} height
   */
  function sizeCanvas(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) {
      [canvas.width, canvas.height] = /** @type {[number, number]} */ (pixels);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  }

  /**
   * Return `text` without its middle where it is wider than `width` in the context's font.
   * @param {CanvasRenderingContext2D} context
   * @param {string} text
   * @param {number} width
   */
  function shorten(context, text, width) {
    if (context.measureText(text).width <= width) return text;
    const characters = Array.from(text);
    let fits = 0;
    let tooMany = characters.length;
    while (tooMany - fits > 1) {
      const kept = (fits + tooMany) >> 1;
      const shorter = cutMiddle(characters, kept);
      if (context.measureText(shorter).width <= width) fits = kept;
      else tooMany = kept;
    }
    return fits ? cutMiddle(characters, fits) : "";
  }

  /**
   * @param {string[]} characters
   * @param {number} kept
   */
  function cutMiddle(characters, kept) {
    // The end of a name tells more than its beginning: "layers.…message.weight".
    const head = Math.floor(kept * 0.4);
    const tail = kept - head;
    return characters.slice(0, head).join("") + ELLIPSIS + characters.slice(characters.length - tail).join("");
  }

  /**
   * Return red, green and blue of a colour as CSS writes it.
   * @param {CanvasRenderingContext2D} context
   * @param {string} colour
   * @returns {[number, number, number]}
   */
  function parseColour(context, colour) {
    const before = context.fillStyle;
    context.fillStyle = colour;
    // Opaque colours read back as #rrggbb.
    const number = parseInt(String(context.fillStyle).slice(1), 16);
    context.fillStyle = before;
    return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
  }

  /**
   * Return a function that calls `draw` once before the next frame, however often it is called.
   * @param {() => void} draw
   */
  function oncePerFrame(draw) {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    };
  }

  /**
   * Call `draw` with whether the page is being printed, before and after; before with the light
   * theme set, since paper is white and canvases read their colours themselves.
   * @param {(isPrinting: boolean) => void} draw
   */
  function onPrint(draw) {
    window.addEventListener("beforeprint", () => {
      const { dataset } = document.documentElement;
      const chosen = dataset.theme;
      dataset.theme = "light";
      draw(true);
      if (chosen === undefined) delete dataset.theme;
      else dataset.theme = chosen;
    });
    window.addEventListener("afterprint", () => draw(false));
  }

  /**
   * Have a picture drawn again when its box changes its size, when the theme changes, and for paper.
   * @param {{draw: () => void, recolour: () => void, isPrinting: boolean}} picture
   * @param {Element} box
   */
  function keepDrawn(picture, box) {
    onThemeChange(() => picture.recolour());
    new ResizeObserver(picture.draw).observe(box);
    onPrint((isPrinting) => {
      picture.isPrinting = isPrinting;
      picture.recolour();
    });
  }

  /** @param {number} count */
  function showCount(count) {
    return count.toLocaleString("en-US");
  }

  /**
   * @param {number} count
   * @param {string} noun
   */
  function showCounted(count, noun) {
    return `${showCount(count)} ${noun}${count === 1 ? "" : "s"}`;
  }

  return { sizeCanvas, shorten, parseColour, oncePerFrame, keepDrawn, showCount, showCounted };
})();
