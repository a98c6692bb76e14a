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

/** A growing duration in its two largest units, as the server writes it. */
function duration(milliseconds) {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  const [minutes, hours, days] = [60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** Write times in the reader's time zone; how long ago something was stays as it is. */
function localize(root) {
  for (const time of root.querySelectorAll("time[data-form]")) {
    const moment = new Date(time.dateTime);
    time.title = FORMS.moment.format(moment);
    if (FORMS[time.dataset.form]) time.textContent = FORMS[time.dataset.form].format(moment);
  }
}

const since = (moment) => `Shown is the state of ${FORMS.clock.format(moment)}.`;

/** How far the server's clock is ahead of the reader's when something has just come from there. */
const skewIn = (root) => Number(root.querySelector("[data-now]")?.dataset.now ?? Date.now()) - Date.now();

/** Lengths of time that go on. */
function tick(root, now) {
  for (const each of root.querySelectorAll("[data-ticks]")) each.textContent = duration(now - Number(each.dataset.ticks));
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ── What the server says now ────────────────────────────────────────────────────────────────────

/** What may have changed unnoticed is asked for this often, and what could not be loaded. */
const REFRESH = 30_000;

const LOGGED_OUT = "You are no longer logged in. Reload the page.";

/**
 * An element with what the server has to say for its content now; one with an id is looked up in a whole page.
 * @param {string} url
 * @param {Element} element
 * @param {string} sign  what is in every such content, and in no page of the host's that comes in its place
 */
async function contentFrom(url, element, sign) {
  const text = await (await answerFrom(url)).text();
  const page = new DOMParser().parseFromString(`<div>${text}</div>`, "text/html");
  const source = element.id ? page.getElementById(element.id) : page.body.firstElementChild;
  if (!source?.querySelector(sign)) throw new Error(LOGGED_OUT);
  const filled = element.cloneNode(false);
  filled.append(...source.childNodes);
  return filled;
}

/** What a host answers that wants a login first; a redirect that is not followed has the status 0. */
const LOGIN_WANTED = [0, 401];

/** The console redirects none of its own pages: who does is the host, to where one logs in. */
async function answerFrom(url) {
  try {
    return await request(url, { redirect: "manual" });
  } catch (error) {
    throw LOGIN_WANTED.includes(error.problem?.status) ? new Error(LOGGED_OUT) : error;
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
  #told = ""; // the state that was told of last
  #tries = 0; // how often the page may still be loaded to show it
  #isLoading = false;
  #retryAt = Infinity;
  #connection = "connecting";
  #trouble = ""; // with the news
  #failure = ""; // of the last load
  #seen = 0; // when what is shown was so
  #say;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
    this.#say = announcer(root);
    this.#settle();
    if (this.#meta.over) return;
    watchRun(root.dataset.lakeflowRun, {
      status: (status, url, state) => this.#catchUp(state),
      stale: ({ detail }) => this.#show({ trouble: detail }),
      fresh: () => {
        this.#show({ trouble: "" });
        this.#catchUp(this.#told);
      },
      end: () => this.#catchUp(this.#told),
      error: ({ message }) => this.#show({ trouble: message }),
      connection: (connection) => this.#show({ connection }),
    });
    setInterval(() => this.#tick(), TICK);
  }

  get #meta() {
    return this.#root.querySelector("[data-part=meta]").dataset;
  }

  get #isAsTold() {
    return this.#meta.state === this.#told;
  }

  /** Bring the page to the state that is told of. */
  #catchUp(state) {
    this.#told = state;
    if (!this.#isAsTold || this.#meta.seen) this.#refresh();
    else this.#seen = Date.now();
  }

  /** Load the page until it shows what was told; who asks meanwhile has it loaded once more. */
  async #refresh() {
    this.#tries = TRIES;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#tries) {
      const [left, begun] = [--this.#tries, performance.now()];
      await this.#load();
      await pause(performance.now() - begun); // so that a page with many tasks has time for its reader
      if (this.#tries !== left) continue;
      if (this.#isAsTold || !this.#told) this.#tries = 0;
      else await pause(PAUSE);
    }
    this.#isLoading = false;
  }

  async #load() {
    try {
      const after = await contentFrom(this.#root.dataset.live, this.#root, "[data-part=meta]");
      const word = this.#meta.word;
      patch(this.#root, this.#server, after);
      this.#server = after;
      this.#failure = "";
      this.#retryAt = Infinity;
      this.#settle();
      if (this.#meta.word !== word) this.#say(`The run is ${this.#meta.word}.`);
    } catch (error) {
      this.#failure = error.message;
      this.#retryAt = Date.now() + REFRESH;
      this.#show({});
    }
  }

  /** What has to be done to markup as it comes from the server. */
  #settle() {
    this.#skew = skewIn(this.#root);
    this.#seen = (Number(this.#meta.seen) || Number(this.#meta.now)) - this.#skew;
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
    const wrong = this.#failure || trouble || (this.#meta.seen && "The workspace cannot be reached.");
    place.dataset.connection = wrong ? "stale" : connection;
    place.textContent = wrong ? `${wrong} ${since(this.#seen)}` : (CONNECTIONS[connection] ?? connection);
  }

  #tick() {
    if (this.#meta.over) return;
    const now = Date.now() + this.#skew;
    tick(this.#root, now);
    const line = this.#root.querySelector("[data-from]");
    const [from, to] = [Number(line.dataset.from), Number(line.dataset.to)];
    for (const bar of line.querySelectorAll("[data-grows]")) {
      const width = (100 * (now - from)) / (to - from) - Number(bar.dataset.grows);
      bar.setAttribute("width", `${Math.max(0.2, Math.min(100, width))}%`);
    }
    const isDue = this.#failure ? Date.now() > this.#retryAt : now > to;
    if (isDue && !this.#isLoading) this.#refresh();
  }
}

/** Tells those who cannot see the page what has changed. */
function announcer(root) {
  const place = document.createElement("p");
  place.className = "lf-unseen";
  place.setAttribute("role", "status");
  root.after(place);
  return (text) => (place.textContent = text);
}

// ── Jobs, histories, tasks ──────────────────────────────────────────────────────────────────────

/** So many runs fit into one stream; the others are found by asking again. */
const MOST_FOLLOWED = 50;

/** A part of a page that is asked for anew whenever one of the runs in it may have changed. */
class LivePart {
  #root;
  #server;
  #skew;
  #isLoading = false;
  #seen = Date.now();
  #notice;

  constructor(root) {
    this.#root = root;
    this.#server = root.cloneNode(true);
    this.#skew = skewIn(root);
    this.#notice = noticeAbove(root);
    setInterval(() => tick(this.#root, Date.now() + this.#skew), TICK);
  }

  /** The addresses of the runs in it that go on. */
  get runs() {
    return [...this.#root.querySelectorAll("[data-runs]")].flatMap((each) => each.dataset.runs.match(/\S+/g) ?? []);
  }

  async load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const after = await contentFrom(this.#root.dataset.reloads, this.#root, "[data-part]");
      patch(this.#root, this.#server, after);
      this.#server = after;
      this.#skew = skewIn(after);
      this.#seen = Date.now();
      localize(this.#root);
      addCopyButtons(this.#root);
      this.#notice("");
    } catch (error) {
      this.#notice(`${error.message} ${since(this.#seen)}`); // the next look may do better
    } finally {
      this.#isLoading = false;
    }
  }
}

/** Says what is wrong with a part of a page, above it. */
function noticeAbove(root) {
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

/** All such parts of a page, live; by one stream, as a browser holds few. */
class LiveParts {
  #parts;
  #followed = "";
  #stop = () => {};

  constructor(parts) {
    this.#parts = parts;
    this.#follow();
    setInterval(() => document.hidden || this.#load(), REFRESH);
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
    const loaded = await contentFrom(details.dataset.source, document.createElement("div"), ".lf-texts");
    const isOver = !details.querySelector("[data-ticks]");
    loaded.dataset.output = isOver ? "whole" : "part";
    place.replaceWith(loaded);
    addCopyButtons(loaded);
  } catch (error) {
    const said = place.querySelector("span") ?? place.appendChild(document.createElement("span"));
    said.textContent = ` (${error.message})`;
  }
}

/** A picture that is larger than its place opens where something happens, else where it begins. */
function openGraph(graph) {
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
const parts = [...document.querySelectorAll("[data-reloads]")].map((root) => new LivePart(root));
if (parts.length) new LiveParts(parts);
for (const graph of document.querySelectorAll(".lf-graph")) openGraph(graph);
localize(document);
addCopyButtons(document);
