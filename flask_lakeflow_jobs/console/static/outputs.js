// Outputs of tasks in a run.

import { loadContent } from "./content.js";
import { addCopyButtons } from "./copying.js";
import { activateLogs } from "./logs.js";

/** Load the output of a task when its row is opened. */
export async function loadOutput(details) {
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
