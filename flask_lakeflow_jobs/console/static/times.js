// Durations, which grow with the clock of the browser.

import { formatClock } from "./moments.js";

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
  for (const each of root.querySelectorAll("[data-ticks]")) each.textContent = formatDuration(now - Number(each.dataset.ticks));
  for (const each of root.querySelectorAll("[data-since]")) each.value = now - Number(each.dataset.since);
}
