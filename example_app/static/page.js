// The page: a form that starts the job, the progress of the run, its result, and recent runs.

import { TaskGraph, elapsed, h, showResult, showState, wordOf } from "./draw.js";
import { request, runJob, watchRun } from "../api/jobs/lakeflow.js";

const $ = (id) => document.getElementById(id);
const { etl, report, console: pages, sample } = document.querySelector("main").dataset;
const graph = new TaskGraph($("tasks"));
const TICK = 250; // ms between two updates of durations
const REFRESH = 5000; // ms between two requests for the recent runs

let current; // the shown run: its address, its last state, and a function that stops watching it

/** Show an error, at the fields if it has messages for them. Without an error, clear all messages. */
function showProblem(error) {
  const errors = error?.errors ?? {};
  let first;
  for (const input of $("form").querySelectorAll("input[type=date]")) {
    const messages = [errors[input.name] ?? []].flat();
    $(`${input.name}-error`).textContent = messages.join(" ");
    input.setAttribute("aria-invalid", messages.length > 0);
    if (messages.length) first ??= input;
  }
  first?.focus();
  $("problem").hidden = !error || Boolean(first);
  $("problem").textContent = error?.message ?? "";
}

// The same days have the same idempotency key until their run has ended, so a double click, or a retry after a lost
// response, starts no second run.
let intent = newIntent();

/** randomUUID requires a secure context. */
function newIntent() {
  return { key: crypto.getRandomValues(new Uint32Array(4)).join("-") };
}

$("form").addEventListener("input", () => (intent = newIntent()));
$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  showProblem();
  const params = Object.fromEntries(new FormData($("form")));
  try {
    intent.run = (await runJob(etl, params, { idempotencyKey: intent.key })).url;
    attach(intent.run);
  } catch (error) {
    showProblem(error);
  }
});

const addressOf = (id) => `${etl}/runs/${encodeURIComponent(id)}`;
const idOf = (address) => decodeURIComponent(address.split("/").at(-1));

const WAITING = { connecting: "connecting …", offline: "no network" };

/** Show a run and follow it. */
function attach(address, { remember = true } = {}) {
  if (current?.address === address) return;
  current?.stop();
  showProblem();
  const run = (current = { address, skew: 0 });
  if (remember) history.pushState(null, "", `?run=${idOf(address)}`);
  $("run-title").textContent = "Run";
  $("run-link").textContent = `Run ${idOf(address)}`;
  $("run-link").href = `${pages}/runs/${idOf(address)}`;
  $("run").hidden = false;
  $("run-state").textContent = $("run-time").textContent = $("run-connection").textContent = "";
  follow(run);
  refreshRecent();
}

/** Follow a run to its end; after a repair, to its next end. */
function follow(run) {
  for (const id of ["result", "failure", "cancel", "repair", "report", "report-state"]) $(id).hidden = true;
  run.stop = watchRun(run.address, {
    connection: (how) => ($("run-connection").textContent = WAITING[how] ?? ""),
    status: (seen) => showRun(run, seen),
    end: () => showEnd(run),
    error: (error) => {
      showProblem(error);
      $("run").hidden = !run.seen;
    },
  });
}

function showRun(run, { outcome, timestamp, run: seen, progress }) {
  run.skew = timestamp - Date.now(); // times are those of the server
  run.seen = seen;
  if (outcome !== run.outcome) $("announcement").textContent = `The run is: ${outcome.replaceAll("_", " ")}`;
  run.outcome = outcome;
  if (titleOf(seen)) $("run-title").textContent = titleOf(seen);
  showProgress(Object.values(progress?.tasks ?? {})[0]);
  showState($("run-state"), outcome);
  $("cancel").hidden = Boolean(seen.end_time);
  graph.show(seen.tasks ?? [], timestamp);
  tick();
}

/** Show what a task has reported of its progress. */
function showProgress(reported) {
  $("progress").hidden = !reported;
  if (!reported) return;
  $("progress").querySelector("progress").value = reported.percent;
  $("progress-text").textContent = `${reported.task}: ${reported.message}`;
}

