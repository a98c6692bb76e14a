// Update a page to new markup from the server, and leave its unchanged parts alone.

/** Return the outermost parts of an element. */
function partsOf(element) {
  return [...element.querySelectorAll("[data-part]")].filter((part) => {
    const around = part.parentElement.closest("[data-part]");
    return around === null || around === element || !element.contains(around);
  });
}

/** Return whether two elements are equal outside of their parts, and their parts have the same names. */
function isSameShell(one, other) {
  if (!one.cloneNode(false).isEqualNode(other.cloneNode(false))) return false;
  if (one.childNodes.length !== other.childNodes.length) return false;
  return [...one.childNodes].every((child, at) => {
    const same = other.childNodes[at];
    const name = child.dataset?.part;
    return name === undefined ? isSameShell(child, same) : name === same.dataset?.part;
  });
}

const indexByName = (parts) => new Map(parts.map((part) => [part.dataset.part, part]));

/**
 * Update an element to new markup. Only the two versions from the server are compared, so that changes by the page's
 * own script do not count as differences.
 * @param {Element} live  the element in the page
 * @param {Element} before  the server's markup at the last update
 * @param {Element} after  the server's markup now
 */
export function patch(live, before, after) {
  if (before.isEqualNode(after)) return;
  const [lives, befores, afters] = [live, before, after].map((each) => indexByName(partsOf(each)));
  if (afters.size === 0 || lives.size !== afters.size || !isSameShell(before, after)) return replace(live, after);
  for (const [name, part] of afters) patch(lives.get(name), befores.get(name), part);
}

/**
 * Replace a part by its new version, or, if the element is not a part, its content. Keep focus, selection and scroll
 * positions.
 * @returns {Element} the element in the page
 */
export function replace(live, after) {
  const [restoreFocus, restoreSelection] = [keepFocus(live), keepSelection(live)];
  const scrolled = new Map([...live.querySelectorAll("[role=region]")].map((each, at) => [at, [each.scrollLeft, each.scrollTop]]));
  const next = document.importNode(after, true);
  keepOpen(live, next);
  if (live.matches("[data-part]")) live.replaceWith(next);
  else live.replaceChildren(...next.childNodes);
  const shown = next.isConnected ? next : live;
  [...shown.querySelectorAll("[role=region]")].forEach((each, at) => each.scrollTo(...(scrolled.get(at) ?? [0, 0])));
  restoreSelection(shown);
  restoreFocus(shown);
  return shown;
}

/** Return the path from an element to a node in it, as indexes of children. */
const pathTo = (node, root) => (node === root ? [] : [...pathTo(node.parentNode, root), [...node.parentNode.childNodes].indexOf(node)]);

let selected = null;

/** Reading the selection lays out the page, so an update does not do it for each of its parts. */
document.addEventListener("selectionchange", () => {
  const { isCollapsed, anchorNode, anchorOffset, focusNode, focusOffset } = getSelection();
  selected = isCollapsed ? null : { anchorNode, anchorOffset, focusNode, focusOffset };
});

/**
 * Return a function that selects again what is selected in an element, unless an update has changed or moved it.
 * @param {Element} live  what will be replaced
 * @returns {(next: Element) => void}  takes what is in the page now
 */
function keepSelection(live) {
  if (!selected || !live.contains(selected.anchorNode) || !live.contains(selected.focusNode)) return () => {};
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selected;
  const ends = [anchorNode, focusNode].map((node) => ({ path: pathTo(node, live), text: node.textContent }));
  return (next) => {
    const [from, to] = ends.map(({ path, text }) => {
      const node = path.reduce((each, at) => each?.childNodes[at], next);
      return node?.textContent === text ? node : null;
    });
    if (!from || !to) return;
    getSelection().setBaseAndExtent(from, anchorOffset, to, focusOffset);
    selected = { anchorNode: from, anchorOffset, focusNode: to, focusOffset }; // the event comes after the next part
  };
}

/**
 * Return a function that gives the focus back after an update. If the element that has it was replaced, its successor
 * gets it: that with the same id, or else the same address, or else the same place in its part. If it has none, the
 * title gets it, so that the Tab key does not start again at the top of the page.
 * @param {Element} root  what will be updated
 * @returns {(root: Element) => void}  takes what is in the page now
 */
export function keepFocus(root) {
  const focused = document.activeElement;
  if (!root.contains(focused)) return () => {};
  const name = focused.closest("[data-part]")?.dataset.part;
  const listPeers = (root) => [...(partOf(root, name)?.querySelectorAll(focused.localName) ?? [])].filter((each) => each.className === focused.className);
  const at = listPeers(root).indexOf(focused);
  return (root) => {
    if (root.contains(document.activeElement)) return;
    const [peers, address] = [listPeers(root), focused.getAttribute("href")];
    const byAddress = address && peers.find((each) => each.getAttribute("href") === address);
    const successor = focused.id ? document.getElementById(focused.id) : byAddress || peers[at];
    (focused.isConnected ? focused : successor || root.querySelector(".lf-title"))?.focus({ preventScroll: true });
  };
}

/** Return the part with a name, which the element may itself be; without a name, the element. */
function partOf(root, name) {
  if (name === undefined || root.dataset.part === name) return root;
  return root.querySelector(`[data-part="${CSS.escape(name)}"]`);
}

/** Keep open what is open, with what scripts have put into it. */
function keepOpen(live, next) {
  for (const open of [live, ...live.querySelectorAll("details[open][id]")].filter((each) => each.open && each.id)) {
    const same = next.id === open.id ? next : next.querySelector(`#${CSS.escape(open.id)}`);
    if (!same) continue;
    same.open = true;
    const [loaded, place] = [open, same].map((each) => each.querySelector(":scope > .lf-inside > [data-output]"));
    if (loaded?.dataset.output && place) place.replaceWith(loaded);
    const button = open.querySelector(":scope > .lf-inside > [data-copies-link]");
    if (button) same.querySelector(".lf-inside").append(button);
  }
}
