"""The Jobs API: requests to the engine and the registry, and their records to JSON."""
