// Requests to the API of lakeflow.js: their errors, and the delays before they are sent again.

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

/**
 * Read the text of a response.
 * @param {Response} response
 * @param {AbortSignal} [signal]  that of the request
 * @returns {Promise<string>}
 * @throws {JobsError} if the connection breaks; an abort throws the error of fetch
 */
export async function readText(response, signal) {
  try {
    return await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new JobsError(UNREACHABLE);
  }
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

export const MAX_DELAY_MS = 60_000;

/** Return an exponential delay with jitter, so that pages do not retry at the same time. */
export function backoff(failures, first) {
  return Math.min(MAX_DELAY_MS, first * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
}
