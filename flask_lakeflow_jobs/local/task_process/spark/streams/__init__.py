"""Streams, each of which reads once what is new."""
