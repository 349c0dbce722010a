// Columns of numbers, unpacked in the browser.

const COLUMN_TYPES = { "|u1": Uint8Array, "<u2": Uint16Array, "<u4": Uint32Array, "<i4": Int32Array, "<f4": Float32Array, "<f8": Float64Array };

/** Return the numbers of a column. Rejects one that is damaged, or holds more or fewer than it says.
 * @param {Packed} packed */
async function decodeColumn(packed) {
  const compressed = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const items = new COLUMN_TYPES[packed.dtype](await new Response(stream).arrayBuffer());
  if (items.length !== packed.length) throw new Error(`a column holds ${items.length} items, not ${packed.length}`);
  return items;
}
