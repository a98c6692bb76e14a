"""Spark: on Sail, or on a Java of the user."""
