// Times. Moments are in the reader's time zone, in UTC, or relative, as the reader has chosen. The server renders UTC, in
// the same width, so that nothing moves when a page has loaded. A tooltip has the exact time in both zones. Durations grow
// with the clock of the browser.

const MINUTE_MS = 60_000;
const REFRESH_MS = 15_000;

/** The parts of an ISO time that each form shows. */
const FORMS = { moment: [0, 16], exact: [0, 19], clock: [11, 19], short: [5, 19] };

/** Units of relative times, and their sizes in seconds, as on the server. */
const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60]];

const offsetOf = (moment) => -moment.getTimezoneOffset();

/** Format a moment as an ISO time without a zone. */
function formatIso(moment, offsetMinutes) {
  return new Date(moment.getTime() + offsetMinutes * MINUTE_MS).toISOString().slice(0, 19).replace("T", " ");
}

function formatOffset(minutes) {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((each) => String(each).padStart(2, "0"));
  return `UTC${minutes < 0 ? "-" : "+"}${hours}:${rest}`;
}

/** Format how long ago a moment was, or how soon it is, in one unit, like the server. */
function formatRelative(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const [unit, size] = UNITS.find(([, least]) => seconds >= least) ?? ["s", 1];
  if (seconds < 10) return "just now";
  const text = `${Math.floor(seconds / size)} ${unit}`;
  return milliseconds < 0 ? `in ${text}` : `${text} ago`;
}

/** Format the time of a day in the time zone of the reader. */
const formatClock = (time) => formatIso(new Date(time), offsetOf(new Date(time))).slice(11);

/** The exact time in the reader's zone and in UTC. */
function describe(moment) {
  const [offset, utc] = [offsetOf(moment), `${formatIso(moment, 0)} UTC`];
  return offset ? `${formatIso(moment, offset)} ${formatOffset(offset)}\n${utc}` : utc;
}

/** By how much the server's clock is ahead: that of the reader may be wrong. */
let skew = 0;

/** Read this from markup that has just arrived; without the server's time in it, the last value stays. */
export function readSkew(root) {
  const now = root.querySelector("[data-now]")?.dataset.now;
  if (now) skew = Number(now) - Date.now();
  return skew;
}

/** The reader's choice: `local`, `utc` or `relative`. */
const readChoice = () => document.documentElement.dataset.lfTimes ?? "local";

/** Set a text that has changed. Otherwise a selection would end, and screen readers would announce the text again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show(time, choice, now) {
  const { form } = time.dataset;
  const moment = new Date(time.dateTime);
  time.title = describe(moment);
  const isRelative = form === "ago" || (choice === "relative" && form !== "clock");
  const [offset, zone] = choice === "utc" ? [0, " UTC"] : [offsetOf(moment), ""];
  setText(time, isRelative ? formatRelative(now - moment) : formatIso(moment, offset).slice(...FORMS[form]) + zone);
}

/** Show the times in an element as the reader has chosen. */
export function localize(root) {
  const [choice, now] = [readChoice(), Date.now() + skew];
  for (const time of root.querySelectorAll("time[data-form]")) show(time, choice, now);
}

export const TICK_MS = 1000;

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Format a duration in its two largest units, like the server. */
function formatDuration(milliseconds) {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  const [minutes, hours, days] = [60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** Say how old the shown state is. */
export const formatAge = (moment) => `Shown is the state of ${formatClock(moment)}.`;

/** Update the growing durations. */
export function updateDurations(root, now) {
  for (const each of root.querySelectorAll("[data-ticks]")) setText(each, formatDuration(now - Number(each.dataset.ticks)));
  for (const each of root.querySelectorAll("[data-since]")) each.value = now - Number(each.dataset.since);
}

readSkew(document);
for (const zone of document.querySelectorAll("[data-zone]")) zone.textContent = `(local: ${formatOffset(offsetOf(new Date()))})`;
new MutationObserver(() => localize(document)).observe(document.documentElement, { attributeFilter: ["data-lf-times"] });
setInterval(() => document.hidden || localize(document), REFRESH_MS);
