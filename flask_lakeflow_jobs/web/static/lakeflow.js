// Start Lakeflow jobs from a page and follow their runs: plain ES module, no build step.
//
//     import { runJob, watchRun } from "/api/jobs/lakeflow.js";
//
//     const { url } = await runJob("/api/jobs/etl", { day: "2025-01-01" });
//     watchRun(url, { status: ({ outcome }) => show(outcome), end: () => show("done") });

/**
 * A problem document (RFC 9457), as the jobs API sends it.
 * @typedef {object} Problem
 * @property {string} [type]
 * @property {string} [title]
 * @property {number} [status]
 * @property {string} [detail]  a sentence for people
 * @property {boolean} [retryable]  whether the same request may succeed later
 * @property {Record<string, unknown>} [errors]  what is wrong with the parameters, by field
 */

/**
 * A run as it was when the app last saw something change.
 * @typedef {object} RunStatus
 * @property {string} status  the life-cycle word of the Jobs API
 * @property {string} outcome  "running", "succeeded", "failed", …
 * @property {number} timestamp  when it was seen, in milliseconds since the epoch
 * @property {number} [eta]  when it is expected to end, in milliseconds since the epoch
 * @property {any} run  the run as the Jobs API spells it
 */

/**
 * How news come: "connecting" · "live" as they happen · "polling" every few seconds · "paused" while nobody
 * looks at the page · "offline" · "closed" for good.
 * @typedef {"connecting" | "live" | "polling" | "paused" | "offline" | "closed"} Connection
 */

/**
 * What to do with news of a run. Each is called with the address of the run it is about.
 * @typedef {object} Handlers
 * @property {(status: RunStatus, runUrl: string, id: string) => void} [status]  the present state, then each new one;
 *   the id names the state, or with several runs those of all
 * @property {(problem: Problem, runUrl: string) => void} [stale]  the workspace cannot be asked just now; what was
 *   seen last still stands, and the watch goes on
 * @property {(runUrl: string) => void} [fresh]  it can be asked again
 * @property {() => void} [end]  all has been told; nothing more will come
 * @property {(error: JobsError, runUrl: string) => void} [error]  there is nothing more to learn of this run
 * @property {(connection: Connection) => void} [connection]  how news come has changed
 */

/** What the API refused, or could not do. */
export class JobsError extends Error {
  /**
   * @param {Problem} problem
   * @param {number} [retryAfter]  milliseconds after which the same request may succeed
   */
  constructor(problem, retryAfter) {
    super(problem.detail || problem.title || "The request failed.");
    this.name = "JobsError";
    this.problem = problem;
    /** What is wrong with the parameters, by field. */
    this.errors = problem.errors ?? {};
    this.status = problem.status ?? 0;
    this.retryable = Boolean(problem.retryable);
    this.retryAfter = retryAfter;
  }
}

const UNREACHABLE = { detail: "The app cannot be reached. Try again in a moment.", retryable: true };
const NO_STREAM = {
  detail: "The app did not answer with news of the run, but with something else. Reload the page; you may have to sign in.",
};

/** What a gateway in front of the app says when only waiting helps. */
const PASSING = new Set([429, 502, 503, 504]);

// ── Asking ──────────────────────────────────────────────────────────────────────────────────────

/**
 * Ask the API.
 * @param {string} url
 * @param {RequestInit & {fetch?: typeof fetch}} [options]  as for fetch, or with another fetch
 * @returns {Promise<Response>} a success
 * @throws {JobsError} anything else; an abort throws what fetch throws
 */
export async function request(url, { fetch = globalThis.fetch, ...options } = {}) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new JobsError(UNREACHABLE);
  }
  if (response.ok) return response;
  throw new JobsError(await problemOf(response), retryAfterOf(response));
}

/** @param {Response} response @returns {Promise<Problem>} */
async function problemOf(response) {
  const { status } = response;
  const document = await response.json().catch(() => undefined);
  if (document && typeof document === "object") return { status, ...document };
  return { status, detail: `The app answered with status ${status}.`, retryable: PASSING.has(status) };
}

