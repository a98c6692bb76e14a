// The moments at which AppKit's runAndWait polls runs: its real code, with the time passed in.
// Reads {"interval", "lengths"} (seconds); writes for each length the times of its reads.

import { readFileSync } from "node:fs";
import { jobs } from "@databricks/appkit";

const context = "./node_modules/@databricks/appkit/dist/context/execution-context.js";
const { runInUserContext } = await import(context);

const { interval, lengths } = JSON.parse(readFileSync(0, "utf8"));

let now = 0;
Date.now = () => now;
globalThis.setTimeout = (call, milliseconds) => {
  queueMicrotask(() => {
    now += milliseconds;
    call();
  });
};

process.env.DATABRICKS_JOB_ETL = "1";
const Plugin = jobs().plugin;
const plugin = Object.create(Plugin.prototype);
Object.assign(plugin, {
  config: { pollIntervalMs: interval * 1000 },
  jobIds: { etl: 1 },
  jobConfigs: { etl: { waitTimeout: Infinity } },
  execute: async (call) => ({ ok: true, data: await call() }),
});

const results = [];
for (const length of lengths) {
  const start = now;
  const times = [];
  plugin.connector = {
    runNow: async () => ({ run_id: 1 }),
    getRun: async () => {
      times.push((now - start) / 1000);
      const state = now >= start + length * 1000 ? "TERMINATED" : "RUNNING";
      return { run_id: 1, job_id: 1, state: { life_cycle_state: state } };
    },
  };
  const api = runInUserContext({ isUserContext: true, userId: "1" }, () => plugin.createJobAPI("etl"));
  for await (const _ of api.runAndWait());
  results.push(times);
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
