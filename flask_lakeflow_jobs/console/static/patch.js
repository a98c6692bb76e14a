// Bring a part of a page up to date with what the server says now, and touch nothing else.

/** The parts of an element that lie in no other part of it. */
function partsOf(element) {
  return [...element.querySelectorAll("[data-part]")].filter((part) => {
    const around = part.parentElement.closest("[data-part]");
    return around === null || around === element || !element.contains(around);
  });
}

/** Whether two elements differ in nothing but what is in their parts; those must be of the same names. */
function isSameShell(one, other) {
  if (!one.cloneNode(false).isEqualNode(other.cloneNode(false))) return false;
  if (one.childNodes.length !== other.childNodes.length) return false;
  return [...one.childNodes].every((child, at) => {
    const same = other.childNodes[at];
    const name = child.dataset?.part;
    return name === undefined ? isSameShell(child, same) : name === same.dataset?.part;
  });
}

const named = (parts) => new Map(parts.map((part) => [part.dataset.part, part]));

/**
 * Change a page from one state of the server's to another. What the page's script has done to it meanwhile does not
 * count as a difference: compared is what the server said then and says now.
 * @param {Element} live  in the page
 * @param {Element} before  the server's when it was last brought up to date
 * @param {Element} after  the server's now
 */
export function patch(live, before, after) {
  if (before.isEqualNode(after)) return;
  const [lives, befores, afters] = [live, before, after].map((each) => named(partsOf(each)));
  if (afters.size === 0 || lives.size !== afters.size || !isSameShell(before, after)) return replace(live, after);
  for (const [name, part] of afters) patch(lives.get(name), befores.get(name), part);
}

/** A part gives way to its successor; what is no part itself, as the whole is not, gets its successor's content. */
function replace(live, after) {
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  const scrolled = new Map([...live.querySelectorAll("[role=region]")].map((each, at) => [at, [each.scrollLeft, each.scrollTop]]));
  const fresh = document.importNode(after, true);
  keepOpen(live, fresh);
  if (live.matches("[data-part]")) live.replaceWith(fresh);
  else live.replaceChildren(...fresh.childNodes);
  [...(fresh.isConnected ? fresh : live).querySelectorAll("[role=region]")].forEach((each, at) => each.scrollTo(...(scrolled.get(at) ?? [0, 0])));
  if (focused) document.getElementById(focused)?.focus();
}

/** What a reader has opened stays open, with what was loaded into it. */
function keepOpen(live, fresh) {
  for (const open of [live, ...live.querySelectorAll("details[open][id]")].filter((each) => each.open && each.id)) {
    const same = fresh.id === open.id ? fresh : fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (!same) continue;
    same.open = true;
    const [loaded, place] = [open, same].map((each) => each.querySelector(":scope [data-output]"));
    if (loaded?.dataset.output && place) place.replaceWith(loaded);
  }
}
