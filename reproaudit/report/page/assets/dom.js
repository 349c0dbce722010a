// Elements, made one by one and filled with text: nothing of the facts is ever read as HTML.

/** @typedef {string | number | Node | null | undefined | false} Child */
/** @typedef {{ [name: string]: string | number | boolean | null | undefined | ((event: any) => void) }} Attributes */

/** @param {Element} node @param {Attributes} attributes @param {Array<Child | Child[]>} children */
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false || child === "") continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]} */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  fill(node, attributes, children);
  return node;
}

/** @template {keyof SVGElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[T]} */
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(node, attributes, children);
  return node;
}

/** `1 run`, `3 runs`, `2 classes`.
 * @param {number} number @param {string} noun */
function counted(number, noun) {
  const ending = number === 1 ? "" : /(s|x|ch|sh)$/.test(noun) ? "es" : "s";
  return `${number.toLocaleString("en")} ${noun}${ending}`;
}

/** Keep a number and its percent sign on one line.
 * @param {string} text */
function tie(text) {
  return text.replaceAll(" %", "\u00a0%");
}

/** A text whose paths may be broken where they have a slash, and not within a word.
 * @param {string} text @returns {Node[]} */
function breakable(text) {
  return text.split(/(?<=[/\\])/).flatMap((part, index) => (index ? [el("wbr"), document.createTextNode(part)] : [document.createTextNode(part)]));
}

// -- explanations of words

const tip = el("div", { id: "tip", role: "tooltip", hidden: true });

/** @param {HTMLElement} owner @param {string} text */
function showTip(owner, text) {
  tip.textContent = text;
  tip.hidden = false;
  document.body.append(tip);
  const box = owner.getBoundingClientRect();
  const width = Math.min(tip.offsetWidth, document.documentElement.clientWidth - 16);
  const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8));
  const isBelow = box.bottom + tip.offsetHeight + 12 < window.innerHeight || box.top < tip.offsetHeight + 12;
  const top = isBelow ? box.bottom + 6 : box.top - tip.offsetHeight - 6;
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${top + window.scrollY}px`;
}

function hideTip() {
  tip.hidden = true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});

/** Say what an element means when it is pointed at, focused or tapped.
 * @param {HTMLElement} node @param {string} text */
function explain(node, text) {
  const show = () => showTip(node, text);
  node.setAttribute("aria-describedby", tip.id);
  node.addEventListener("mouseenter", show);
  node.addEventListener("focus", show);
  node.addEventListener("click", show);
  node.addEventListener("mouseleave", hideTip);
  node.addEventListener("blur", hideTip);
}

/** A word that says what it means; plain text without an explanation.
 * @param {string} word @param {string | undefined} explanation @returns {Node} */
function term(word, explanation) {
  if (!explanation) return document.createTextNode(word);
  const node = el("button", { type: "button", class: "term" }, word);
  explain(node, explanation);
  return node;
}

// -- copying and downloading

/** @param {string} text @returns {Promise<boolean>} */
async function copyText(text) {
  const box = el("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true" });
  box.value = text;
  document.body.append(box);
  box.select();
  // First the way that works in a sandboxed frame and on a page without TLS: there, to ask for the clipboard would
  // only write an error to the console.
  const isDone = document.execCommand("copy");
  box.remove();
  if (isDone || !navigator.clipboard || window.origin === "null") return isDone;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} text @param {string} [label] what is copied, for those who do not see the button's place */
function copyButton(text, label = "") {
  const node = el("button", { type: "button", class: "small", "aria-label": label ? `Copy ${label}` : "Copy" }, "Copy");
  node.addEventListener("click", async () => {
    const isDone = await copyText(text);
    node.textContent = isDone ? "Copied" : "Select it to copy";
    node.focus();
    window.setTimeout(() => (node.textContent = "Copy"), 1600);
  });
  return node;
}

/** A sandboxed frame may not download; a page that was opened as a file may.
 * @returns {boolean} */
function mayDownload() {
  return window.origin !== "null" || (location.protocol === "file:" && window.top === window.self);
}

/** Save a text as a file; where that is not allowed, show it to be copied, after the element.
 * @param {string} name @param {string} text @param {Element} beside */
function offerFile(name, text, beside) {
  if (mayDownload()) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    const link = el("a", { href: address, download: name });
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
    return;
  }
  const box = el("textarea", { class: "csv", readonly: true, rows: 8, "aria-label": name });
  box.value = text;
  const close = el("button", { type: "button", class: "small" }, "Close");
  const panel = el("div", { class: "offer" }, el("p", {}, `Downloads are not allowed here: copy ${name}`), box, copyButton(text, name), close);
  close.addEventListener("click", () => panel.remove());
  beside.after(panel);
  box.select();
}

// -- parts of the page

/** A part that is laid out when it is opened first.
 * @param {string} title @param {() => Node | string} make */
function lazyDetails(title, make) {
  const node = el("details", {}, el("summary", {}, title));
  const open = () => {
    if (node.childElementCount === 1) node.append(make());
  };
  node.addEventListener("toggle", () => node.open && open());
  // Printed pages show everything; `toggle` would come too late.
  node.addEventListener("reveal", open);
  return node;
}

/** @param {string} text @param {string} [tone] @returns {HTMLElement} */
function tag(text, tone = "") {
  return el("span", { class: `tag ${tone}` }, text);
}
