"""Processes that share a real Redis."""
