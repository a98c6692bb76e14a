// Start Lakeflow jobs from a page and follow their runs. A plain ES module without a build step.
//
//     import { runJob, watchRun } from "/api/jobs/lakeflow.js";
//
//     const { url } = await runJob("/api/jobs/etl", { day: "2025-01-01" });
//     watchRun(url, { status: ({ outcome }) => show(outcome), end: () => show("done") });

/**
 * A problem document (RFC 9457) from the jobs API.
 * @typedef {object} Problem
 * @property {string} [type]
 * @property {string} [title]
 * @property {number} [status]
 * @property {string} [detail]  an explanation for people
 * @property {boolean} [retryable]  whether the same request may succeed later
 * @property {Record<string, unknown>} [errors]  errors of the parameters, by field
 */

/**
 * The state of a run at its last update.
 * @typedef {object} RunStatus
 * @property {string} status  the life-cycle state of the Jobs API
 * @property {string} outcome  "running", "succeeded", "failed", …
 * @property {number} timestamp  the time of the poll, in milliseconds since the epoch
 * @property {number} [eta]  the expected end, in milliseconds since the epoch
 * @property {RunProgress} [progress]  what the active run has reported
 * @property {any} run  the run in the format of the Jobs API
 */

/**
 * A report of progress, about the run as a whole if the task is null.
 * @typedef {{percent: number, message: string, task: string | null, timestamp: number}} Progress
 *
 * That of the run if it was reported, otherwise of the task that reported last; and of all active tasks, by key.
 * @typedef {Progress & {tasks: Record<string, Progress>}} RunProgress
 */

/**
 * How updates arrive: "connecting" · "live" as they happen · "polling" every few seconds · "paused" while the page
 * is hidden · "offline" · "closed" permanently.
 * @typedef {"connecting" | "live" | "polling" | "paused" | "offline" | "closed"} Connection
 */

/**
 * Callbacks for the events of a run. Each receives the URL of the run that the event is about.
 * @typedef {object} Handlers
 * @property {(status: RunStatus, runUrl: string, id: string) => void} [status]  the current state, then each
 *   new one; the id identifies the state, or with several runs the states of all
 * @property {(problem: Problem, runUrl: string) => void} [stale]  the workspace cannot be polled at the
 *   moment, so the last state may be outdated; watching continues
 * @property {(runUrl: string) => void} [fresh]  the workspace responds again
 * @property {() => void} [end]  no more events follow
 * @property {(error: JobsError, runUrl: string) => void} [error]  the run can no longer be followed
 * @property {(connection: Connection) => void} [connection]  the way that updates arrive has changed
 */

/** An error response of the API, or a failure to reach it. */
export class JobsError extends Error {
  /**
   * @param {Problem} problem
   * @param {number} [retryAfter]  milliseconds after which the same request may succeed
   */
  constructor(problem, retryAfter) {
    super(problem.detail || problem.title || "The request failed.");
    this.name = "JobsError";
    this.problem = problem;
    /** Errors of the parameters, by field. */
    this.errors = problem.errors ?? {};
    this.status = problem.status ?? 0;
    this.retryable = Boolean(problem.retryable);
    this.retryAfter = retryAfter;
  }
}

const UNREACHABLE = { detail: "The app cannot be reached. Try again in a moment.", retryable: true };
const NO_STREAM = {
  detail: "The response is not an event stream. Reload the page; you may have to sign in.",
};

/** Statuses of an overloaded or restarting app or gateway, for which a retry may succeed. */
const RETRYABLE_STATUSES = new Set([408, 425, 429, 502, 503, 504]);

/**
 * Send a request to the API.
 * @param {string} url
 * @param {RequestInit & {fetch?: typeof fetch}} [options]  as for fetch, or with another fetch
 * @returns {Promise<Response>} a successful response
 * @throws {JobsError} for any other response; an abort throws the error of fetch
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
  throw new JobsError(await readProblem(response), readRetryAfter(response));
}

/** @param {Response} response @returns {Promise<Problem>} */
async function readProblem(response) {
  const { status } = response;
  const document = await response.json().catch(() => undefined);
  return {
    status,
    detail: `The app responded with status ${status}.`,
    retryable: RETRYABLE_STATUSES.has(status),
    ...(document && typeof document === "object" ? document : {}),
  };
}

