// Keyboard shortcuts. An element with `data-shortcut="g j"` has one: pressing these keys one after the other clicks it, or
// puts the cursor into it if it takes text. `?` lists the shortcuts of the page. Nothing else has to be registered.

/** Keys that follow each other within this time are one shortcut. */
const PAUSE_MS = 1000;

const TAKES_TEXT = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select";
const IGNORES_SHORTCUTS = `${TAKES_TEXT}, [contenteditable], dialog, [popover]`;

/** Return the elements with shortcuts, by their keys. The first one wins. A narrow page has them without their links. */
function findShortcuts() {
  const found = new Map();
  for (const element of document.querySelectorAll("[data-shortcut]")) {
    const keys = element.dataset.shortcut;
    if (!found.has(keys) && !element.disabled && !element.closest("[hidden]")) found.set(keys, element);
  }
  return found;
}

/** Return what a shortcut does, in the words of its element. */
function describe(element) {
  const { shortcutLabel } = element.dataset;
  const text = shortcutLabel ?? element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  return text.trim().replace(/\s+/g, " ");
}

function activate(element) {
  if (!element.matches(TAKES_TEXT)) return element.click();
  element.focus();
  element.select?.();
}

/** Show the dialog with all shortcuts of the page. */
function listShortcuts() {
  const dialog = document.getElementById("lf-shortcuts");
  if (!dialog || dialog.open) return;
  const rows = [...findShortcuts(), ["?", dialog]].map(([keys, element]) => {
    const [row, term, text] = ["div", "dt", "dd"].map((name) => document.createElement(name));
    for (const key of keys.split(" ")) term.appendChild(document.createElement("kbd")).textContent = key;
    text.textContent = describe(element);
    row.append(term, text);
    return row;
  });
  dialog.querySelector("dl").replaceChildren(...rows);
  dialog.showModal();
}

let typed = "";
let lastPress = 0;

/** Add a key to those that were typed, and return whether that completes a shortcut. */
function press(key, time) {
  const shortcuts = findShortcuts();
  const continues = (keys) => [...shortcuts.keys()].some((each) => each === keys || each.startsWith(`${keys} `));
  const together = time - lastPress < PAUSE_MS ? `${typed} ${key}`.trim() : key;
  typed = continues(together) ? together : key;
  lastPress = time;
  if (!shortcuts.has(typed)) return false;
  activate(shortcuts.get(typed));
  typed = "";
  return true;
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || key.length > 1) return;
  if (document.documentElement.dataset.lfShortcuts === "off" || target.closest?.(IGNORES_SHORTCUTS)) return;
  if (key === "?") listShortcuts();
  else if (!press(key, event.timeStamp)) return;
  event.preventDefault(); // the key is not typed into the field that has the cursor now
});

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-lists-shortcuts]")) {
    target.closest("[popover]")?.hidePopover();
    listShortcuts();
  }
  if (target.closest("[data-closes-dialog]")) target.closest("dialog").close();
});
