// The parts of a run on its page. The server sends those that differ from the version that the page shows.

import { fetchPage, loggedOut } from "./content.js";
import { keepFocus, replace } from "./patch.js";

/** Characters of a digest in a version, as the server has it. */
const DIGEST_LENGTH = 5;

const SVG = "http://www.w3.org/2000/svg";

/** Parse a part. Those of the graph are SVG. */
function parse(name, html) {
  const isDrawn = name.startsWith("node-") || name.startsWith("edges-");
  const box = isDrawn ? document.createElementNS(SVG, "svg") : document.createElement("template");
  box.innerHTML = html;
  return (isDrawn ? box : box.content).firstElementChild;
}

/** Put a row into the list of its group, at its place. */
function place(row, list) {
  const { order } = row.dataset;
  const next = [...list.children].find((each) => each !== row && each.dataset.order > order) ?? null;
  if (row.parentElement !== list || row.nextElementSibling !== next) list.insertBefore(row, next);
}

export class RunParts {
  #root;
  #version;
  #shown = new Map(); // what the server has sent, by name: most of what shares a digest has not changed

  constructor(root) {
    this.#root = root;
    this.#version = root.dataset.version;
  }

  /** Whether the page lacks parts, because the server has left out those that do not match a search. */
  get isPartial() {
    return !this.#version;
  }

  /** Load the current state. */
  async load() {
    const response = await fetchPage(this.#root.dataset.live, { "Lakeflow-Version": this.#version || "none" });
    if (!response.headers.get("Content-Type")?.startsWith("application/json")) throw loggedOut();
    const update = await response.json();
    const restoreFocus = keepFocus(this.#root);
    if (update.whole === undefined) this.#apply(update);
    else this.#replaceAll(update);
    this.#renewToken(response.headers.get("Lakeflow-Csrf-Token"));
    restoreFocus(this.#root); // a row that moves loses it
  }

  /** Put the token of the host into the forms: updates have none in their text, and it may expire. */
  #renewToken(token) {
    for (const field of this.#root.querySelectorAll("input[name=csrf_token]")) field.value = token ?? "";
  }

  #replaceAll({ whole, version }) {
    const next = this.#root.cloneNode(false);
    next.innerHTML = whole;
    const [search, nextSearch] = [this.#root, next].map((each) => each.querySelector(".lf-find"));
    if (search && nextSearch) nextSearch.value = search.value; // the update does not know it
    replace(this.#root, next);
    this.#shown.clear();
    this.#version = version;
  }

  #apply({ parts, buckets, digests }) {
    const [lives, lists] = ["part", "list"].map((name) => this.#index(name)); // to search for each would take long
    for (const [name, html] of Object.entries(parts)) {
      if (this.#shown.get(name) === html) continue;
      this.#shown.set(name, html);
      const part = parse(name, html);
      const live = lives.get(name);
      const shown = live ? replace(live, part) : part;
      if (shown.dataset.order) place(shown, lists.get(shown.dataset.group) ?? lists.get("all"));
      if (name === "axis") this.#scale(shown.dataset.span);
    }
    for (const [bucket, names] of Object.entries(buckets)) {
      for (const row of this.#root.querySelectorAll(`[data-bucket="${bucket}"]`)) {
        if (names.includes(row.dataset.part)) continue;
        this.#shown.delete(row.dataset.part); // a server with a newer state may send it again
        row.remove();
      }
    }
    const version = this.#version.match(new RegExp(`.{${DIGEST_LENGTH}}`, "g"));
    for (const [at, digest] of Object.entries(digests)) version[at] = digest;
    this.#version = version.join("");
  }

  /** Return the elements with such an attribute, by its value. */
  #index(name) {
    return new Map([...this.#root.querySelectorAll(`[data-${name}]`)].map((each) => [each.dataset[name], each]));
  }

  /** Draw all rows on an axis of this length. */
  #scale(span) {
    for (const lane of this.#root.querySelectorAll(".lf-lane")) lane.setAttribute("viewBox", `0 0 ${span} 16`);
  }
}
