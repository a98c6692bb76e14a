// Streams of events for lakeflow.js: by EventSource as long as that works, otherwise by polls.

import { JobsError, MAX_DELAY_MS, backoff, readText, request } from "./lakeflow-requests.js";

const NO_STREAM = {
  detail: "The response is not an event stream. Reload the page; you may have to log in.",
};

/** Time without events after which the stream is checked by a poll, because a proxy may buffer it. */
const FIRST_SILENCE_MS = 10_000; // before the first event
const SILENCE_MS = 30_000;

/** A server that cannot hold a stream ends each one at once, so that the client polls by reconnecting. */
const SHORT_STREAM_MS = 1_500;
const MIN_SHORT_STREAMS = 2; // in a row

/** After this time, a hidden page gives its connection back: over HTTP/1.1, a browser has six for all its tabs. */
const HIDDEN_MS = 10_000;

/** Longer URLs are not sent: gunicorn refuses them beyond 4,094 bytes with the method and the version. */
const MAX_URL_LENGTH = 4_000;

const POLL_INTERVAL_MS = 5_000;
const MAX_STREAM_FAILURES = 2;

/** Follows one stream: by EventSource as long as that works, otherwise by polling the same URL. */
export class Watch {
  /** @type {EventSource | undefined} */
  #source;
  #lastId = "";
  #failed = new Set(); // URLs of runs that cannot be followed
  #stale = new Set(); // URLs of runs whose last state may be outdated
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
    if (this.#mayStream()) this.#stream();
    else this.#poll();
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
      this.#handleAll([]);
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
      const isBuffered = events.some(({ name }) => !["retry", "stale"].includes(name)) && lastId === this.#lastId;
      if (this.#isOver) return;
      if (!isBuffered) return this.#checkAfter(SILENCE_MS);
      this.#close();
      this.#streamFailures = MAX_STREAM_FAILURES; // the proxy buffers the next stream too
      try {
        this.#handleAll(events);
      } finally {
        this.#pollLater(this.#pollInterval);
      }
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
      try {
        this.#handleAll(events);
      } finally {
        if (!this.#mayStream()) this.#pollLater(this.#pollInterval); // also if a handler throws
      }
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
    return typeof EventSource !== "undefined" && this.#streamFailures < MAX_STREAM_FAILURES && !document.hidden;
  }

  #pollLater(delay) {
    if (!this.#isOver) this.#setTimer("poll", Math.min(delay, MAX_DELAY_MS), () => this.#poll());
  }

  #resume = () => {
    if (document.hidden) return this.#setTimer("hide", HIDDEN_MS, () => this.#source && this.#leaveStream());
    clearTimeout(this.#timers.get("hide"));
    const isWaiting = this.#connection === "paused" || this.#connection === "offline";
    if (isWaiting || (!this.#source && this.#mayStream())) this.#pollLater(0);
  };

  /** Poll instead, or pause. */
  #leaveStream() {
    this.#close();
    this.#poll();
  }

  /** Return the current state as events of a stream; none if nothing has changed. */
  async #fetchEvents() {
    const url = this.#buildUrl({ poll: "1" });
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (this.#lastId && !url.includes("lastEventId=")) headers["Last-Event-ID"] = this.#lastId;
    const response = await request(url, {
      headers,
      cache: "no-store",
      signal: this.#abort.signal,
      fetch: this.fetch,
    });
    if (response.status === 204) return [{ name: "end", data: "", id: "" }];
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new JobsError(NO_STREAM);
    return parseEvents(await readText(response, this.#abort.signal));
  }

  /**
   * Return the URL with the id of the last event, if that fits: the states of many runs are long.
   * @param {Record<string, string>} query
   */
  #buildUrl(query) {
    const url = this.#addQuery({ ...query, lastEventId: this.#lastId });
    return this.#lastId && url.length <= MAX_URL_LENGTH ? url : this.#addQuery(query);
  }

  /** @param {Record<string, string>} query */
  #addQuery(query) {
    const parameters = new URLSearchParams(query).toString();
    return parameters ? `${this.url}${this.url.includes("?") ? "&" : "?"}${parameters}` : this.url;
  }

  /** Handle the first events of a response. It says which runs are stale, so the others are fresh again. */
  #handleAll(events) {
    const before = this.#stale;
    this.#stale = new Set();
    for (const { name, data, id } of events) if (!this.#isOver) this.#handle(name, data, id);
    for (const url of before) if (!this.#isOver && !this.#stale.has(url)) this.handlers.fresh?.(url);
  }

  #handle(name, data, id) {
    if (name === "retry") return void (this.#pollInterval = Number(data));
    if (name === "end") return this.#end();
    const { job, runId, ...body } = JSON.parse(data);
    const runUrl = this.urlOf({ job, runId });
    if (name === "stale") {
      this.#stale.add(runUrl);
      this.handlers.stale?.(body, runUrl);
    } else if (name === "fresh") {
      this.#stale.delete(runUrl);
      this.handlers.fresh?.(runUrl);
    } else if (name === "error") this.#handleError(new JobsError(body), runUrl);
    else if (id !== this.#lastId) {
      this.#lastId = id;
      this.#failed.delete(runUrl);
      this.handlers.status?.(body, runUrl, id);
    }
  }

  #handleError(error, runUrl) {
    if (this.#failed.has(runUrl)) return; // each poll repeats it
    this.#failed.add(runUrl);
    this.handlers.error?.(error, runUrl);
    if (this.#failed.size === this.runs) this.stop();
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
