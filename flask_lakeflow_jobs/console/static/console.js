// The console's pages: what happens when they are opened, clicked and typed into.

import { loadContent } from "./content.js";
import { addCopyButtons } from "./copying.js";
import { LivePart, LiveParts } from "./live_parts.js";
import { LiveRun } from "./live_run.js";
import { activateLogs } from "./logs.js";
import "./strips.js";
import { watchTaskLinks } from "./task_links.js";
import { localize } from "./times.js";

/** Put a newer output in the place of one. A log with lines stays: it grows by itself, and a reader may be in it. */
function update(place, loaded) {
  const [log, other] = [place, loaded].map((each) => each.querySelector(".lf-log-part:has(.lf-log-line)"));
  if (!log || !other) {
    place.replaceWith(loaded);
    return loaded;
  }
  for (const each of [...log.parentElement.children]) if (each !== log) each.remove();
  log.before(...[...other.parentElement.children].filter((each) => each !== other));
  place.dataset.output = loaded.dataset.output;
  return place;
}

/** Load the output of a task when its row is opened. */
async function loadOutput(details) {
  const place = details.querySelector("[data-output]");
  if (!place || place.dataset.output === "whole") return;
  try {
    const loaded = await loadContent(details.dataset.source, document.createElement("div"), ".lf-texts");
    loaded.dataset.output = loaded.querySelector("[data-ended]") ? "whole" : "part";
    const shown = update(place, loaded);
    addCopyButtons(shown);
    activateLogs(shown);
  } catch (error) {
    const note = place.querySelector("span") ?? place.appendChild(document.createElement("span"));
    note.textContent = ` (${error.message})`;
  }
}
document.addEventListener("toggle", ({ target }) => target.open && target.dataset.source && loadOutput(target), true);

/** Close an open menu or confirmation with Escape, or with a click elsewhere. */
document.addEventListener("click", ({ target }) => {
  for (const each of document.querySelectorAll(".lf-confirm[open]")) each.open = each.contains(target);
});
document.addEventListener("keydown", ({ key, target }) => {
  const confirmation = key === "Escape" && target.closest?.(".lf-confirm[open]");
  if (!confirmation) return;
  confirmation.open = false;
  confirmation.querySelector("summary").focus();
});

/** Disable the buttons of a sent form. If it is sent again all the same, its nonce prevents a second run. */
document.addEventListener("submit", ({ target }) => {
  if (!("once" in target.dataset)) return;
  for (const button of target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
function enableForms() {
  for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
}
addEventListener("pageshow", enableForms);
globalThis.navigation?.addEventListener("navigateerror", enableForms); // the reader has stopped the request

const liveParts = new LiveParts();
const activated = new WeakSet();

/** Activate markup from the server: the page, and fragments that are put into it later. */
function activate(root) {
  const find = (selector) => [root, ...root.querySelectorAll(selector)].filter((each) => each.matches(selector) && !activated.has(each));
  const [runs, parts] = [find("[data-lakeflow-run]"), find("[data-reloads]")];
  for (const each of [...runs, ...parts]) activated.add(each);
  for (const each of runs) new LiveRun(each);
  liveParts.add(parts.map((each) => new LivePart(each)));
  localize(root);
  addCopyButtons(root);
  activateLogs(root);
}

activate(document.body);
watchTaskLinks();

/** HTMX sends this event for all elements that it puts into the page. So can any other script. */
document.addEventListener("htmx:load", ({ target }) => activate(target));
