// The console's pages: updates active runs and durations, and shows times in the time zone of the browser.

import { request, watchRun, watchRuns } from "./lakeflow.js";
import { EndNotifier } from "./notify.js";
import { patch } from "./patch.js";
import { showProgress, stateWithoutProgress } from "./progress.js";

const TICK_MS = 1000;

/** The process that serves the page may learn of an update later than the process that sent the event. */
const MAX_LOADS = 5;
const RETRY_DELAY_MS = 700;

const FORMS = {
  moment: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
  clock: new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }),
};

/** Format a duration in its two largest units, like the server. */
function formatDuration(milliseconds) {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  const [minutes, hours, days] = [60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** Show times in the time zone of the browser. Relative times stay as they are. */
function localize(root) {
  for (const time of root.querySelectorAll("time[data-form]")) {
    const moment = new Date(time.dateTime);
    time.title = FORMS.moment.format(moment);
    if (FORMS[time.dataset.form]) time.textContent = FORMS[time.dataset.form].format(moment);
  }
}

const formatAge = (moment) => `Shown is the state of ${FORMS.clock.format(moment)}.`;

/** Return by how much the server's clock is ahead, from markup that has just arrived. */
const readSkew = (root) => Number(root.querySelector("[data-now]")?.dataset.now ?? Date.now()) - Date.now();

/** Update the growing durations. */
function updateDurations(root, now) {
  for (const each of root.querySelectorAll("[data-ticks]")) each.textContent = formatDuration(now - Number(each.dataset.ticks));
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Interval between reloads without an event, and before a failed load is retried. */
const RELOAD_INTERVAL_MS = 30_000;

const LOGGED_OUT = "You are no longer logged in. Reload the page.";

/**
 * Return a copy of an element with its current content from the server. If the element has an id, the response is a
 * whole page that contains it.
 * @param {string} url
 * @param {Element} element
 * @param {string} marker  a selector that matches in every such content, but not in a login page of the host
 */
async function loadContent(url, element, marker) {
  const text = await (await fetchPage(url)).text();
  const page = new DOMParser().parseFromString(`<div>${text}</div>`, "text/html");
  const source = element.id ? page.getElementById(element.id) : page.body.firstElementChild;
  if (!source?.querySelector(marker)) throw new Error(LOGGED_OUT);
  const copy = element.cloneNode(false);
  copy.append(...source.childNodes);
  return copy;
}

/** Statuses of a host that requires a login. A redirect that is not followed has status 0. */
const LOGIN_STATUSES = [0, 401];

/** Fetch a page of the console. The console never redirects them, so a redirect is the host's, to its login. */
async function fetchPage(url) {
  try {
    return await request(url, { redirect: "manual" });
  } catch (error) {
    throw LOGIN_STATUSES.includes(error.problem?.status) ? new Error(LOGGED_OUT) : error;
  }
}

const CONNECTIONS = {
  connecting: "Connecting …",
  live: "Live",
  polling: "Updated every few seconds",
  paused: "Paused while the page is hidden",
  offline: "No network",
  closed: "",
};

/** A run on a page, updated as it changes. */
class LiveRun {
  #root;
  #server; // the last markup from the server, unchanged
  #skew = 0;
  #latest = ""; // the id of the last state from the stream, without its progress
  #status; // the last one from the stream
  #notifier;
  #loadsLeft = 0; // remaining loads until the page shows that state
  #isLoading = false;
  #retryAt = Infinity;
  #connection = "connecting";
  #streamError = "";
  #loadError = "";
  #stateTime = 0; // when the state that is shown was current
  #announce;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
    this.#announce = createAnnouncer(root);
    this.#notifier = new EndNotifier(root.querySelector(".lf-title").textContent.trim());
    this.#adapt();
    if (this.#meta.over) return;
    const handlers = {
      status: (status, url, state) => this.#handleStatus(status, stateWithoutProgress(state)),
      stale: ({ detail }) => this.#show({ streamError: detail }),
      fresh: () => {
        this.#show({ streamError: "" });
        this.#showState(this.#latest);
      },
      end: () => {
        this.#showState(this.#latest);
        if (this.#status) this.#notifier.tell(this.#status.outcome);
      },
      error: ({ message }) => this.#show({ streamError: message }),
      connection: (connection) => this.#show({ connection }),
    };
    watchRun(root.dataset.lakeflowRun, handlers, { whileHidden: () => this.#notifier.isOn });
    setInterval(() => this.#tick(), TICK_MS);
  }

  get #meta() {
    return this.#root.querySelector("[data-part=meta]").dataset;
  }

  get #isUpToDate() {
    return this.#meta.state === this.#latest;
  }

  /** Show progress at once, from the event, and another state by a reload. */
  #handleStatus(status, state) {
    this.#status = status;
    showProgress(this.#root, status.progress);
    this.#showState(state);
  }

  /** Show a state from the stream: reload the page unless it shows that state. */
  #showState(state) {
    this.#latest = state;
    if (!this.#isUpToDate || this.#meta.staleSince) this.#refresh();
    else this.#stateTime = Date.now();
  }

  /** Load the page until it shows the latest state. A call during a load causes one more load. */
  async #refresh() {
    this.#loadsLeft = MAX_LOADS;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#loadsLeft) {
      const [left, started] = [--this.#loadsLeft, performance.now()];
      await this.#load();
      await sleep(performance.now() - started); // so that a page with many tasks stays responsive
      if (this.#loadsLeft !== left) continue;
      if (this.#isUpToDate || !this.#latest) this.#loadsLeft = 0;
      else await sleep(RETRY_DELAY_MS);
    }
    this.#isLoading = false;
  }

  async #load() {
    try {
      const after = await loadContent(this.#root.dataset.live, this.#root, "[data-part=meta]");
      const word = this.#meta.word;
      patch(this.#root, this.#server, after);
      this.#server = after;
      this.#loadError = "";
      this.#retryAt = Infinity;
      this.#adapt();
      if (this.#meta.word !== word) this.#announce(`The run is ${this.#meta.word}.`);
    } catch (error) {
      this.#loadError = error.message;
      this.#retryAt = Date.now() + RELOAD_INTERVAL_MS;
      this.#show({});
    }
  }

  /** Adapt new markup from the server to the browser. */
  #adapt() {
    this.#skew = readSkew(this.#root);
    this.#stateTime = (Number(this.#meta.staleSince) || Number(this.#meta.now)) - this.#skew;
    if (this.#meta.word && document.title.includes(": ") && document.documentElement.classList.contains("lf-page")) {
      document.title = document.title.replace(/^[^:]*/, this.#meta.word);
    }
    localize(this.#root);
    if (this.#status) showProgress(this.#root, this.#status.progress);
    this.#notifier.adapt(this.#root.querySelector("[data-notify]"));
    this.#show({});
    this.#tick();
  }

  #show({ connection = this.#connection, streamError = this.#streamError }) {
    this.#connection = connection;
    this.#streamError = streamError;
    const place = this.#root.querySelector("[data-connection]");
    if (!place) return;
    const problem = this.#loadError || streamError || (this.#meta.staleSince && "The workspace cannot be reached.");
    place.dataset.connection = problem ? "stale" : connection;
    place.textContent = problem ? `${problem} ${formatAge(this.#stateTime)}` : (CONNECTIONS[connection] ?? connection);
  }

  #tick() {
    if (this.#meta.over) return;
    const now = Date.now() + this.#skew;
    updateDurations(this.#root, now);
    const line = this.#root.querySelector("[data-from]");
    const [from, to] = [Number(line.dataset.from), Number(line.dataset.to)];
    for (const bar of line.querySelectorAll("[data-grows]")) {
      const width = (100 * (now - from)) / (to - from) - Number(bar.dataset.grows);
      bar.setAttribute("width", `${Math.max(0.2, Math.min(100, width))}%`);
    }
    const isDue = this.#loadError ? Date.now() > this.#retryAt : now > to;
    if (isDue && !this.#isLoading) this.#refresh();
  }
}

/** Create a live region after an element and return a function that writes to it, for screen readers. */
function createAnnouncer(root) {
  const place = document.createElement("p");
  place.className = "lf-unseen";
  place.setAttribute("role", "status");
  root.after(place);
  return (text) => (place.textContent = text);
}

/** Maximum number of runs in one stream. The interval reload covers the others. */
const MAX_FOLLOWED_RUNS = 50;

/** A part of a page that is reloaded when one of its runs may have changed. */
class LivePart {
  #root;
  #server;
  #skew;
  #isLoading = false;
  #stateTime = Date.now();
  #notice;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
    this.#skew = readSkew(root);
    this.#notice = createNotice(root);
    setInterval(() => updateDurations(this.#root, Date.now() + this.#skew), TICK_MS);
  }

  /** The URLs of its active runs. */
  get runs() {
    return [...this.#root.querySelectorAll("[data-runs]")].flatMap((each) => each.dataset.runs.match(/\S+/g) ?? []);
  }

  async load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const after = await loadContent(this.#root.dataset.reloads, this.#root, "[data-part]");
      patch(this.#root, this.#server, after);
      this.#server = after;
      this.#skew = readSkew(after);
      this.#stateTime = Date.now();
      localize(this.#root);
      addCopyButtons(this.#root);
      this.#notice("");
    } catch (error) {
      this.#notice(`${error.message} ${formatAge(this.#stateTime)}`); // the next load may succeed
    } finally {
      this.#isLoading = false;
    }
  }
}

/** Create a notice above an element and return a function that sets its text. */
function createNotice(root) {
  const place = document.createElement("p");
  place.className = "lakeflow lf-notice";
  place.dataset.kind = "late";
  place.setAttribute("role", "status");
  place.hidden = true;
  root.before(place);
  return (text) => {
    place.hidden = !text;
    place.textContent = text;
  };
}

/** Return a run's own part of the id of an event about several runs; empty if it has none. */
function stateOfRun(url, id) {
  const runId = /(\d+)\/?$/.exec(url)[1];
  const part = id.split(",").find((each) => each.startsWith(`${runId}:`)) ?? "";
  return stateWithoutProgress(part);
}

/** All live parts of a page. They share one stream, because a browser allows few connections. */
class LiveParts {
  #parts;
  #followed = "";
  #stop = () => {};

  constructor(parts) {
    this.#parts = parts;
    this.#follow();
    setInterval(() => document.hidden || this.#load(), RELOAD_INTERVAL_MS);
  }

  async #load() {
    await Promise.all(this.#parts.map((part) => part.load()));
    this.#follow();
  }

  #follow() {
    const runs = [...new Set(this.#parts.flatMap((part) => part.runs))];
    if (runs.join() === this.#followed) return;
    this.#followed = runs.join();
    this.#stop();
    const states = new Map();
    this.#stop = watchRuns(runs.slice(0, MAX_FOLLOWED_RUNS), {
      status: (status, url, id) => {
        const [before, state] = [states.get(url), stateOfRun(url, id)];
        states.set(url, state);
        // The page already shows the first state of each run, and it shows no progress.
        if (before !== undefined && (before !== state || !state)) setTimeout(() => this.#load(), RETRY_DELAY_MS);
      },
      end: () => setTimeout(() => this.#load(), 2 * RETRY_DELAY_MS),
    });
  }
}

/** Load the output of a task when its row is opened. */
async function loadOutput(details) {
  const place = details.querySelector("[data-output]");
  if (!place || place.dataset.output === "whole") return;
  try {
    const loaded = await loadContent(details.dataset.source, document.createElement("div"), ".lf-texts");
    const isOver = !details.querySelector("[data-ticks]");
    loaded.dataset.output = isOver ? "whole" : "part";
    place.replaceWith(loaded);
    addCopyButtons(loaded);
  } catch (error) {
    const note = place.querySelector("span") ?? place.appendChild(document.createElement("span"));
    note.textContent = ` (${error.message})`;
  }
}

/** Scroll a graph that is larger than its box to a failed or active task, else to its first one. */
function scrollGraph(graph) {
  const places = [...graph.querySelectorAll("foreignObject")];
  const first = places.toSorted((one, other) => one.x.baseVal.value - other.x.baseVal.value)[0]; // in the first layer
  const inState = (kind) => places.find((place) => place.querySelector(`.lf-node[data-kind=${kind}]`));
  const place = inState("bad") ?? inState("late") ?? inState("going") ?? first;
  if (!place) return;
  const [x, width, y, height] = ["x", "width", "y", "height"].map((name) => place[name].baseVal.value);
  graph.scrollTo(x + width / 2 - graph.clientWidth / 2, y + height / 2 - graph.clientHeight / 2);
}

function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const box of root.querySelectorAll(".lf-copyable:not(:has(button))")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "lf-button lf-copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(box.querySelector("pre").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    box.append(button);
  }
}

document.addEventListener("toggle", ({ target }) => target.open && target.dataset.source && loadOutput(target), true);

/** Open the row of a task from any link to it. */
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-opens]");
  const row = link && document.getElementById(link.getAttribute("href").slice(1)); // as the template wrote it
  if (!row) return;
  event.preventDefault();
  row.open = true;
  row.querySelector("summary").focus();
  row.scrollIntoView({ block: "nearest" });
});

/** Close an open confirmation with Escape. */
document.addEventListener("keydown", ({ key, target }) => {
  const confirmation = key === "Escape" && target.closest?.(".lf-confirm[open]");
  if (!confirmation) return;
  confirmation.open = false;
  confirmation.querySelector("summary").focus();
});

/** Disable the buttons of a sent form. If it is sent again all the same, its nonce prevents a second run. */
document.addEventListener("submit", ({ target }) => {
  if (!("once" in target.dataset)) return;
  for (const button of target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
});

for (const root of document.querySelectorAll("[data-lakeflow-run]")) new LiveRun(root);
const parts = [...document.querySelectorAll("[data-reloads]")].map((root) => new LivePart(root));
if (parts.length) new LiveParts(parts);
for (const graph of document.querySelectorAll(".lf-graph")) scrollGraph(graph);
localize(document);
addCopyButtons(document);
