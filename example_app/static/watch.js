// Following a run by its event stream. The page leaves all of the protocol to this module.

const ENDED = new Set(["TERMINATED", "SKIPPED", "INTERNAL_ERROR"]);

/**
 * Follow a run until it has ended.
 *
 * The browser itself takes a broken stream up again where it broke; a server that cannot hold a stream answers with
 * the present state and closes, and so the very same code polls.
 *
 * @param {string} url  the run's event stream
 * @param {object} on   state(data) at each change, the present state first; end() after the last one;
 *                      failure(problem) when there is nothing more to follow; connected(yes) as the line goes and comes
 * @returns {function(): void} stops following
 */
export function watchRun(url, on) {
  const source = new EventSource(url);
  let ended = false;
  const finish = (report) => {
    source.close();
    report();
  };
  source.onopen = () => on.connected(true);
  source.onmessage = (event) => {
    const data = JSON.parse(event.data);
    ended = ENDED.has(data.status);
    on.state(data);
  };
  source.addEventListener("end", () => finish(on.end));
  source.addEventListener("error", (event) => {
    // The server's word for a failure is an event with data; the browser's own has none and may pass.
    if (event.data) finish(() => on.failure(JSON.parse(event.data)));
    else if (source.readyState !== EventSource.CLOSED) on.connected(false);
    else if (ended) finish(on.end); // the line broke just before "end", and there was nothing more to come
    else finish(() => on.failure({ detail: "This run cannot be followed. Reload the page to try again." }));
  });
  return () => source.close();
}
