"""Delta tables: their logs, their class in Python, their rows, and the catalog."""
