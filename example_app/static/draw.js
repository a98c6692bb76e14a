// Drawing: the tasks of a run and the charts of its result. Text is inserted as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Create an element with attributes and children. A child that is not an element becomes text. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const KINDS = {
  going: ["running", "terminating", "waiting_for_retry"],
  good: ["succeeded", "succeeded_with_failures"],
  bad: ["failed", "internal_error", "timed_out"],
  stopped: ["canceled", "maximum_concurrent_runs_reached"],
  never: ["skipped", "excluded", "disabled", "upstream_failed", "upstream_canceled"],
};

// Results of tasks in the Jobs API that are not outcomes of runs.
const OUTCOMES = { blocked: "waiting", success: "succeeded", success_with_failures: "succeeded_with_failures", timedout: "timed_out" };

/** Write a state into an element, and its kind into an attribute for the style sheet. */
export function showState(element, word) {
  const given = (word || "unknown").toLowerCase();
  const state = OUTCOMES[given] ?? given;
  const kind = Object.keys(KINDS).find((name) => KINDS[name].includes(state)) ?? "waiting";
  element.dataset.kind = kind;
  element.textContent = state.replaceAll("_", " ");
  return kind;
}

/** Return the result of a task or a listed run, or its state while it is active. */
export const wordOf = ({ state = {}, status = {} }) =>
  state.result_state || state.life_cycle_state || status.state;

/** Format a duration. */
export function duration(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
}

/** Format how long something has taken so far; empty if it has not started, or never did. */
export const elapsed = ({ start_time: start, end_time: end }, now) =>
  start && end !== start ? duration((end || now) - start) : "";

/** Return the last attempt of each task. */
function lastAttempts(tasks) {
  const last = new Map();
  for (const task of tasks) {
    const other = last.get(task.task_key);
    if (!other || (task.attempt_number ?? 0) >= (other.attempt_number ?? 0)) last.set(task.task_key, task);
  }
  return last;
}

/** Sort the tasks into steps: each task is one step after the last task that it depends on. */
function steps(tasks) {
  const depth = (task) =>
    1 + Math.max(-1, ...before(task).map((key) => (tasks.has(key) ? depth(tasks.get(key)) : -1)));
  const result = [];
  for (const task of tasks.values()) (result[depth(task)] ??= []).push(task);
  return result;
}

const before = (task) => (task.depends_on ?? []).map((other) => other.task_key);

/** The graph of a run's tasks in one element. */
export class TaskGraph {
  #root;
  #cards = new Map();
  #tasks = new Map();

