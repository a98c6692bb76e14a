// A run on a page, updated as it changes.

import { LOGGED_OUT } from "./content.js";
import { Graph } from "./graph.js";
import { watchRun } from "./lakeflow.js";
import { EndNotifier } from "./notify.js";
import { RunParts } from "./parts.js";
import { showProgress, stateWithoutProgress } from "./progress.js";
import { TaskList } from "./task_list.js";
import { TICK_MS, formatAge, localize, readSkew, sleep, updateDurations } from "./times.js";

/** The process that serves the page may learn of an update later than the process that sent the event. */
const MAX_LOADS = 5;
const RETRY_DELAY_MS = 700;

/** Interval between tries to load the page after a failure. */
const RETRY_INTERVAL_MS = 30_000;

const CONNECTIONS = {
  connecting: "Connecting …",
  live: "Live",
  polling: "Updated every few seconds",
  paused: "Paused while the page is hidden",
  closed: "",
};

/** The connections with which the shown state is current. */
const CURRENT = ["live", "polling"];

/** A run on a page, updated as it changes. */
export class LiveRun {
  #root;
  #parts;
  #graph;
  #tasks;
  #skew = 0;
  #latest = ""; // the id of the last state from the stream, without its progress
  #status; // the last one from the stream
  #notifier;
  #loadsLeft = 0; // remaining loads until the page shows that state
  #isLoading = false;
  #retryAt = Infinity;
  #hasOpenedTask = false;
  #connection = "connecting";
  #streamError = "";
  #loadError = "";
  #problem = ""; // that is shown
  #stateTime = 0; // when the state that is shown was current
  #announcer;
  #stop;
  #ticker;

  constructor(root) {
    this.#root = root;
    this.#parts = new RunParts(root);
    this.#graph = new Graph(root);
    this.#tasks = new TaskList(root);
    this.#notifier = new EndNotifier(root.querySelector(".lf-title").textContent.trim());
    this.#adapt();
    if (this.#parts.isPartial) this.#refresh();
    if (this.#meta.over) return;
    this.#announcer = createAnnouncer(root);
    const handlers = {
      status: (status, url, state) => this.#handleStatus(status, stateWithoutProgress(state)),
      stale: ({ detail }) => this.#show({ streamError: detail }),
      fresh: () => {
        this.#show({ streamError: "" });
        this.#showState(this.#latest);
      },
      end: () => {
        this.#showState(this.#latest);
        if (this.#status) this.#notifier.announce(this.#status.outcome);
      },
      error: ({ message }) => this.#show({ streamError: message }),
      connection: (connection) => {
        if (connection === "live") this.#retry();
        this.#show({ connection });
      },
    };
    addEventListener("online", this.#retry);
    addEventListener("offline", this.#check);
    addEventListener("lf-loggedout", this.#handleLogout);
    this.#stop = watchRun(root.dataset.lakeflowRun, handlers, { whileHidden: () => true, brief: true });
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
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
      const { word } = this.#meta;
      await this.#parts.load();
      this.#loadError = "";
      this.#retryAt = Infinity;
      this.#adapt();
      const now = this.#meta.word;
      if (now !== word) this.#announce(`State of the run: ${now}.`);
    } catch (error) {
      this.#handleFailure(error.message);
    }
  }

  #handleFailure(message) {
    this.#loadError = message;
    this.#retryAt = Date.now() + RETRY_INTERVAL_MS;
    this.#show({});
  }

  /** Another request of the page, such as that of a log, was answered with a login page. */
  #handleLogout = () => this.#handleFailure(LOGGED_OUT);

  /** Find out whether the app can be reached: a stream does not notice that its network is gone. */
  #check = () => this.#refresh();

  /** Load the page at the next tick if the last load failed, because the app can be reached again. */
  #retry = () => {
    this.#retryAt = 0;
  };

  /** Adapt new markup from the server to the browser. */
  #adapt() {
    this.#skew = readSkew(this.#root);
    this.#stateTime = (Number(this.#meta.staleSince) || Number(this.#meta.now)) - this.#skew;
    if (this.#meta.word && document.title.includes(": ") && document.documentElement.classList.contains("lf-page")) {
      document.title = document.title.replace(/^[^:]*/, this.#meta.word);
      const icon = document.querySelector("link[data-state-icon]");
      if (icon && icon.getAttribute("href") !== this.#meta.icon) icon.href = this.#meta.icon;
    }
    localize(this.#root);
    this.#graph.adapt();
    this.#tasks.adapt();
    this.#openOnlyTask();
    if (this.#status) showProgress(this.#root, this.#status.progress);
    this.#notifier.adapt(this.#root.querySelector("[data-notify]"));
    this.#show({});
    this.#tick();
  }

  /** Open the row of the only task of an ended run, once: its result is why people open the page. */
  #openOnlyTask() {
    const rows = this.#root.querySelectorAll(".lf-attempt");
    if (this.#hasOpenedTask || !this.#meta.over || rows.length !== 1) return;
    this.#hasOpenedTask = rows[0].open = true;
  }

  #show({ connection = this.#connection, streamError = this.#streamError }) {
    this.#connection = connection;
    this.#streamError = streamError;
    const place = this.#root.querySelector("[data-connection]");
    if (!place) return;
    const outage = connection === "offline" ? "No network." : this.#meta.staleSince && "The workspace cannot be reached.";
    const problem = this.#loadError || streamError || outage;
    place.dataset.connection = problem ? "stale" : connection;
    place.textContent = problem ? `${problem} ${formatAge(this.#stateTime)}` : CONNECTIONS[connection];
    if (problem !== this.#problem) this.#announce(problem);
    this.#problem = problem;
  }

  /** Announce a text to readers with screen readers. */
  #announce(text) {
    if (this.#announcer) this.#announcer.textContent = text;
  }

  /** Stop after another script has removed the run from the page. */
  #close() {
    clearInterval(this.#ticker);
    removeEventListener("online", this.#retry);
    removeEventListener("offline", this.#check);
    removeEventListener("lf-loggedout", this.#handleLogout);
    this.#stop();
    this.#announcer.remove();
  }

  #tick() {
    if (!this.#root.isConnected) return this.#close();
    if (this.#meta.over) return;
    if (!this.#problem && CURRENT.includes(this.#connection)) this.#stateTime = Date.now();
    const now = this.#stateTime + this.#skew; // durations do not grow while the shown state is old
    updateDurations(this.#root, now);
    const axis = this.#root.querySelector("[data-part=axis]").dataset;
    const [from, to] = [Number(axis.from), Number(axis.to)];
    for (const bar of this.#root.querySelectorAll("[data-grows]")) {
      bar.setAttribute("width", Math.max(0, now - from - Number(bar.dataset.grows)));
    }
    const isDue = this.#loadError ? Date.now() > this.#retryAt : Date.now() + this.#skew > to;
    if (isDue && !this.#isLoading) this.#refresh();
  }
}

/** Create a live region after an element, for screen readers. */
function createAnnouncer(root) {
  const place = document.createElement("p");
  place.className = "lf-unseen";
  place.setAttribute("role", "status");
  root.after(place);
  return place;
}