/** @param {Response} response @returns {number | undefined} milliseconds */
function readRetryAfter(response) {
  const header = response.headers.get("Retry-After");
  if (!header) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

const MAX_ATTEMPTS = 5;
const MAX_DELAY_MS = 60_000;

/**
 * Start one run of a job. All attempts carry the same idempotency key, so a retry starts no second run.
 * @param {string} jobUrl  the job in the API, such as "/api/jobs/etl"
 * @param {Record<string, unknown>} [params]
 * @param {object} [options]
 * @param {string} [options.idempotencyKey]  a later call with the same key returns the same run
 * @param {AbortSignal} [options.signal]  aborts the request; a run that has started continues
 * @param {typeof fetch} [options.fetch]
 * @returns {Promise<{runId: string, url: string, replayed: boolean}>} the run; its id is a string because ids
 *   may exceed the safe integers of JavaScript
 * @throws {JobsError} if the API refuses the request, or if all attempts fail
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
      if (!runId) throw new JobsError({ detail: "The response has no run id. Check the runs of the job." });
      const replayed = response.headers.get("Idempotency-Replayed") === "true";
      return { runId, url: `${job}/runs/${runId}`, replayed };
    } catch (error) {
      const delay = error.retryAfter ?? backoff(attempt, 500);
      if (!error.retryable || attempt === MAX_ATTEMPTS || delay > MAX_DELAY_MS) throw error;
      await sleep(delay, signal);
    }
  }
}

/** Create a random key. Browsers provide randomUUID in secure contexts only. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, "0")).join("");
}

/** Return an exponential delay with jitter, so that pages do not retry at the same time. */
function backoff(failures, first) {
  return Math.min(MAX_DELAY_MS, first * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
}

/** @param {number} milliseconds @param {AbortSignal} [signal]  rejects with its reason if it is aborted */
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

/**
 * Follow a run until it has ended. Watching never starts a run; any number of pages may watch the same run.
 * @param {string} runUrl  the run in the API, such as "/api/jobs/etl/runs/12"
 * @param {Handlers} handlers
 * @param {WatchOptions} [options]
 * @returns {() => void} stops watching
 *
 * @typedef {object} WatchOptions
 * @property {AbortSignal} [signal]  stops watching
 * @property {typeof fetch} [fetch]
 * @property {() => boolean} [whileHidden]  whether to poll while the page is hidden too
 */
export function watchRun(runUrl, handlers, options = {}) {
  const url = runUrl.replace(/\/$/, "");
  return begin(new Watch(`${url}/stream`, () => runUrl, 1, handlers, options), options.signal);
}

/**
 * Follow several runs over one connection. A browser allows six per origin, over all its tabs.
 * @param {string[]} runUrls  runs of any jobs of one API
 * @param {Handlers} handlers
 * @param {WatchOptions} [options]
 * @returns {() => void} stops watching
 */
export function watchRuns(runUrls, handlers, options = {}) {
  const runs = runUrls.map((url) => ({ url, ...parseRunUrl(url) }));
  if (!runs.length) return () => {};
  const query = runs.map(({ key, id }) => `run=${encodeURIComponent(`${key}:${id}`)}`).join("&");
  const urlOf = ({ job, runId }) => runs.find(({ key, id }) => key === job && Number(id) === runId)?.url ?? "";
  return begin(new Watch(`${runs[0].api}/stream?${query}`, urlOf, runs.length, handlers, options), options.signal);
}

/** @param {string} runUrl */
function parseRunUrl(runUrl) {
  const [, api, key, id] = /^(.*)\/([^/]+)\/runs\/(\d+)\/?$/.exec(runUrl) ?? [];
  if (!id) throw new TypeError(`A run URL is …/<job>/runs/<id>, not ${JSON.stringify(runUrl)}.`);
  return { api, key: decodeURIComponent(key), id };
}

/** @param {Watch} watch @param {AbortSignal} [signal] */
function begin(watch, signal) {
  const stop = () => watch.stop();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  else watch.begin();
  return stop;
}

/** Time without events after which the stream is checked by a poll, because a proxy may buffer it. */
const FIRST_SILENCE_MS = 10_000; // before the first event
const SILENCE_MS = 30_000;

/** A server that cannot hold a stream ends each one at once, so that the client polls by reconnecting. */
const SHORT_STREAM_MS = 1_500;
const MIN_SHORT_STREAMS = 2; // in a row

const POLL_INTERVAL_MS = 5_000;
const MAX_STREAM_FAILURES = 2;

/** Follows one stream: by EventSource as long as that works, otherwise by polling the same URL. */
class Watch {
  /** @type {EventSource | undefined} */
  #source;
  #lastId = "";
  #isOver = false;
  #connection = "";
  #streamFailures = 0;
  #pollFailures = 0;
  #openedAt = 0;
  #shortStreams = 0;
  #pollInterval = POLL_INTERVAL_MS;
  #timers = new Map();
  #abort = new AbortController();

  /**
   * @param {string} url  the URL of the stream
   * @param {(event: any) => string} urlOf  returns the URL of the run that an event is about
   * @param {number} runs  the number of runs in the stream
   * @param {Handlers} handlers
   * @param {WatchOptions} options
   */
  constructor(url, urlOf, runs, handlers, options) {
    this.url = url;
    this.urlOf = urlOf;
    this.runs = runs;
    this.handlers = handlers;
    this.fetch = options.fetch;
    this.whileHidden = options.whileHidden ?? (() => false);
  }

  begin() {
    document.addEventListener("visibilitychange", this.#resume);
    addEventListener("online", this.#resume);
    if (typeof EventSource === "undefined") this.#poll();
    else this.#stream();
  }

  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#close();
    this.#abort.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    document.removeEventListener("visibilitychange", this.#resume);
    removeEventListener("online", this.#resume);
    this.#setConnection("closed");
  }

  #stream() {
    if (this.#connection !== "polling") this.#setConnection("connecting");
    const source = (this.#source = new EventSource(this.#buildUrl({})));
    source.onopen = () => {
      this.#openedAt = performance.now();
      if (this.#hasShortStreams()) this.#setTimer("live", SHORT_STREAM_MS, () => this.#setConnection("live"));
      else this.#setConnection("live");
    };
    source.onmessage = (event) => {
      this.#streamFailures = 0;
      this.#checkAfter(SILENCE_MS);
      this.#handle("message", event.data, event.lastEventId);
    };
    for (const name of ["stale", "fresh", "end"]) {
      source.addEventListener(name, (event) => this.#handle(name, event.data, ""));
    }
    source.addEventListener("error", (event) => {
      // An error event of the server has data. An error event of the browser has none.
      if (event instanceof MessageEvent) this.#handle("error", event.data, "");
      else if (source.readyState === EventSource.CLOSED) this.#onRefusal();
      else this.#onDisconnect();
    });
    this.#checkAfter(FIRST_SILENCE_MS);
  }

  /** EventSource reconnects by itself, with the id of the last event. */
  #onDisconnect() {
    clearTimeout(this.#timers.get("live"));
    const isShort = this.#openedAt > 0 && performance.now() - this.#openedAt < SHORT_STREAM_MS;
    this.#shortStreams = isShort ? this.#shortStreams + 1 : 0;
    this.#openedAt = 0;
    this.#setConnection(this.#hasShortStreams() ? "polling" : "connecting");
  }

  #hasShortStreams() {
    return this.#shortStreams >= MIN_SHORT_STREAMS;
  }

  /** EventSource has given up and hides the reason. The same request as a poll returns it, or succeeds by now. */
  #onRefusal() {
    this.#close();
    this.#streamFailures += 1;
    this.#poll();
  }

  /** Poll once after a silence. If the poll has events that the stream does not deliver, a proxy buffers the stream. */
  #checkAfter(delay) {
    this.#setTimer("check", delay, async () => {
      if (document.hidden || !navigator.onLine) return this.#checkAfter(delay);
      const lastId = this.#lastId;
      const events = await this.#fetchEvents().catch(() => []);
      const isBuffered = events.some(({ name }) => name !== "retry") && lastId === this.#lastId;
      if (this.#isOver) return;
      if (!isBuffered) return this.#checkAfter(SILENCE_MS);
      this.#close();
      this.#streamFailures = MAX_STREAM_FAILURES; // the proxy buffers the next stream too
      this.#handleAll(events);
      this.#pollLater(this.#pollInterval);
    });
  }

  #close() {
    this.#source?.close();
    this.#source = undefined;
    for (const name of ["check", "live"]) clearTimeout(this.#timers.get(name));
  }

  async #poll() {
    if (this.#isOver) return;
    if (document.hidden && !this.whileHidden()) return this.#setConnection("paused"); // until the page is visible
    try {
      const events = await this.#fetchEvents();
      if (this.#isOver) return;
      this.#pollFailures = 0;
      if (this.#mayStream()) this.#setTimer("stream", backoff(this.#streamFailures, 1_000), () => this.#stream());
      else this.#setConnection("polling");
      this.#handleAll(events);
      if (!this.#mayStream()) this.#pollLater(this.#pollInterval);
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
    this.#setConnection(navigator.onLine ? "connecting" : "offline");
    this.#pollLater(error.retryAfter ?? backoff(this.#pollFailures, 1_000));
  }

  #mayStream() {
    return typeof EventSource !== "undefined" && this.#streamFailures < MAX_STREAM_FAILURES;
  }

  #pollLater(delay) {
    if (!this.#isOver) this.#setTimer("poll", Math.min(delay, MAX_DELAY_MS), () => this.#poll());
  }

  #resume = () => {
    const isWaiting = this.#connection === "paused" || this.#connection === "offline";
    if (isWaiting && !document.hidden) this.#pollLater(0);
  };

  /** Return the current state as events of a stream; none if nothing has changed. */
  async #fetchEvents() {
    const response = await request(this.#buildUrl({ poll: "1" }), {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal: this.#abort.signal,
      fetch: this.fetch,
    });
    if (response.status === 204) return [{ name: "end", data: "", id: "" }];
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new JobsError(NO_STREAM);
    return parseEvents(await response.text());
  }

  /** @param {Record<string, string>} query */
  #buildUrl(query) {
    const parameters = new URLSearchParams(this.#lastId ? { ...query, lastEventId: this.#lastId } : query).toString();
    return parameters ? `${this.url}${this.url.includes("?") ? "&" : "?"}${parameters}` : this.url;
  }

  #handleAll(events) {
    for (const { name, data, id } of events) if (!this.#isOver) this.#handle(name, data, id);
  }

  #handle(name, data, id) {
    if (name === "retry") return void (this.#pollInterval = Number(data));
    if (name === "end") return this.#end();
    const { job, runId, ...body } = JSON.parse(data);
    const runUrl = this.urlOf({ job, runId });
    if (name === "stale") this.handlers.stale?.(body, runUrl);
    else if (name === "fresh") this.handlers.fresh?.(runUrl);
    else if (name === "error") this.#handleError(new JobsError(body), runUrl);
    else if (id !== this.#lastId) {
      this.#lastId = id;
      this.handlers.status?.(body, runUrl, id);
    }
  }

  #handleError(error, runUrl) {
    this.handlers.error?.(error, runUrl);
    this.runs -= 1;
    if (this.runs === 0) this.stop();
  }

  #end() {
    if (this.#isOver) return;
    this.stop();
    this.handlers.end?.();
  }

  #setConnection(connection) {
    if (connection === this.#connection) return;
    this.#connection = connection;
    this.handlers.connection?.(connection);
  }

  #setTimer(name, milliseconds, call) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(call, milliseconds));
  }
}

/**
 * Parse an event stream (WHATWG HTML 9.2). A "retry" field becomes an event with its milliseconds.
 * @param {string} text
 * @returns {{name: string, data: string, id: string}[]}
 */
function parseEvents(text) {
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
