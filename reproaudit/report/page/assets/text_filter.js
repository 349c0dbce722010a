// Owns what a person types to choose rows: text, or a regular expression between slashes.
/**
 * Return what tells whether a text is wanted. Letters match in either case. Text between slashes is
 * a regular expression; `fault` says what is wrong with one that cannot be read, which matches
 * nothing.
 * @param {string} typed
 * @returns {TextFilter}
 */
function makeTextFilter(typed) {
  const wanted = typed.trim();
  const isExpression = wanted.length > 2 && wanted.startsWith("/") && wanted.endsWith("/");
  if (isExpression) {
    try {
      const expression = new RegExp(wanted.slice(1, -1), "i");
      return { isEmpty: false, fault: "", matches: (text) => expression.test(text) };
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      return { isEmpty: false, fault, matches: () => false };
    }
  }
  const lower = wanted.toLowerCase();
  return {
    isEmpty: lower === "",
    fault: "",
    matches: (text) => text.toLowerCase().includes(lower),
  };
}
