// The console's pages: what happens when they are opened, clicked and typed into.

import { loadContent } from "./content.js";
import { addCopyButtons } from "./copying.js";
import { LivePart, LiveParts } from "./live_parts.js";
import { LiveRun } from "./live_run.js";
import { activateLogs } from "./logs.js";
import "./strips.js";
import { watchTaskLinks } from "./task_links.js";
import { localize } from "./times.js";

/** Load the output of a task when its row is opened. */
async function loadOutput(details) {
  const place = details.querySelector("[data-output]");
  if (!place || place.dataset.output === "whole") return;
  try {
    const loaded = await loadContent(details.dataset.source, document.createElement("div"), ".lf-texts");
    const isOver = !details.querySelector("[data-ticks]");
    loaded.dataset.output = isOver ? "whole" : "part";
    place.replaceWith(loaded);
    addCopyButtons(loaded);
    activateLogs(loaded);
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
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
});

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
