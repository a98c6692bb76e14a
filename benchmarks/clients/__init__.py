"""Clients that load and watch the apps."""
