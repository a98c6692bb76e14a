// The strips of recent runs: one stop of the Tab key each, and arrow keys between their bars.

const barsOf = (bar) => [...bar.closest(".lf-strip").querySelectorAll("a")];

/** While a bar has the focus, Tab leaves its strip. Without scripts, Tab goes through all bars. */
function setReachable(bar, isReachable) {
  for (const other of barsOf(bar)) {
    if (isReachable) other.removeAttribute("tabindex");
    else if (other !== bar) other.tabIndex = -1;
  }
}

const barIn = ({ target }) => target.closest?.(".lf-strip a");

document.addEventListener("focusin", (event) => barIn(event) && setReachable(barIn(event), false));
document.addEventListener("focusout", (event) => barIn(event) && setReachable(barIn(event), true));

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const [bar, step] = [barIn(event), STEPS[event.key]];
  if (!bar || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  const bars = barsOf(bar);
  bars[Math.max(0, Math.min(bars.length - 1, bars.indexOf(bar) + step))].focus();
  event.preventDefault();
});
