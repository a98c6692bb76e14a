// Parts of a page that are loaded again when one of their runs may have changed.

import { loadContent } from "./content.js";
import { addCopyButtons } from "./copying.js";
import { watchRuns } from "./lakeflow.js";
import { patch } from "./patch.js";
import { stateWithoutProgress } from "./progress.js";
import { TICK_MS, formatAge, localize, readSkew, updateDurations } from "./times.js";

/** Interval between loads without an event. */
const RELOAD_INTERVAL_MS = 30_000;

/** The process that serves the page may learn of an update later than the process that sent the event. */
const LOAD_DELAY_MS = 700;

/** Maximum number of runs in one stream. The interval reload covers the others. */
const MAX_FOLLOWED_RUNS = 50;

/** A part of a page that is reloaded when one of its runs may have changed. */
export class LivePart {
  #root;
  #server;
  #skew;
  #isLoading = false;
  #isOutdated = false;
  #stateTime = Date.now();
  #notice;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
    this.#skew = readSkew(root);
    this.#notice = createNotice(root);
    const ticker = setInterval(() => {
      if (this.isOnPage) return this.#notice.hidden && updateDurations(this.#root, Date.now() + this.#skew);
      clearInterval(ticker);
      this.#notice.remove();
    }, TICK_MS);
  }

  /** Whether no other script has removed it. */
  get isOnPage() {
    return this.#root.isConnected;
  }

  /** The URLs of its active runs. */
  get runs() {
    return [...this.#root.querySelectorAll("[data-runs]")].flatMap((each) => each.dataset.runs.match(/\S+/g) ?? []);
  }

  /** Load the part. A call during a load causes one more load. */
  async load() {
    this.#isOutdated = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#isOutdated) {
      this.#isOutdated = false;
      await this.#loadOnce();
    }
    this.#isLoading = false;
  }

  async #loadOnce() {
    try {
      const after = await loadContent(this.#root.dataset.reloads, this.#root, "[data-part]");
      patch(this.#root, this.#server, after);
      this.#server = after;
      this.#skew = readSkew(after);
      this.#stateTime = Date.now();
      localize(this.#root);
      addCopyButtons(this.#root);
      this.#notify("");
    } catch (error) {
      this.#notify(`${error.message} ${formatAge(this.#stateTime)}`); // the next load may succeed
    }
  }

  #notify(text) {
    this.#notice.hidden = !text;
    this.#notice.textContent = text;
  }
}

/** Create a notice above an element. */
function createNotice(root) {
  const place = document.createElement("p");
  place.className = "lakeflow lf-notice";
  place.dataset.kind = "late";
  place.setAttribute("role", "status");
  place.hidden = true;
  root.before(place);
  return place;
}

/** Return a run's own part of the id of an event about several runs; empty if it has none. */
function stateOfRun(url, id) {
  const runId = /(\d+)\/?$/.exec(url)[1];
  const part = id.split(",").find((each) => each.startsWith(`${runId}:`)) ?? "";
  return stateWithoutProgress(part);
}

/** All live parts of a page. They share one stream, because a browser allows few connections. */
export class LiveParts {
  #parts = [];
  #followed = "";
  #stop = () => {};

  constructor() {
    const load = () => document.hidden || this.#load();
    setInterval(load, RELOAD_INTERVAL_MS);
    document.addEventListener("visibilitychange", load); // also after Back, when the browser has kept the page
  }

  add(parts) {
    this.#parts.push(...parts);
    this.#follow();
  }

  async #load() {
    await Promise.all(this.#parts.map((part) => part.load()));
    this.#follow();
  }

  #follow() {
    this.#parts = this.#parts.filter((part) => part.isOnPage);
    const runs = [...new Set(this.#parts.flatMap((part) => part.runs))];
    if (runs.join() === this.#followed) return;
    this.#followed = runs.join();
    this.#stop();
    const states = new Map();
    const handlers = {
      status: (status, url, id) => {
        const [before, state] = [states.get(url), stateOfRun(url, id)];
        states.set(url, state);
        // The page already shows the first state of each run, and it shows no progress.
        if (before !== undefined && (before !== state || !state)) setTimeout(() => this.#load(), LOAD_DELAY_MS);
      },
      end: () => setTimeout(() => this.#load(), 2 * LOAD_DELAY_MS),
    };
    this.#stop = watchRuns(runs.slice(0, MAX_FOLLOWED_RUNS), handlers, { brief: true });
  }
}
