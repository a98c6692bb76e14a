// Start Lakeflow jobs from a page and follow their runs. A plain ES module without a build step.
//
//     import { runJob, watchRun } from "/api/jobs/lakeflow.js";
//
//     const { url } = await runJob("/api/jobs/etl", { day: "2025-01-01" });
//     watchRun(url, { status: ({ outcome }) => show(outcome), end: () => show("done") });

import { JobsError, MAX_DELAY_MS, backoff, readText, request } from "./lakeflow-requests.js";
import { Watch } from "./lakeflow-streams.js";

export { JobsError, request };

/**
 * The state of a run at its last update.
 * @typedef {object} RunStatus
 * @property {string} status  the life-cycle state of the Jobs API
 * @property {string} outcome  "running", "succeeded", "failed", …
 * @property {number} timestamp  the time of the poll, in milliseconds since the epoch
 * @property {number} [eta]  the expected end, in milliseconds since the epoch
 * @property {RunProgress} [progress]  what the active run has reported
 * @property {any} [run]  the run in the format of the Jobs API; absent with the option `brief`
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

const MAX_ATTEMPTS = 5;

const NO_RUN_ID =
  "The response has no run id. Reload the page, as you may have to log in, and check the runs of the job.";

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
      const runId = /"runId":\s*(\d+)/.exec(await readText(response, signal))?.[1];
      if (!runId) throw new JobsError({ detail: NO_RUN_ID });
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
 * @property {() => boolean} [whileHidden]  whether to poll while the page is hidden; otherwise watching pauses
 * @property {boolean} [brief]  leave out the documents of the runs, which are long if they have many tasks
 */
export function watchRun(runUrl, handlers, options = {}) {
  const url = runUrl.replace(/\/$/, "");
  return begin(new Watch(`${url}/stream${options.brief ? "?brief=1" : ""}`, () => runUrl, 1, handlers, options), options.signal);
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
  const query = runs.map(({ key, id }) => `run=${encodeURIComponent(`${key}:${id}`)}`).join("&") + (options.brief ? "&brief=1" : "");
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