async function showEnd(run) {
  if (run.address === intent.run) intent = newIntent();
  $("cancel").hidden = $("progress").hidden = true;
  $("repair").hidden = !["failed", "canceled"].includes(run.outcome);
  refreshRecent();
  try {
    const outputs = await (await request(`${run.address}/output`)).json();
    if (run !== current) return;
    const text = outputs.summary?.notebook_output?.result;
    if (text) {
      const result = JSON.parse(text);
      showCharts(`Result: ${range(date, result.startDate, result.endDate)}`, result);
    } else if (run.outcome !== "canceled") showFailure(run, outputs);
  } catch (error) {
    showProblem(error);
  }
}

function showCharts(title, result, { isSample = false } = {}) {
  $("result-title").textContent = title;
  $("sample-note").hidden = !isSample;
  $("reporting").hidden = isSample;
  showResult($("charts"), result);
  $("result").hidden = false;
}

/** Show an earlier result until there is one of this browser. */
async function showSample() {
  const result = await (await request(sample)).json();
  if (!current) showCharts(`Example: ${range(date, result.startDate, result.endDate)}`, result, { isSample: true });
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
    await request(current.address, { method: "DELETE" });
  } catch (error) {
    showProblem(error);
  } finally {
    $("cancel").disabled = false;
  }
});

$("repair").addEventListener("click", async () => {
  const run = current;
  $("repair").disabled = true;
  try {
    await request(`${run.address}/repair`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    if (run !== current) return; // the reader has opened another run meanwhile
    run.stop();
    follow(run);
  } catch (error) {
    showProblem(error);
  } finally {
    $("repair").disabled = false;
  }
});

function tick() {
  if (!current?.seen) return;
  const now = Date.now() + current.skew;
  $("run-time").textContent = elapsed(current.seen, now);
  graph.tick(now);
}
setInterval(tick, TICK);

$("write-report").addEventListener("click", async () => {
  $("write-report").disabled = true;
  $("report-state").hidden = false;
  showState($("report-state"), "pending");
  const done = (error) => {
    $("write-report").disabled = false;
    if (error) showProblem(error);
  };
  try {
    const { url } = await runJob(report);
    watchRun(url, {
      status: ({ outcome }) => showState($("report-state"), outcome),
      end: () => request(`${url}/output`).then((response) => response.json()).then(showReport).then(() => done(), done),
      error: done,
    });
  } catch (error) {
    done(error);
  }
});

function showReport({ report: output }) {
  $("report").textContent = output.logs || output.error;
  $("report").hidden = false;
}

const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
const date = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** Format a range of two ISO dates; return other texts unchanged. */
function range(format, ...texts) {
  const ends = texts.map((text) => new Date(text));
  return ends.some((end) => Number.isNaN(end.valueOf())) ? texts.join(" – ") : format.formatRange(...ends);
}

/** Return the days of a run as a text; empty if it has none. */
function titleOf({ job_parameters: parameters = [] }, format = date) {
  const { startDate, endDate } = Object.fromEntries(parameters.map((each) => [each.name, each.value ?? each.default]));
  return startDate ? range(format, startDate, endDate) : "";
}

const days = new Map(); // by run; they never change, so each run is read once

/** Return the days of a run. A list of runs may omit the parameters, so read the run itself. */
async function daysOf({ run_id: id }) {
  if (!days.has(id)) {
    days.set(id, titleOf(await (await request(addressOf(id))).json(), day) || "Run");
  }
  return days.get(id);
}

async function refreshRecent() {
  if (document.hidden) return;
  let runs;
  let titles;
  try {
    ({ runs } = await (await request(`${etl}/runs?limit=8`)).json());
    titles = await Promise.all(runs.map((run) => daysOf(run).catch(() => "Run")));
  } catch {
    return; // keep the list; the next request may succeed
  }
  const shown = new URLSearchParams(location.search).get("run");
  const focused = $("recent").contains(document.activeElement) && document.activeElement.search;
  $("nothing-yet").hidden = runs.length > 0;
  $("nothing-yet").textContent = "No runs yet. Choose the days and run the job: its runs are listed here.";
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

/** Show the run in the address bar, if there is one. */
function attachToAddress() {
  const id = new URLSearchParams(location.search).get("run");
  if (id) return attach(addressOf(id), { remember: false });
  current?.stop();
  current = undefined;
  for (const part of ["run", "result"]) $(part).hidden = true;
  showSample().catch(() => {}); // the page works without it
}

window.addEventListener("popstate", attachToAddress);
document.addEventListener("visibilitychange", refreshRecent);
setInterval(refreshRecent, REFRESH);
attachToAddress();
refreshRecent();
