// The page: a form that starts the job, the run as it goes, its result, and the runs of everybody else.

import { TaskGraph, elapsed, h, showResult, showState, wordOf } from "./draw.js";
import { watchRun } from "./watch.js";

const $ = (id) => document.getElementById(id);
const { etl, report } = document.querySelector("main").dataset;
const graph = new TaskGraph($("tasks"));
const TICK = 250; // ms between two looks at the clock
const REFRESH = 5000; // ms between two looks at everybody's runs

let current; // the run on show: its address, what is known of it, and how to stop following it

// ── Talking to the API ──────────────────────────────────────────────────────────────────────────

/** Ask the API. Anything but success throws the problem document. */
async function ask(url, options = {}) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw { detail: "The app cannot be reached. Try again in a moment." };
  }
  if (response.ok) return response;
  throw await response.json().catch(() => ({ detail: `The app answered ${response.status}.` }));
}

/** Start a job. However often it is sent with the same key, one run comes of it. */
async function start(job, params, key) {
  const response = await ask(`${job}/run`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify({ params }),
  });
  return response.headers.get("Location");
}

/** A key for one intent. (randomUUID would need a secure context.) */
const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");

/** Show what went wrong: at the fields if it is their fault, else below the form. Without a problem, clear both. */
function showProblem(problem) {
  const errors = problem?.errors ?? {};
  let first;
  for (const input of $("form").querySelectorAll("input")) {
    const messages = [errors[input.name] ?? []].flat();
    $(`${input.name}-error`).textContent = messages.join(" ");
    input.setAttribute("aria-invalid", messages.length > 0);
    if (messages.length) first ??= input;
  }
  first?.focus();
  $("problem").hidden = !problem || Boolean(first);
  $("problem").textContent = problem?.detail || problem?.title || "";
}

// ── The form ────────────────────────────────────────────────────────────────────────────────────

// One intent is: these days, until their run has ended. A double click, or a second try after an answer was lost,
// carries the same key and so finds the same run.
let intent = { key: newKey() };

$("form").addEventListener("input", () => (intent = { key: newKey() }));
$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  showProblem();
  const params = Object.fromEntries(new FormData($("form")));
  try {
    intent.run = await start(etl, params, intent.key);
    attach(intent.run);
  } catch (problem) {
    showProblem(problem);
  }
});

// ── The run ─────────────────────────────────────────────────────────────────────────────────────

const addressOf = (id) => `${etl}/runs/${encodeURIComponent(id)}`;
const idOf = (address) => decodeURIComponent(address.split("/").at(-1));

/** Show a run and follow it. */
function attach(address, { remember = true } = {}) {
  if (current?.address === address) return;
  current?.stop();
  showProblem();
  const run = (current = { address, skew: 0 });
  if (remember) history.pushState(null, "", `?run=${idOf(address)}`);
  $("run-title").textContent = `Run ${idOf(address)}`;
  $("run").hidden = false;
  for (const id of ["result", "failure", "cancel", "report", "report-state"]) $(id).hidden = true;
  $("run-state").textContent = $("run-time").textContent = $("run-connection").textContent = "";
  run.stop = watchRun(`${address}/stream`, {
    connected: (yes) => ($("run-connection").textContent = yes ? "" : "waiting for news …"),
    state: (data) => run === current && showRun(run, data),
    end: () => run === current && showEnd(run),
    failure: (problem) => run === current && showLoss(run, problem),
  });
  refreshRecent();
}

function showRun(run, { outcome, timestamp, run: seen }) {
  run.skew = timestamp - Date.now(); // times are the server's; so is the clock that counts up from them
  run.seen = seen;
  if (outcome !== run.outcome) $("announcement").textContent = `The run is: ${outcome.replaceAll("_", " ")}`;
  run.outcome = outcome;
  showState($("run-state"), outcome);
  $("cancel").hidden = Boolean(seen.end_time);
  graph.show(seen.tasks ?? [], timestamp);
  tick();
}

/** A browser does not tell why it refuses a stream; the run itself may. */
async function showLoss(run, problem) {
  const better = await ask(run.address).then(() => problem, (told) => told);
  showProblem(better);
  $("run").hidden = !run.seen;
}

async function showEnd(run) {
  if (run.address === intent.run) intent = { key: newKey() };
  $("cancel").hidden = true;
  refreshRecent();
  try {
    const outputs = await (await ask(`${run.address}/output`)).json();
    if (run !== current) return;
    const text = outputs.summary?.notebook_output?.result;
    if (text) {
      const result = JSON.parse(text);
      $("result-title").textContent = `Result: ${range(date, result.startDate, result.endDate)}`;
      showResult($("charts"), result);
      $("result").hidden = false;
    } else if (run.outcome !== "canceled") showFailure(run, outputs);
  } catch (problem) {
    showProblem(problem);
  }
}