  constructor(root) {
    this.#root = root;
    new ResizeObserver(() => this.#join()).observe(root);
  }

  /** Show these tasks; update existing cards in place. */
  show(tasks, now) {
    this.#tasks = lastAttempts(tasks);
    const keys = [...this.#tasks.keys()];
    if (keys.length !== this.#cards.size || keys.some((key) => !this.#cards.has(key))) this.#lay();
    for (const [key, card] of this.#cards) {
      card.dataset.kind = showState(card.querySelector(".state"), wordOf(this.#tasks.get(key)));
    }
    this.tick(now);
  }

  /** Update the durations of the tasks. */
  tick(now) {
    for (const [key, card] of this.#cards) {
      card.querySelector(".time").textContent = elapsed(this.#tasks.get(key), now);
    }
  }

  #lay() {
    this.#cards = new Map([...this.#tasks.keys()].map((key) => [key, this.#card(key)]));
    const columns = steps(this.#tasks).map((tasks) =>
      h("li", {}, h("ul", {}, ...tasks.map((task) => h("li", {}, this.#cards.get(task.task_key))))),
    );
    this.#root.replaceChildren(svg("svg", { class: "edges", "aria-hidden": "true" }), h("ol", {}, ...columns));
    this.#join();
  }

  #card(key) {
    const line = h("span", { class: "line" }, h("span", { class: "state" }), h("span", { class: "time" }));
    return h("div", { class: "task" }, h("strong", {}, key), line);
  }

  #join() {
    const edges = this.#root.querySelector(".edges");
    if (!edges) return;
    const origin = this.#root.getBoundingClientRect();
    const place = (key) => this.#cards.get(key).getBoundingClientRect();
    const paths = [];
    for (const [key, task] of this.#tasks) {
      for (const other of before(task).filter((name) => this.#cards.has(name))) {
        paths.push(svg("path", { d: curve(place(other), place(key), origin) }));
      }
    }
    edges.replaceChildren(...paths);
  }
}

/** Return a line from one card to the next: sideways, or down if the steps are stacked. */
function curve(from, to, origin) {
  if (to.left >= from.right) {
    const [x1, y1] = [from.right - origin.left, (from.top + from.bottom) / 2 - origin.top];
    const [x2, y2] = [to.left - origin.left, (to.top + to.bottom) / 2 - origin.top];
    const bend = (x2 - x1) / 2;
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  const [x1, y1] = [(from.left + from.right) / 2 - origin.left, from.bottom - origin.top];
  const [x2, y2] = [(to.left + to.right) / 2 - origin.left, to.top - origin.top];
  const bend = (y2 - y1) / 2;
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
}

const number = new Intl.NumberFormat("en");
const whole = (value) => number.format(Math.round(value) + 0); // the sum has no sign where it is 0
const minutes = (value) => `${value.toFixed(1)} min`;
const percent = (share) => `${Math.round(share * 100)} %`;
const FEW = 30; // a mean over fewer flights is drawn faintly

/** Return the range of the delays. A mean over few flights does not set the scale, unless there are no others. */
function rangeOf(groups) {
  const enough = groups.filter(({ flights }) => flights >= FEW);
  const delays = (enough.length ? enough : groups).map((group) => group.departureDelay);
  return [Math.min(0, ...delays), Math.max(0, ...delays)];
}

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** Draw a result of etl. */
export function showResult(root, result) {
  const figures = [
    [number.format(result.scheduled), "flights planned"],
    [number.format(result.counted), "flights counted"],
  ];
  if (result.counted) {
    figures.push(
      [minutes(result.departureDelay), "mean delay at departure"],
      [minutes(result.arrivalDelay), "mean delay at arrival"],
      [percent(result.lateShare), "left 15+ minutes late"],
    );
  }
  const dropped = Object.entries(result.dropped)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => `${number.format(count)} ${reason}`);
  root.replaceChildren(
    h("dl", { class: "figures" }, ...figures.map(figure)),
    h("p", { class: "dropped" }, `Not counted, as their delay is unknown: ${dropped.join(", ") || "none"}.`),
  );
  if (!result.counted) return;
  const byDelay = (one, other) => other.departureDelay - one.departureDelay;
  const hours = h("div", { class: "chart" }, h("h3", {}, "By the hour they were to leave: mean delay in minutes"));
  root.append(
    hours,
    table("Carrier", result.byCarrier.toSorted(byDelay)),
    table("Airport", result.byAirport.toSorted(byDelay)),
  );
  hours.append(columns(result.byHour));
  root.append(h("p", { class: "dropped" }, `Faint bars stand for fewer than ${FEW} flights, too few to judge by, and may be cut at the end of the scale.`));
}

const figure = ([value, name]) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value));

/** Return a table whose second column draws the delay: early to the left of the line, late to the right. */
function table(title, groups) {
  const [least, most] = rangeOf(groups);
  const head = [
    h("th", { scope: "col" }, title),
    h("td", { class: "axis" }, `${whole(least)} to ${whole(most)} min`),
    h("th", { scope: "col", class: "number" }, "Delay"),
    h("th", { scope: "col", class: "number late" }, "Late"),
    h("th", { scope: "col", class: "number flights" }, "Flights"),
  ];
  const rows = groups.map((group) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, group.name),
      h("td", { class: "strip" }, strip(group, least, most)),
      h("td", {}, minutes(group.departureDelay)),
      h("td", { class: "late" }, percent(group.lateShare)),
      h("td", { class: "flights" }, number.format(group.flights)),
    ),
  );
  return h("table", { class: "chart" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows));
}

function strip(group, least, most) {
  const value = clamp(group.departureDelay, least, most);
  const span = most - least || 1;
  const rect = svg("rect", {
    x: ((Math.min(0, value) - least) / span) * 100,
    width: (Math.abs(value) / span) * 100,
    y: 0,
    height: 1,
    class: kindOfBar(group),
  });
  const box = { viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" };
  return svg("svg", box, rect);
}

const kindOfBar = ({ departureDelay, flights }) =>
  `${departureDelay < 0 ? "ahead" : "behind"} ${flights < FEW ? "few" : "enough"}`;

/** Return columns over the hours of the day. They are redrawn if their width changes, so that text keeps its size. */
function columns(groups) {
  const label = groups.map((group) => `${group.key}:00 ${minutes(group.departureDelay)}`).join(", ");
  const chart = svg("svg", { class: "columns", role: "img", "aria-label": `Mean delay by hour. ${label}` });
  new ResizeObserver(() => {
    const { width, height } = chart.getBoundingClientRect();
    if (width) chart.replaceChildren(...drawColumns(groups, width, height));
  }).observe(chart);
  return chart;
}

function drawColumns(groups, width, height) {
  const [top, foot] = [18, 22];
  const [least, most] = rangeOf(groups);
  const scale = (height - top - foot) / (most - least || 1);
  const zero = top + most * scale;
  const step = width / groups.length;
  const drawn = [svg("line", { x1: 0, x2: width, y1: zero, y2: zero })];
  groups.forEach((group, index) => {
    const value = clamp(group.departureDelay, least, most);
    const middle = (index + 0.5) * step;
    const bar = {
      x: index * step + step * 0.14,
      width: step * 0.72,
      y: value < 0 ? zero : zero - value * scale,
      height: Math.max(1, Math.abs(value) * scale),
      rx: Math.min(3, step * 0.1),
      class: kindOfBar(group),
    };
    const hint = `${group.key}:00 – ${minutes(group.departureDelay)}, ${number.format(group.flights)} flights`;
    drawn.push(svg("rect", bar, svg("title", {}, hint)));
    if (step >= 16 || group.key % 2 === 0) drawn.push(svg("text", { x: middle, y: height - 4 }, group.key));
    const above = value < 0 ? zero - 5 : zero - value * scale - 5;
    if (step >= 24) drawn.push(svg("text", { x: middle, y: above, class: "value" }, whole(group.departureDelay)));
  });
  return drawn;
}
