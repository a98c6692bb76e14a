"""What the workspace keeps besides jobs and runs: workspace files, DBFS, volumes and secrets."""
