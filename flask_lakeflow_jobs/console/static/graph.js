// The graph of a run's tasks: fit, zoom, an overview, and following the tasks that run.

const SVG = "http://www.w3.org/2000/svg";

const ZOOM = 1.25;
const [MIN_SCALE, MAX_SCALE] = [0.1, 2];

/** A graph is fitted to its box at first if its texts stay readable at this scale. */
const READABLE_SCALE = 0.65;

const ATTENTION = ["bad", "late", "going", "retry", "ending"];
const RUNNING = ["going", "retry", "ending"];

/** Size of the overview, in pixels. */
const [MAP_WIDTH, MAP_HEIGHT] = [320, 64];

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** A graph on a page. */
export class Graph {
  #root;
  #scale = 1;
  #isFollowing = false;
  #svg; // the one that is prepared: an update may bring another
  #spots = new Map(); // node → its spot on the overview
  #window; // what the overview shows of the box

  constructor(root) {
    this.#root = root;
    root.addEventListener("click", ({ target }) => this.#act(target.closest("[data-graph-action]")?.dataset.graphAction));
  }

  get #section() {
    return this.#root.querySelector("[data-graph]");
  }

  get #box() {
    return this.#section.querySelector(".lf-graph");
  }

  get #size() {
    return this.#svg.viewBox.baseVal;
  }

  get #nodes() {
    return [...this.#svg.querySelectorAll("foreignObject")];
  }

  /** Show the graph after an update. */
  adapt() {
    const svg = this.#section?.querySelector(".lf-graph > svg");
    if (!svg || this.#section.hidden) return;
    const isOver = Boolean(this.#root.querySelector("[data-part=meta]").dataset.over);
    this.#section.querySelector('[data-graph-action="follow"]').hidden = isOver;
    if (svg !== this.#svg) this.#prepare(svg);
    if (isOver) this.#isFollowing = false;
    for (const node of this.#nodes) this.#color(node);
    if (this.#isFollowing) this.#follow();
  }

  #prepare(svg) {
    const isFirst = !this.#svg;
    this.#svg = svg;
    this.#drawMap();
    const box = this.#box;
    box.addEventListener("scroll", () => this.#showWindow());
    for (const name of ["wheel", "pointerdown"]) box.addEventListener(name, () => this.#setFollowing(false), { passive: true });
    box.addEventListener("keydown", ({ key }) => /^(Arrow|Page|Home|End|Tab)/.test(key) && this.#setFollowing(false));
    new ResizeObserver(() => this.#showTools()).observe(box);
    const scale = this.#scale;
    this.#scale = 1; // as the server draws it
    if (isFirst) this.#open();
    else this.#zoom(scale);
  }

  /** Fit the graph if that keeps it readable. Otherwise show it in full size, at the tasks that matter. */
  #open() {
    const fit = this.#fitScale();
    this.#box.style.minHeight = `${this.#box.offsetHeight}px`; // so that what is below it stays where it is
    this.#zoom(fit >= READABLE_SCALE ? fit : 1);
    const follow = this.#section.querySelector('[data-graph-action="follow"]');
    this.#setFollowing(!follow.hidden && fit < READABLE_SCALE);
    const first = this.#nodes.toSorted((one, other) => one.x.baseVal.value - other.x.baseVal.value)[0];
    const kinds = ATTENTION.map((kind) => this.#nodesOf([kind])).find((some) => some.length);
    this.#scrollTo(kinds ?? (first ? [first] : []));
  }

  #act(action) {
    if (!action || !this.#svg) return;
    if (action === "follow") this.#setFollowing(!this.#isFollowing);
    if (action === "in") this.#zoom(this.#scale * ZOOM);
    if (action === "out") this.#zoom(this.#scale / ZOOM);
    if (action === "full") this.#zoom(1);
    if (action === "fit") this.#zoom(this.#fitScale());
    if (this.#isFollowing) this.#follow();
  }

  #fitScale() {
    const [box, { width, height }] = [this.#box, this.#size];
    const most = parseFloat(getComputedStyle(box).maxHeight) || Infinity;
    return clamp(Math.min((box.clientWidth - 4) / width, (most - 8) / height), MIN_SCALE, 1);
  }

  /** Zoom, and keep the middle of what is in view. */
  #zoom(scale) {
    const next = clamp(scale, MIN_SCALE, MAX_SCALE);
    if (next === this.#scale) return this.#showTools();
    const box = this.#box;
    const [x, y] = [box.scrollLeft + box.clientWidth / 2, box.scrollTop + box.clientHeight / 2].map((each) => each / this.#scale);
    this.#scale = next;
    this.#svg.setAttribute("width", this.#size.width * this.#scale);
    this.#svg.setAttribute("height", this.#size.height * this.#scale);
    box.scrollTo(x * this.#scale - box.clientWidth / 2, y * this.#scale - box.clientHeight / 2);
    this.#showTools();
  }

  /** Show the tools of a graph that is zoomed, or larger than its box. */
  #showTools() {
    const [box, tools] = [this.#box, this.#section.querySelector(".lf-graph-tools")];
    const isLarge = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    tools.hidden = tools.hidden && !isLarge && this.#scale === 1;
    this.#section.querySelector(".lf-minimap").toggleAttribute("hidden", !isLarge);
    this.#showWindow();
  }

  #nodesOf(kinds) {
    return this.#nodes.filter((node) => kinds.includes(node.firstElementChild.dataset.kind));
  }

  #setFollowing(isFollowing) {
    this.#isFollowing = isFollowing;
    this.#section.querySelector('[data-graph-action="follow"]').setAttribute("aria-pressed", String(isFollowing));
    if (isFollowing) this.#follow();
  }

  #follow() {
    const running = this.#nodesOf(RUNNING);
    if (running.length) this.#scrollTo(running, true);
  }

  /** Scroll to nodes: to the middle of all if they fit into the box, otherwise to the first. */
  #scrollTo(nodes, isSmooth = false) {
    if (!nodes.length) return;
    const box = this.#box;
    const place = (name, size, length) => {
      const starts = nodes.map((node) => node[name].baseVal.value * this.#scale);
      const [start, end] = [Math.min(...starts), Math.max(...starts) + nodes[0][size].baseVal.value * this.#scale];
      return end - start > length ? start - 8 : (start + end - length) / 2;
    };
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    box.scrollTo({
      left: place("x", "width", box.clientWidth),
      top: place("y", "height", box.clientHeight),
      behavior: isSmooth && !calm ? "smooth" : "instant",
    });
  }

  #drawMap() {
    const [map, { width, height }] = [this.#section.querySelector(".lf-minimap"), this.#size];
    const scale = Math.min(MAP_WIDTH / width, MAP_HEIGHT / height);
    map.setAttribute("viewBox", `0 0 ${width} ${height}`);
    map.setAttribute("width", width * scale);
    map.setAttribute("height", height * scale);
    const spots = this.#nodes.map((node) => {
      const spot = document.createElementNS(SVG, "rect");
      for (const name of ["x", "y", "width", "height"]) spot.setAttribute(name, node.getAttribute(name));
      return [node.dataset.part, spot];
    });
    this.#spots = new Map(spots);
    this.#window = document.createElementNS(SVG, "rect");
    this.#window.setAttribute("class", "lf-window");
    map.replaceChildren(...this.#spots.values(), this.#window);
    const goTo = (event) => {
      const place = map.getBoundingClientRect();
      const [x, y] = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height];
      this.#setFollowing(false);
      const box = this.#box;
      box.scrollTo(x * width * this.#scale - box.clientWidth / 2, y * height * this.#scale - box.clientHeight / 2);
    };
    map.onpointerdown = (event) => {
      map.setPointerCapture(event.pointerId);
      goTo(event);
    };
    map.onpointermove = (event) => map.hasPointerCapture(event.pointerId) && goTo(event);
  }

  #color(node) {
    const { kind } = node.firstElementChild.dataset;
    const spot = this.#spots.get(node.dataset.part);
    if (spot && spot.dataset.kind !== kind) spot.dataset.kind = kind;
  }

  #showWindow() {
    const box = this.#box;
    const place = { x: box.scrollLeft, y: box.scrollTop, width: box.clientWidth, height: box.clientHeight };
    for (const [name, value] of Object.entries(place)) this.#window?.setAttribute(name, value / this.#scale);
  }
}
