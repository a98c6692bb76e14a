// The list of a run's tasks: filtered by state and searched by key. The address of the page keeps both.

import { setText } from "./times.js";

/** Filters the rows of a run, and what its updates add to them. */
export class TaskList {
  #root;
  #opened = new Set(); // groups that a filter has opened

  constructor(root) {
    this.#root = root;
    root.addEventListener("click", (event) => this.#handleClick(event));
    root.addEventListener("input", ({ target }) => target.matches(".lf-find") && this.#show());
    root.addEventListener("submit", (event) => event.target.matches("[data-tools]") && event.preventDefault());
    root.addEventListener("lf-reveal", ({ target }) => this.#reveal(target));
  }

  get #input() {
    return this.#root.querySelector(".lf-find");
  }

  get #text() {
    return this.#input?.value.trim().toLowerCase() ?? "";
  }

  /** Filter the rows after an update. */
  adapt() {
    if (!this.#input) return;
    const { show } = this.#root.dataset;
    for (const chip of this.#root.querySelectorAll(".lf-chip")) {
      if (chip.dataset.show === show) chip.setAttribute("aria-current", "true");
      else chip.removeAttribute("aria-current");
    }
    const text = this.#text;
    const found = new Set();
    for (const row of this.#root.querySelectorAll(".lf-attempt")) {
      row.hidden = text !== "" && !row.dataset.task.toLowerCase().includes(text);
      if (!row.hidden && (!show || row.dataset.group === show)) found.add(row.dataset.group);
    }
    this.#openGroups(text || show ? found : new Set());
    setText(this.#root.querySelector("[data-none]"), found.size ? "" : "No task matches.");
  }

  /** Open the groups with matches, and close them when the filter is gone. */
  #openGroups(kinds) {
    for (const group of this.#root.querySelectorAll("[data-group-of]")) {
      const kind = group.dataset.groupOf;
      group.hidden = this.#text !== "" && !kinds.has(kind);
      if (kinds.has(kind) && !group.open) {
        group.open = true;
        this.#opened.add(kind);
      } else if (!kinds.has(kind) && this.#opened.delete(kind)) group.open = false;
    }
  }

  #handleClick(event) {
    const chip = event.target.closest(".lf-chip");
    if (!chip || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { show } = chip.dataset;
    this.#root.dataset.show = this.#root.dataset.show === show ? "" : show;
    this.#show();
  }

  #show() {
    this.adapt();
    if (!document.documentElement.classList.contains("lf-page")) return; // the address is the host's
    const url = new URL(location.href);
    for (const [name, value] of [["state", this.#root.dataset.show], ["find", this.#text]]) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    history.replaceState(null, "", url);
  }

  /** Drop a filter that hides a row which is to be shown. */
  #reveal(row) {
    const { show } = this.#root.dataset;
    if (!this.#input || (!row.hidden && (!show || row.dataset.group === show))) return;
    this.#root.dataset.show = "";
    this.#input.value = "";
    this.#show();
  }
}
