// The console's pages: what happens when they are opened, clicked and typed into.

import { addCopyButtons } from "./copying.js";
import { watchLinkButtons } from "./link_buttons.js";
import { LivePart, LiveParts } from "./live_parts.js";
import { LiveRun } from "./live_run.js";
import { activateLogs } from "./logs.js";
import { localize } from "./moments.js";
import { loadOutput } from "./outputs.js";
import "./strips.js";
import { watchTaskLinks } from "./task_links.js";

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
watchLinkButtons();

/** HTMX sends this event for all elements that it puts into the page. So can any other script. */
document.addEventListener("htmx:load", ({ target }) => activate(target));
