// An AppKit app with the jobs plugin and nothing else; it prints its port once it listens.

import { once } from "node:events";
import { createApp, jobs, server } from "@databricks/appkit";

const app = await createApp({
  plugins: [
    server({ host: "127.0.0.1", port: 0 }),
    jobs({ jobs: { etl: { taskType: "notebook" } }, pollIntervalMs: 200 }),
  ],
});
const listener = app.server.getServer();
if (!listener.listening) await once(listener, "listening");
console.log(`PORT=${listener.address().port}`);
