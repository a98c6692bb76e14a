// Buttons that copy the address of a run, of a task, or of an attempt of a task.

const DONE_MS = 2000;

/** Return the address of this page, or of an attempt on it. */
function addressOf(row) {
  if (!row) return location.href.split("#")[0];
  return `${location.href.split("#")[0]}#task-${encodeURIComponent(row.dataset.part.slice("row-".length))}`;
}

async function copy(button) {
  const address = addressOf(button.closest(".lf-attempt"));
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch {
    location.replace(address.includes("#") ? address : "#"); // the reader copies it from the address bar
    button.textContent = "See the address";
  }
  setTimeout(() => (button.textContent = "Copy link"), DONE_MS);
}

/** Rows get their buttons when they are opened: there may be hundreds. */
function addButton(row) {
  const place = row.querySelector(".lf-inside");
  if (!place || place.querySelector("[data-copies-link]")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "lf-button";
  button.dataset.copiesLink = "";
  button.textContent = "Copy link";
  place.append(button);
}

/** Add the buttons, and react to them. */
export function watchLinkButtons() {
  document.addEventListener("toggle", ({ target }) => target.open && target.matches?.(".lf-attempt") && addButton(target), true);
  for (const row of document.querySelectorAll(".lf-attempt[open]")) addButton(row);
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-copies-link]");
    if (button) copy(button);
  });
}
