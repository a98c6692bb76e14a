// Buttons that copy: a text, or the address of a run, of a task, or of an attempt of a task.

const [TEXT_LABEL, LINK_LABEL] = ["Copy", "Copy link"];
const DONE_MS = 2000;

/** Return the address of this page, or of an attempt on it. */
function addressOf(row) {
  const page = location.href.split("#")[0];
  return row ? `${page}#task-${encodeURIComponent(row.dataset.part.slice("row-".length))}` : page;
}

async function copy(button) {
  const text = button.closest(".lf-copyable")?.querySelector("pre");
  const address = addressOf(button.closest(".lf-attempt"));
  try {
    await navigator.clipboard.writeText(text ? text.textContent : address);
    button.textContent = "Copied";
  } catch {
    // the reader copies it with the keyboard, or from the address bar
    if (text) getSelection().selectAllChildren(text);
    else location.replace(address.includes("#") ? address : "#");
    button.textContent = text ? "Selected" : "See the address";
  }
  setTimeout(() => (button.textContent = text ? TEXT_LABEL : LINK_LABEL), DONE_MS);
}

function addButton(place, label, className) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className, textContent: label });
  place.append(button);
  return button;
}

/** Add a button to each text that can be copied. */
export function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const box of root.querySelectorAll(".lf-copyable:not(:has(button))")) addButton(box, TEXT_LABEL, "lf-button lf-copy");
}

/** Rows get their buttons when they are opened: there may be hundreds. */
function addLinkButton(row) {
  const place = row.querySelector(".lf-inside");
  if (place && !place.querySelector("[data-copies-link]")) addButton(place, LINK_LABEL, "lf-button").dataset.copiesLink = "";
}

document.addEventListener("toggle", ({ target }) => target.open && target.matches?.(".lf-attempt") && addLinkButton(target), true);
for (const row of document.querySelectorAll(".lf-attempt[open]")) addLinkButton(row);
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-copies-link], .lf-copy");
  if (button) copy(button);
});
