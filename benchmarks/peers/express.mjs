// Streams of one run from Express. BROADCAST=best: one write for each viewer of what was encoded
// once, and one heartbeat for all. BROADCAST=appkit: all viewers on one stream of AppKit's own
// stream manager, which its jobs plugin does not offer.

import express from "express";

const { DATABRICKS_HOST, DATABRICKS_TOKEN, RUN, BROADCAST } = process.env;
const interval = Number(process.env.POLL_INTERVAL) * 1000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function poll() {
  const answer = await fetch(`${DATABRICKS_HOST}/api/2.2/jobs/runs/get?run_id=${RUN}`, {
    headers: { authorization: `Bearer ${DATABRICKS_TOKEN}` },
  });
  const run = await answer.json();
  return { status: run.state.life_cycle_state, outcome: "running", timestamp: Date.now(), run };
}

const hasEnded = (event) => event.status === "TERMINATED";

async function* events() {
  for (;;) {
    const event = await poll();
    yield event;
    if (hasEnded(event)) return;
    await pause(interval);
  }
}

const app = express();
app.get("/ping", (_request, response) => response.send("pong"));

if (BROADCAST === "appkit") {
  const path = "./node_modules/@databricks/appkit/dist/stream/stream-manager.js";
  const { StreamManager } = await import(path);
  const manager = new StreamManager();
  app.get("/stream", (_request, response) => {
    manager.stream(response, events, { streamId: "0b54b4b4-97b6-4b27-8a34-3f7d1b0c8a11" }, "all");
  });
} else {
  const viewers = new Set();
  let last = ": none yet\n\n";
  const broadcast = (text) => {
    const bytes = Buffer.from(text);
    for (const viewer of viewers) viewer.write(bytes);
  };
  app.get("/stream", (_request, response) => {
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
    });
    response.write(last);
    viewers.add(response);
    response.on("close", () => viewers.delete(response));
  });
  setInterval(() => broadcast(": still here\n\n"), 10_000);
  (async () => {
    let count = 0;
    for await (const event of events()) {
      last = `id: ${++count}\ndata: ${JSON.stringify(event)}\n\n`;
      broadcast(last);
    }
    for (const viewer of viewers) viewer.end();
  })();
}

app.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
