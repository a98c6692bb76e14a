"""Scenarios that measure what the extension promises, side by side with its peers.

``python -m benchmarks`` runs them all and writes ``docs/benchmarks.md``.
"""
