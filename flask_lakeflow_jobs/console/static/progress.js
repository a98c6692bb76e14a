// The progress that a run reports: a list of bars, and a small bar at each task.

import { keepFocus } from "./patch.js";

/** Return the id of a state without the part about progress, which changes more often. */
export const stateWithoutProgress = (id) => id.split("-").slice(0, 2).join("-");

/** Return the reports that are shown: that of the run as a whole, then those of its tasks. */
function reportsOf(progress) {
  if (!progress) return [];
  const tasks = Object.values(progress.tasks);
  return progress.task === null ? [progress, ...tasks] : tasks;
}

const formatPercent = (percent) => `${Math.floor(percent)} %`;

function createElement(name, className, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Create a bar as the server does. */
function createBar({ task, percent, message }, link) {
  const item = document.createElement("li");
  const name = createElement(link ? "a" : "span", "lf-progress-name", task ?? "Run");
  if (link) {
    name.href = link;
    name.dataset.opens = "";
  }
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = percent;
  bar.setAttribute("aria-label", `Progress of ${task ?? "the run"}`);
  item.append(name, bar, createElement("span", "lf-number", formatPercent(percent)));
  item.append(Object.assign(createElement("span", "lf-muted", message), { dir: "auto" }));
  return item;
}

/**
 * Show the progress of a run.
 * @param {Element} root  the run on the page
 * @param {object | undefined} progress  of the last event
 */
export function showProgress(root, progress) {
  const reports = reportsOf(progress);
  const list = root.querySelector("[data-part=progress]");
  const restoreFocus = keepFocus(list);
  const linkOf = ({ task }) => task && root.querySelector(`[data-part="node-${CSS.escape(task)}"] a`)?.hash;
  list.replaceChildren(...reports.map((report) => createBar(report, linkOf(report))));
  list.hidden = reports.length === 0;
  restoreFocus(list);
  const byTask = new Map(reports.map((report) => [report.task, report])); // a task may be "constructor"
  for (const bar of root.querySelectorAll("progress[data-progress]")) {
    const report = byTask.get(bar.dataset.progress);
    bar.hidden = !report;
    bar.value = report?.percent ?? 0;
    bar.title = report ? `${formatPercent(report.percent)} ${report.message}`.trim() : "";
  }
}