function showFailure(run, outputs) {
  const reasons = Object.entries(outputs)
    .filter(([, output]) => output.error)
    .map(([key, { error, error_trace: trace }]) => [
      h("p", {}, h("strong", {}, key), `: ${error}`),
      ...(trace ? [h("details", {}, h("summary", {}, "Traceback"), h("pre", {}, trace))] : []),
    ]);
  const message = run.seen?.state?.state_message;
  $("failure").replaceChildren(...reasons.flat(), ...(!reasons.length && message ? [h("p", {}, message)] : []));
  $("failure").hidden = !$("failure").hasChildNodes();
}

$("cancel").addEventListener("click", async () => {
  $("cancel").disabled = true;
  try {
    await ask(current.address, { method: "DELETE" });
  } catch (problem) {
    showProblem(problem);
  } finally {
    $("cancel").disabled = false;
  }
});

function tick() {
  if (!current?.seen) return;
  const now = Date.now() + current.skew;
  $("run-time").textContent = elapsed(current.seen, now);
  graph.tick(now);
}
setInterval(tick, TICK);

// ── The report ──────────────────────────────────────────────────────────────────────────────────

$("write-report").addEventListener("click", async () => {
  $("write-report").disabled = true;
  $("report-state").hidden = false;
  showState($("report-state"), "pending");
  const done = (problem) => {
    $("write-report").disabled = false;
    if (problem) showProblem(problem);
  };
  try {
    const address = await start(report, {}, newKey());
    watchRun(`${address}/stream`, {
      connected: () => {},
      state: ({ outcome }) => showState($("report-state"), outcome),
      end: () => ask(`${address}/output`).then((response) => response.json()).then(showReport).then(() => done(), done),
      failure: done,
    });
  } catch (problem) {
    done(problem);
  }
});

function showReport({ report: output }) {
  $("report").textContent = output.logs || output.error;
  $("report").hidden = false;
}

// ── Everybody's runs ────────────────────────────────────────────────────────────────────────────

const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
const date = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** A range of two ISO dates as people write it; the texts themselves where they are none. */
function range(format, ...texts) {
  const ends = texts.map((text) => new Date(text));
  return ends.some((end) => Number.isNaN(end.valueOf())) ? texts.join(" – ") : format.formatRange(...ends);
}

const days = new Map(); // by run; they never change, so each run is asked for them once

/** The days that a run is about. A list of runs may leave the parameters out; the run itself has them. */
async function daysOf({ run_id: id }) {
  if (!days.has(id)) {
    const { job_parameters: parameters = [] } = await (await ask(addressOf(id))).json();
    const values = Object.fromEntries(parameters.map((each) => [each.name, each.value ?? each.default]));
    days.set(id, values.startDate ? range(day, values.startDate, values.endDate) : "Run");
  }
  return days.get(id);
}

async function refreshRecent() {
  if (document.hidden) return;
  let runs;
  let titles;
  try {
    ({ runs } = await (await ask(`${etl}/runs?limit=8`)).json());
    titles = await Promise.all(runs.map((run) => daysOf(run).catch(() => "Run")));
  } catch {
    return; // the list stays as it was; the next look may do better
  }
  const shown = new URLSearchParams(location.search).get("run");
  const focused = $("recent").contains(document.activeElement) && document.activeElement.search;
  $("nothing-yet").hidden = runs.length > 0;
  $("recent").replaceChildren(...runs.map((run, index) => h("li", {}, recentLink(run, titles[index], shown))));
  if (focused) [...$("recent").querySelectorAll("a")].find((link) => link.search === focused)?.focus();
}

function recentLink(run, title, shown) {
  const state = h("span", { class: "state" });
  showState(state, wordOf(run));
  const when = h("span", { class: "when" }, `${moment.format(run.start_time)} · ${elapsed(run, Date.now())}`);
  const link = h("a", { href: `?run=${run.run_id}` }, h("span", {}, title), state, when);
  if (String(run.run_id) === shown) link.setAttribute("aria-current", "true");
  return link;
}

$("recent").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  attach(addressOf(new URL(link.href).searchParams.get("run")));
});

/** Show the run that the address bar names, or none. */
function attachToAddress() {
  const id = new URLSearchParams(location.search).get("run");
  if (id) return attach(addressOf(id), { remember: false });
  current?.stop();
  current = undefined;
  for (const part of ["run", "result"]) $(part).hidden = true;
}

window.addEventListener("popstate", attachToAddress);
document.addEventListener("visibilitychange", refreshRecent);
setInterval(refreshRecent, REFRESH);
attachToAddress();
refreshRecent();
