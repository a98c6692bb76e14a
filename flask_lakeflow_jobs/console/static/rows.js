// Rows of lists of runs: a click anywhere opens the run, and two selected runs can be compared.

const INTERACTIVE = "a, button, input, label, summary, select";

/** Open the run of a row. The link covers the row, except where a text has a tooltip of its own. */
document.addEventListener("click", (event) => {
  const row = event.target.closest?.(".lf-runs tbody tr");
  const isSelecting = !event.ctrlKey && !event.metaKey && String(getSelection()); // Firefox selects a cell with these keys
  if (!row || event.target.closest(INTERACTIVE) || isSelecting) return;
  row.querySelector(".lf-row-link")?.dispatchEvent(new MouseEvent("click", event)); // with the keys that are held down
});

const MAX_SELECTED = 2;
const selected = new Set();

/** Show the selection, also in rows that have just come from the server. A run that has left the page is not selected. */
function showSelection() {
  const boxes = [...document.querySelectorAll(".lf-select input")];
  for (const value of selected) if (!boxes.some((box) => box.value === value)) selected.delete(value);
  for (const box of boxes) {
    box.checked = selected.has(box.value);
    box.disabled = selected.size === MAX_SELECTED && !box.checked;
  }
  for (const button of document.querySelectorAll("[data-compares]")) button.disabled = selected.size !== MAX_SELECTED;
}

document.addEventListener("change", ({ target }) => {
  if (!target.matches(".lf-select input")) return;
  if (target.checked) selected.add(target.value);
  else selected.delete(target.value);
  showSelection();
});

const list = document.getElementById("lf-history");
if (list) new MutationObserver(showSelection).observe(list, { childList: true, subtree: true });
showSelection();
