// Links to the tasks of a run. They open the row of the task, and the address of the page names it: #task-<key>.

const PREFIX = "#task-";

/** Open the row of an attempt, and the group that it is in. */
function openRow(row) {
  row.dispatchEvent(new CustomEvent("lf-reveal", { bubbles: true }));
  for (let each = row; each; each = each.parentElement.closest("details")) each.open = true;
  row.querySelector("summary").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

const addressOf = (row) => PREFIX + encodeURIComponent(row.dataset.task);

/** Return the row that the address of the page names: that of a task's last attempt, or of an attempt. */
function findRow() {
  if (!location.hash.startsWith(PREFIX)) return document.getElementById(location.hash.slice(1))?.closest(".lf-attempt");
  const name = decodeURIComponent(location.hash.slice(PREFIX.length));
  const rows = [...document.querySelectorAll(".lf-attempt")];
  const attempts = rows.filter((row) => row.dataset.task === name);
  const numberOf = (row) => Number(row.dataset.part.slice(`row-${name}-`.length));
  attempts.sort((one, other) => numberOf(one) - numberOf(other));
  return attempts.at(-1) ?? rows.find((row) => row.dataset.part === `row-${name}`);
}

function openNamedRow() {
  let row;
  try {
    row = findRow();
  } catch {
    return; // it is no valid address
  }
  if (row) openRow(row);
}

/** Open rows from links, and from the address of the page. */
export function watchTaskLinks() {
  addEventListener("hashchange", openNamedRow);
  openNamedRow();
  document.addEventListener("click", (event) => {
    const summary = event.target.closest?.("summary.lf-row");
    if (summary && !summary.parentElement.open) history.replaceState(history.state, "", addressOf(summary.parentElement));
    const link = event.target.closest?.("a[data-opens]");
    const row = link && document.getElementById(link.getAttribute("href").slice(1)); // as the template wrote it
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(history.state, "", addressOf(row));
    openRow(row);
  });
}
