// Light and dark: as the system has it, until the button says otherwise. Nothing is stored: a sandboxed frame has no storage.

/** @type {Array<() => void>} */
const themeListeners = [];
const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

/** @returns {"light" | "dark"} */
function currentTheme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return darkSystem.matches ? "dark" : "light";
}

/** @param {"light" | "dark"} theme */
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  announceTheme();
}

/** Call back whenever the colours have changed; what is drawn on a canvas is to be drawn again.
 * @param {() => void} callback */
function onThemeChange(callback) {
  themeListeners.push(callback);
}

function announceTheme() {
  for (const listener of themeListeners) listener();
}

darkSystem.addEventListener("change", announceTheme);

/** The page's colours and its fixed-width font by the names of the CSS variables, without the dashes before: `bg`, `heat-0`, …
 * @returns {{ [name: string]: string }} */
function themeColours() {
  const names = (
    "bg fg muted line accent panel good bad warn mono heat-0 heat-1 heat-2 heat-3 heat-4 heat-5 heat-6 heat-7 heat-8 " +
    "unmeasured unlike state-source state-carrier state-only state-absorbed"
  ).split(" ");
  const style = getComputedStyle(document.documentElement);
  /** @type {{ [name: string]: string }} */
  const colours = {};
  for (const name of names) colours[name] = style.getPropertyValue(`--${name}`).trim();
  return colours;
}
