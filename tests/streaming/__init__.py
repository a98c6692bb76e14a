"""Streams on real servers."""