/** @param {Response} response  milliseconds, if it says */
function retryAfterOf(response) {
  const header = response.headers.get("Retry-After");
  if (!header) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

// ── Starting ────────────────────────────────────────────────────────────────────────────────────

const ATTEMPTS = 5;
const LONGEST_PAUSE = 60_000;

/**
 * Start a job. However often the request has to be sent, one run comes of it: all attempts carry one key.
 * @param {string} jobUrl  the job in the API, such as "/api/jobs/etl"
 * @param {Record<string, unknown>} [params]
 * @param {object} [options]
 * @param {string} [options.idempotencyKey]  names the intent: the same key answers the same run, in later calls too
 * @param {AbortSignal} [options.signal]  gives up; a run that has started goes on
 * @param {typeof fetch} [options.fetch]
 * @returns {Promise<{runId: string, url: string, replayed: boolean}>} the run; its id is text since ids may be larger
 *   than a JavaScript number can tell apart
 * @throws {JobsError} it was refused, or failed again and again
 */
export async function runJob(jobUrl, params = {}, { idempotencyKey = newKey(), signal, fetch } = {}) {
  const job = jobUrl.replace(/\/$/, "");
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
    body: JSON.stringify({ params }),
    signal,
    fetch,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await request(`${job}/run`, options);
      const runId = /"runId":\s*(\d+)/.exec(await response.text())?.[1];
      if (!runId) throw new JobsError({ detail: "The app did not say which run it started. Look at the job's runs." });
      const replayed = response.headers.get("Idempotency-Replayed") === "true";
      return { runId, url: `${job}/runs/${runId}`, replayed };
    } catch (error) {
      const pause = error.retryAfter ?? pauseAfter(attempt, 500);
      if (!error.retryable || attempt === ATTEMPTS || pause > LONGEST_PAUSE) throw error;
      await sleep(pause, signal);
    }
  }
}

