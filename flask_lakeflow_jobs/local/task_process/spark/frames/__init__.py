"""Frames, and the requests to Sail that they end in."""
