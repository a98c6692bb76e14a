// @databricks/appkit with its jobs plugin: starts, streams to the end, lists, cancels.

import assert from "node:assert/strict";
import { createApp, jobs, server } from "@databricks/appkit";

const port = Number(process.env.PORT);
const root = `http://127.0.0.1:${port}/api/jobs`;

await createApp({
  plugins: [
    server({ host: "127.0.0.1", port }),
    jobs({
      jobs: { etl: {}, plain: { taskType: "notebook" }, slow: {} },
      pollIntervalMs: 200,
    }),
  ],
});

const post = (path, body) =>
  fetch(root + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const stream = await post("/plain/run?stream=true", { params: { day: "friday" } });
const events = (await stream.text()).split("\n").filter((line) => line.startsWith("data: "));
const last = JSON.parse(events.at(-1).slice("data: ".length));
assert.equal(last.status, "TERMINATED");
assert.equal(last.run.state.result_state, "SUCCESS");

const { runs } = await (await fetch(`${root}/plain/runs`)).json();
assert.deepEqual(runs.map((run) => run.run_id), [last.run.run_id]);

const { runId } = await (await post("/slow/run", {})).json();
const canceled = await fetch(`${root}/slow/runs/${runId}`, { method: "DELETE" });
assert.equal(canceled.status, 204);

const read = async () =>
  (
    await fetch(`${process.env.DATABRICKS_HOST}/api/2.2/jobs/runs/get?run_id=${runId}`, {
      headers: { Authorization: `Bearer ${process.env.DATABRICKS_TOKEN}` },
    })
  ).json();
let run = await read();
while (!run.end_time) run = await read();
assert.equal(run.state.result_state, "CANCELED");
process.exit(0);
