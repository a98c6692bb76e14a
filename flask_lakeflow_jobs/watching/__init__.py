"""Subscribe to runs, poll them once for all subscribers, and share the results."""