/** A key for one intent; randomUUID is there on secure origins only. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, "0")).join("");
}

/** Longer with each failure, and never the same for all pages. */
function pauseAfter(failures, first) {
  return Math.min(LONGEST_PAUSE, first * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
}

/** @param {number} milliseconds @param {AbortSignal} [signal]  ends it with what the signal was aborted for */
function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(undefined);
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

// ── Watching ────────────────────────────────────────────────────────────────────────────────────

/**
 * Follow a run until it has ended. Watching never starts a run, and may be done by any number of pages at once.
 * @param {string} runUrl  the run in the API, such as "/api/jobs/etl/runs/12"
 * @param {Handlers} handlers
 * @param {WatchOptions} [options]
 * @returns {() => void} stops watching
 *
 * @typedef {object} WatchOptions
 * @property {AbortSignal} [signal]  stops watching
 * @property {typeof fetch} [fetch]
 */
export function watchRun(runUrl, handlers, options = {}) {
  const url = runUrl.replace(/\/$/, "");
  return begun(new Watch(`${url}/stream`, () => runUrl, 1, handlers, options), options.signal);
}

/**
 * Follow several runs over one connection; a browser has six for all pages of an app.
 * @param {string[]} runUrls  runs in one API, of any of its jobs
 * @param {Handlers} handlers
 * @param {WatchOptions} [options]
 * @returns {() => void} stops watching
 */
export function watchRuns(runUrls, handlers, options = {}) {
  const runs = runUrls.map((url) => ({ url, ...partsOf(url) }));
  if (!runs.length) return () => {};
  const query = runs.map(({ key, id }) => `run=${encodeURIComponent(`${key}:${id}`)}`).join("&");
  const urlOf = ({ job, runId }) => runs.find(({ key, id }) => key === job && Number(id) === runId)?.url ?? "";
  return begun(new Watch(`${runs[0].api}/stream?${query}`, urlOf, runs.length, handlers, options), options.signal);
}

/** @param {string} runUrl */
function partsOf(runUrl) {
  const [, api, key, id] = /^(.*)\/([^/]+)\/runs\/(\d+)\/?$/.exec(runUrl) ?? [];
  if (!id) throw new TypeError(`A run's address is …/<job>/runs/<id>, not ${JSON.stringify(runUrl)}.`);
  return { api, key: decodeURIComponent(key), id };
}

/** @param {Watch} watch @param {AbortSignal} [signal] */
function begun(watch, signal) {
  const stop = () => watch.stop();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  else watch.begin();
  return stop;
}

/** Silence after which it is checked whether a stream still brings news: a proxy may hold them back. */
const SUSPICIOUS = 10_000; // before anything has come
const SUSPICIOUS_LATER = 30_000;

/** Connections that end sooner than this, time after time, are a server's way of having itself polled. */
const SHORT = 1_500;
const SHORT_IN_A_ROW = 2;

const POLL = 5_000;
const STREAM_FAILURES = 2;

/** Follows one stream: by the browser's EventSource as long as that works, else by polling the same address. */
class Watch {
  /** @type {EventSource | undefined} */
  #source;
  #lastId = "";
  #isOver = false;
  #connection = "";
  #streamFailures = 0;
  #pollFailures = 0;
  #openedAt = 0;
  #shortInARow = 0;
  #pause = POLL;
  #timers = new Map();
  #abort = new AbortController();

  /**
   * @param {string} url  the stream
   * @param {(whose: any) => string} urlOf  the address of the run that an event is about
   * @param {number} runs  how many are followed
   * @param {Handlers} handlers
   * @param {WatchOptions} options
   */
  constructor(url, urlOf, runs, handlers, options) {
    this.url = url;
    this.urlOf = urlOf;
    this.runs = runs;
    this.handlers = handlers;
    this.fetch = options.fetch;
  }

  begin() {
    document.addEventListener("visibilitychange", this.#onReturn);
    addEventListener("online", this.#onReturn);
    if (typeof EventSource === "undefined") this.#poll();
    else this.#stream();
  }

  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#close();
    this.#abort.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    document.removeEventListener("visibilitychange", this.#onReturn);
    removeEventListener("online", this.#onReturn);
    this.#say("closed");
  }

  // ── by stream ──

  #stream() {
    if (this.#connection !== "polling") this.#say("connecting");
    const source = (this.#source = new EventSource(this.#address({})));
    source.onopen = () => {
      this.#openedAt = performance.now();
      if (this.#isServedShort()) this.#after("live", SHORT, () => this.#say("live"));
      else this.#say("live");
    };
    source.onmessage = (event) => {
      this.#streamFailures = 0;
      this.#suspect(SUSPICIOUS_LATER);
      this.#take("message", event.data, event.lastEventId);
    };
    for (const name of ["stale", "fresh", "end"]) {
      source.addEventListener(name, (event) => this.#take(name, event.data, ""));
    }
    source.addEventListener("error", (event) => {
      // The server's word for a failure is an event with data; the browser's own has none.
      if (event instanceof MessageEvent) this.#take("error", event.data, "");
      else if (source.readyState === EventSource.CLOSED) this.#onRefusal();
      else this.#onBreak();
    });
    this.#suspect(SUSPICIOUS);
  }

  /** The browser takes the stream up again by itself, where it broke. */
  #onBreak() {
    clearTimeout(this.#timers.get("live"));
    const wasShort = this.#openedAt > 0 && performance.now() - this.#openedAt < SHORT;
    this.#shortInARow = wasShort ? this.#shortInARow + 1 : 0;
    this.#openedAt = 0;
    this.#say(this.#isServedShort() ? "polling" : "connecting");
  }

  #isServedShort() {
    return this.#shortInARow >= SHORT_IN_A_ROW;
  }

  /** The browser gives up and does not tell why: the same request tells, and a gateway's bad moment may be over. */
  #onRefusal() {
    this.#close();
    this.#streamFailures += 1;
    this.#poll();
  }

  /** Silence is normal as long as nothing happens, so ask whether anything has. */
  #suspect(pause) {
    this.#after("suspicion", pause, async () => {
      if (document.hidden || !navigator.onLine) return this.#suspect(pause);
      const known = this.#lastId;
      const events = await this.#ask().catch(() => []);
      const isHeldBack = events.some(({ name }) => name !== "retry") && known === this.#lastId;
      if (this.#isOver) return;
      if (!isHeldBack) return this.#suspect(SUSPICIOUS_LATER);
      this.#close();
      this.#streamFailures = STREAM_FAILURES; // it will not get better
      this.#takeAll(events);
      this.#pollLater(this.#pause);
    });
  }

  #close() {
    this.#source?.close();
    this.#source = undefined;
    for (const name of ["suspicion", "live"]) clearTimeout(this.#timers.get(name));
  }

  // ── by polling ──

  async #poll() {
    if (this.#isOver) return;
    if (document.hidden) return this.#say("paused"); // a look at the page goes on with it
    try {
      const events = await this.#ask();
      if (this.#isOver) return;
      this.#pollFailures = 0;
      if (this.#mayStream()) this.#after("stream", pauseAfter(this.#streamFailures, 1_000), () => this.#stream());
      else this.#say("polling");
      this.#takeAll(events);
      if (!this.#mayStream()) this.#pollLater(this.#pause);
    } catch (error) {
      if (!this.#isOver) this.#onFailedPoll(error);
    }
  }

  #onFailedPoll(error) {
    if (!(error instanceof JobsError)) throw error;
    if (!error.retryable) {
      this.handlers.error?.(error, this.runs === 1 ? this.urlOf({}) : "");
      return this.stop();
    }
    this.#pollFailures += 1;
    this.#say(navigator.onLine ? "connecting" : "offline");
    this.#pollLater(error.retryAfter ?? pauseAfter(this.#pollFailures, 1_000));
  }

  #mayStream() {
    return typeof EventSource !== "undefined" && this.#streamFailures < STREAM_FAILURES;
  }

  #pollLater(pause) {
    if (!this.#isOver) this.#after("poll", Math.min(pause, LONGEST_PAUSE), () => this.#poll());
  }

  #onReturn = () => {
    const isWaiting = this.#connection === "paused" || this.#connection === "offline";
    if (isWaiting && !document.hidden) this.#pollLater(0);
  };

  /** The present state, in the words of a stream; no event if nothing has changed. */
  async #ask() {
    const response = await request(this.#address({ poll: "1" }), {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal: this.#abort.signal,
      fetch: this.fetch,
    });
    if (response.status === 204) return [{ name: "end", data: "", id: "" }];
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new JobsError(NO_STREAM);
    return eventsIn(await response.text());
  }

  /** @param {Record<string, string>} query */
  #address(query) {
    const more = new URLSearchParams(this.#lastId ? { ...query, lastEventId: this.#lastId } : query).toString();
    return more ? `${this.url}${this.url.includes("?") ? "&" : "?"}${more}` : this.url;
  }

  // ── either way ──

  #takeAll(events) {
    for (const { name, data, id } of events) if (!this.#isOver) this.#take(name, data, id);
  }

  #take(name, data, id) {
    if (name === "retry") return void (this.#pause = Number(data));
    if (name === "end") return this.#end();
    const { job, runId, ...news } = JSON.parse(data);
    const runUrl = this.urlOf({ job, runId });
    if (name === "stale") this.handlers.stale?.(news, runUrl);
    else if (name === "fresh") this.handlers.fresh?.(runUrl);
    else if (name === "error") this.#lose(new JobsError(news), runUrl);
    else if (id !== this.#lastId) {
      this.#lastId = id;
      this.handlers.status?.(news, runUrl, id);
    }
  }

  #lose(error, runUrl) {
    this.handlers.error?.(error, runUrl);
    this.runs -= 1;
    if (this.runs === 0) this.stop();
  }

  #end() {
    if (this.#isOver) return;
    this.stop();
    this.handlers.end?.();
  }

  #say(connection) {
    if (connection === this.#connection) return;
    this.#connection = connection;
    this.handlers.connection?.(connection);
  }

  #after(name, milliseconds, call) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(call, milliseconds));
  }
}

/**
 * The events in an answer, as WHATWG HTML 9.2 has them, and among them "retry" with its milliseconds.
 * @param {string} text
 * @returns {{name: string, data: string, id: string}[]}
 */
function eventsIn(text) {
  const events = [];
  let [name, data, id] = ["", [], ""];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (line === "") {
      if (data.length) events.push({ name: name || "message", data: data.join("\n"), id });
      [name, data] = ["", []];
    } else if (field === "event") name = value;
    else if (field === "data") data.push(value);
    else if (field === "id") id = value;
    else if (field === "retry") events.push({ name: "retry", data: value, id: "" });
  }
  return events;
}
