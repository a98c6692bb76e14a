// The console's pages: runs that go on are brought up to date, clocks tick, times are those of the reader.

import { request, watchRun, watchRuns } from "./lakeflow.js";
import { patch } from "./patch.js";

const TICK = 1000;

/** Another process of the app may know of a change a moment later than the one that told of it. */
const TRIES = 5;
const PAUSE = 700;

// ── Times ───────────────────────────────────────────────────────────────────────────────────────

const FORMS = {
  moment: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
  clock: new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }),
};

/** A length of time in its two greatest units, as the server writes it. */
function duration(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** Write times in the reader's time zone; how long ago something was stays as it is. */
function localize(root) {
  for (const time of root.querySelectorAll("time[data-form]")) {
    const moment = new Date(time.dateTime);
    time.title = FORMS.moment.format(moment);
    if (FORMS[time.dataset.form]) time.textContent = FORMS[time.dataset.form].format(moment);
  }
}

// ── Runs ────────────────────────────────────────────────────────────────────────────────────────

const CONNECTIONS = {
  connecting: "Connecting …",
  live: "Live",
  polling: "Asked for every few seconds",
  paused: "Paused while nobody looks",
  offline: "No network",
  closed: "",
};

/** A run on a page, live. */
class LiveRun {
  #root;
  #server; // what the server said last, as it said it
  #skew = 0;
  #told = "";
  #isBusy = false;
  #connection = "connecting";
  #trouble = "";
  #updated = Date.now();
  #say;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
    this.#say = announcer(root);
    this.#settle();
    if (this.#meta.over) return;
    watchRun(root.dataset.lakeflowRun, {
      status: (status, url, state) => this.#bringTo(state),
      stale: ({ detail }) => this.#show({ trouble: detail }),
      fresh: () => this.#show({ trouble: "" }),
      end: () => this.#bringTo(this.#told),
      error: ({ message }) => this.#show({ trouble: message }),
      connection: (connection) => this.#show({ connection }),
    });
    setInterval(() => this.#tick(), TICK);
  }

  get #meta() {
    return this.#root.querySelector("[data-part=meta]").dataset;
  }

  /** Bring the page to the state that was told of; several told at once are one. */
  async #bringTo(state) {
    this.#told = state;
    this.#updated = Date.now();
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let tries = 0; tries < TRIES && this.#meta.state !== this.#told; ) {
      if (tries) await pause(PAUSE);
      const [told, begun] = [this.#told, performance.now()];
      await this.#load();
      await pause(performance.now() - begun); // so that a page with many tasks has time for its reader
      tries = told === this.#told ? tries + 1 : 0;
    }
    this.#isBusy = false;
  }

  async #load() {
    try {
      const after = await contentFrom(this.#root.dataset.live, this.#root);
      const word = this.#meta.word;
      patch(this.#root, this.#server, after);
      this.#server = after;
      this.#settle();
      if (this.#meta.word !== word) this.#say(`The run is ${this.#meta.word}.`);
    } catch (error) {
      this.#show({ trouble: error.message });
    }
  }

  /** What has to be done to markup as it comes from the server. */
  #settle() {
    this.#skew = Number(this.#meta.now) - Date.now();
    if (this.#meta.word && document.title.includes(": ") && document.documentElement.classList.contains("lf-page")) {
      document.title = document.title.replace(/^[^:]*/, this.#meta.word);
    }
    localize(this.#root);
    this.#show({});
    this.#tick();
  }

  #show({ connection = this.#connection, trouble = this.#trouble }) {
    this.#connection = connection;
    this.#trouble = trouble;
    const place = this.#root.querySelector("[data-connection]");
    if (!place) return;
    place.dataset.connection = trouble ? "stale" : connection;
    place.textContent = trouble ? `${trouble} ${since(this.#updated)}` : (CONNECTIONS[connection] ?? connection);
  }

  #tick() {
    if (this.#meta.over) return;
    const now = Date.now() + this.#skew;
    for (const each of this.#root.querySelectorAll("[data-ticks]")) {
      each.textContent = duration(now - Number(each.dataset.ticks));
    }
    const line = this.#root.querySelector("[data-from]");
    const [from, to] = [Number(line.dataset.from), Number(line.dataset.to)];
    for (const bar of line.querySelectorAll("[data-grows]")) {
      const width = (100 * (now - from)) / (to - from) - Number(bar.dataset.grows);
      bar.setAttribute("width", `${Math.max(0.2, Math.min(100, width))}%`);
    }
    if (now > to && !this.#isBusy) this.#load();
    if (this.#trouble) this.#show({});
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** An element with what the server has to say for its content now. */
async function contentFrom(url, element) {
  const text = await (await request(url)).text();
  const page = new DOMParser().parseFromString(`<div>${text}</div>`, "text/html");
  const filled = element.cloneNode(false);
  filled.append(...page.body.firstElementChild.childNodes);
  return filled;
}

const since = (moment) => `Shown is the state of ${FORMS.clock.format(moment)}.`;

/** Tells those who cannot see the page what has changed. */
function announcer(root) {
  const place = document.createElement("p");
  place.className = "lf-unseen";
  place.setAttribute("role", "status");
  root.after(place);
  return (text) => (place.textContent = text);
}

// ── Jobs ────────────────────────────────────────────────────────────────────────────────────────

/** Runs that somebody else has started are found this often; those that are known are followed. */
const REFRESH = 30_000;
const MOST_FOLLOWED = 50;

/** A list of jobs on a page, brought up to date as it is asked to. */
class JobList {
  #root;
  #server;
  #isBusy = false;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
  }

  /** The addresses of the runs in it that go on. */
  get runs() {
    return [...this.#root.querySelectorAll("[data-runs]")].flatMap((each) => each.dataset.runs.match(/\S+/g) ?? []);
  }

  async load() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const after = await contentFrom(this.#root.dataset.lakeflowJobs, this.#root);
      patch(this.#root, this.#server, after);
      this.#server = after;
      localize(this.#root);
    } catch {
      // what is shown stays; the next look may do better
    } finally {
      this.#isBusy = false;
    }
  }
}

/** All the jobs on a page, live; by one stream, as a browser holds few. */
class LiveJobs {
  #lists;
  #followed = "";
  #stop = () => {};

  constructor(lists) {
    this.#lists = lists;
    this.#follow();
    setInterval(() => document.hidden || this.#load(), REFRESH);
  }

  async #load() {
    await Promise.all(this.#lists.map((list) => list.load()));
    this.#follow();
  }

  #follow() {
    const runs = [...new Set(this.#lists.flatMap((list) => list.runs))];
    if (runs.join() === this.#followed) return;
    this.#followed = runs.join();
    this.#stop();
    const seen = new Set();
    this.#stop = watchRuns(runs.slice(0, MOST_FOLLOWED), {
      // the first word of each run is what the page shows already
      status: (status, url) => (seen.has(url) ? setTimeout(() => this.#load(), PAUSE) : seen.add(url)),
      end: () => setTimeout(() => this.#load(), 2 * PAUSE),
    });
  }
}

// ── What readers do ─────────────────────────────────────────────────────────────────────────────

/** A task's output comes when somebody opens it. */
async function loadOutput(details) {
  const place = details.querySelector("[data-output]");
  if (!place || place.dataset.output === "whole") return;
  try {
    const loaded = await contentFrom(details.dataset.source, document.createElement("div"));
    const isOver = !details.querySelector("[data-ticks]");
    loaded.dataset.output = isOver ? "whole" : "part";
    place.replaceWith(loaded);
    addCopyButtons(loaded);
  } catch (error) {
    place.append(` (${error.message})`);
  }
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

/** A task, wherever it is named, leads to its row, and opens it. */
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-opens]");
  const row = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!row) return;
  event.preventDefault();
  row.open = true;
  row.querySelector("summary").focus();
  row.scrollIntoView({ block: "nearest" });
});

/** What was asked can be left unanswered by keyboard too. */
document.addEventListener("keydown", ({ key, target }) => {
  const question = key === "Escape" && target.closest?.(".lf-confirm[open]");
  if (!question) return;
  question.open = false;
  question.querySelector("summary").focus();
});

/** A form is sent once; should it be sent again all the same, its nonce makes it one run. */
document.addEventListener("submit", ({ target }) => {
  if (!("once" in target.dataset)) return;
  for (const button of target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
});

for (const root of document.querySelectorAll("[data-lakeflow-run]")) new LiveRun(root);
const lists = [...document.querySelectorAll("[data-lakeflow-jobs]")].map((root) => new JobList(root));
if (lists.length) new LiveJobs(lists);
localize(document);
addCopyButtons(document);
