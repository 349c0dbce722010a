// Owns the way from a packed column of the payload to a typed array.
const decodeColumn = (() => {
  /** @type {Record<string, (bytes: ArrayBuffer) => ColumnItems>} */
  const MAKERS = {
    "|u1": (bytes) => new Uint8Array(bytes),
    "<u2": (bytes) => new Uint16Array(bytes),
    "<u4": (bytes) => new Uint32Array(bytes),
    "<i4": (bytes) => new Int32Array(bytes),
    "<f4": (bytes) => new Float32Array(bytes),
    "<f8": (bytes) => new Float64Array(bytes),
  };
  /** @type {Record<string, number>} */
  const ITEM_BYTES = { "|u1": 1, "<u2": 2, "<u4": 4, "<i4": 4, "<f4": 4, "<f8": 8 };

  // A few kilobytes may claim to be gigabytes. Whole streams have columns of some megabytes.
  const MOST_BYTES = 256 << 20;

  /** @param {string} text */
  function decodeBase64(text) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  }

  /**
   * Decompress into `size` bytes. Throws if there are fewer, or more: never are more made.
   * @param {Uint8Array<ArrayBuffer>} compressed
   * @param {number} size
   */
  async function inflate(compressed, size) {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("this browser is too old to decompress it");
    }
    const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const reader = stream.getReader();
    const bytes = new Uint8Array(size);
    let filled = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > size) {
        await reader.cancel();
        throw new Error(`it holds more than ${size} bytes`);
      }
      bytes.set(value, filled);
      filled += value.length;
    }
    if (filled !== size) throw new Error(`it holds ${filled} bytes, not ${size}`);
    return bytes.buffer;
  }

  /**
   * Return the items of a column. Throws an Error with a sentence if the column is damaged.
   * @param {Packed} packed
   * @returns {Promise<ColumnItems>}
   */
  async function decode(packed) {
    const make = MAKERS[packed.dtype];
    try {
      if (!make) throw new Error(`there is no type ${packed.dtype}`);
      const size = packed.length * (ITEM_BYTES[packed.dtype] ?? 0);
      if (size > MOST_BYTES) throw new Error(`it would take ${size} bytes`);
      return make(await inflate(decodeBase64(packed.data), size));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`a column of this page's data cannot be read: ${reason}`);
    }
  }

  return decode;
})();
