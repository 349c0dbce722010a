// Owns what pointer, wheel and keys do to the operator stream.
const streamInput = (() => {
  /** @param {StreamControl} stream */
  function listen(stream) {
    const { canvas } = stream.parts;
    let isOnMap = false;
    canvas.addEventListener("pointerdown", (event) => {
      isOnMap = isMap(stream, event);
      if (!isOnMap) return;
      canvas.setPointerCapture(event.pointerId);
      jump(stream, event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (isOnMap && event.buttons) jump(stream, event);
      canvas.style.cursor = findItem(stream, event) >= 0 || isMap(stream, event) ? "pointer" : "default";
    });
    canvas.addEventListener("pointerup", (event) => {
      const item = findItem(stream, event);
      if (!isOnMap && item >= 0) stream.activate(item);
      isOnMap = false;
    });
    canvas.addEventListener("pointercancel", () => {
      isOnMap = false;
    });
    canvas.addEventListener("keydown", (event) => handleKey(stream, event));
    stream.container.addEventListener("keydown", (event) => {
      if (event.key === "Escape") stream.close();
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        stream.parts.text.focus();
      }
    });
  }

  /** @param {StreamControl} stream @param {MouseEvent} event */
  function isMap(stream, event) {
    const box = stream.parts.canvas.getBoundingClientRect();
    return event.clientX > box.right - (stream.place?.mapWidth ?? 0);
  }

  /** @param {StreamControl} stream @param {MouseEvent} event */
  function jump(stream, event) {
    const { place } = stream;
    if (!place) return;
    const y = event.clientY - stream.parts.canvas.getBoundingClientRect().top - place.header;
    const height = place.height - place.header;
    stream.scrollTo((y / height) * place.content - height / 2);
  }

  /** @param {StreamControl} stream @param {MouseEvent} event */
  function findItem(stream, event) {
    const { place } = stream;
    if (!place || isMap(stream, event)) return -1;
    const y = event.clientY - stream.parts.canvas.getBoundingClientRect().top - place.header;
    const item = Math.floor((y + place.scroll) / place.rowHeight);
    return y >= 0 && item < stream.items.length ? item : -1;
  }

  /** @param {StreamControl} stream @param {KeyboardEvent} event */
  function handleKey(stream, event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { place, items } = stream;
    const page = Math.max(1, Math.floor(((place?.height ?? 0) - (place?.header ?? 0)) / (place?.rowHeight ?? 1)) - 1);
    const at = stream.cursor;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - page, PageDown: at + page, Home: 0, End: items.length - 1,
    };
    const target = targets[event.key];
    if (target !== undefined) stream.moveTo(target);
    else if (event.key === "Enter" || event.key === " ") stream.activate(at);
    else if (event.key === "n") stream.goToSource(1);
    else if (event.key === "p") stream.goToSource(-1);
    else return;
    event.preventDefault();
  }

  return { listen };
})();
