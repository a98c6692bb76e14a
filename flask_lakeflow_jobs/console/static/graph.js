// The graph of a run's tasks.

/** Scroll a graph that is larger than its box to a failed or active task, else to its first one. */
export function scrollGraph(graph) {
  const places = [...graph.querySelectorAll("foreignObject")];
  const first = places.toSorted((one, other) => one.x.baseVal.value - other.x.baseVal.value)[0]; // in the first layer
  const inState = (kind) => places.find((place) => place.querySelector(`.lf-node[data-kind=${kind}]`));
  const place = inState("bad") ?? inState("late") ?? inState("going") ?? first;
  if (!place) return;
  const [x, width, y, height] = ["x", "width", "y", "height"].map((name) => place[name].baseVal.value);
  graph.scrollTo(x + width / 2 - graph.clientWidth / 2, y + height / 2 - graph.clientHeight / 2);
}
