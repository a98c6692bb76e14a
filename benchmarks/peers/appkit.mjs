// AppKit with its jobs plugin, as its documentation sets it up, and one route that reads as a user.

import { createApp, jobs, server } from "@databricks/appkit";

const keys = JSON.parse(process.env.JOBS ?? '["etl"]');

await createApp({
  plugins: [
    server({ host: "127.0.0.1", port: Number(process.env.PORT) }),
    jobs({
      jobs: Object.fromEntries(keys.map((key) => [key, { taskType: "notebook" }])),
      ...(process.env.POLL_INTERVAL && { pollIntervalMs: Number(process.env.POLL_INTERVAL) * 1000 }),
    }),
  ],
  onPluginsReady(appkit) {
    appkit.server.extend((app) => {
      app.get("/ping", (_request, response) => response.send("pong"));
      app.get("/as-user/:run", async (request, response) => {
        const result = await appkit.jobs("etl").asUser(request).getRun(Number(request.params.run));
        response.status(result.ok ? 200 : result.status).json(result.ok ? result.data : {});
      });
    });
  },
});
